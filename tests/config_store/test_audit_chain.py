"""The audit trail is one chain without gaps, closed against changes, and what was done to it anyway is found."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from alembic import command

from core.audit import GENESIS, AuditFilter, AuditRecord, digest
from core.audit_chain import Break, Damage, Head, Verdict, verify
from core.config_store import audit_trail
from core.config_store.audit_events import audit
from core.config_store.sessions import open_engine
from core.config_store.store import ConfigStore
from core.config_store.stored import Actor
from core.config_store.upgrade import migrations_config
from deploy.local.postgres_server import PostgresServer
from tests.config_store.conftest import Database
from tests.config_store.specs import sample
from tests.conftest import connect

ANN = Actor("ann", "10.0.0.9")
VALUES: dict[str, Any] = {
    "ß": ["✓", None, True],
    "float": 0.1,
    "whole": 1e20,
    "small": 1e-7,
    "big": 2**70,
    "nul": "a\0b",
}
LAST = 7


async def check(store: ConfigStore, expected: Head | None = None) -> Verdict:
    """The verdict on the store's trail."""
    return await verify(lambda: store.audit_events(AuditFilter()), expected)


async def trail(store: ConfigStore) -> list[AuditRecord]:
    """All events."""
    return [event async for event in store.audit_events(AuditFilter())]


@pytest.fixture
async def kept(store: ConfigStore, monkeypatch: pytest.MonkeyPatch) -> Head:
    """Seven events, read in chunks of three, and the head that somebody wrote down."""
    monkeypatch.setattr(audit_trail, "CHUNK", 3)
    for number in range(LAST):
        await store.record_event(None, f"act {number + 1}", actor=ANN, before={"n": number}, after=VALUES)
    verdict = await check(store)
    assert verdict.broken is None
    assert verdict.head.event_id == LAST
    return verdict.head


def tamper(look: Database, *statements: str) -> None:
    """As a superuser who knows about the trigger."""
    look.execute("ALTER TABLE audit_event DISABLE TRIGGER audit_event_append_only")
    for statement in statements:
        look.execute(statement)  # type: ignore[arg-type]
    look.execute("ALTER TABLE audit_event ENABLE ALWAYS TRIGGER audit_event_append_only")


def rehash(look: Database, store_event: AuditRecord) -> str:
    """The statement that gives an event the hash of its content."""
    return f"UPDATE audit_event SET hash = '{digest(store_event)}' WHERE event_id = {store_event.event_id}"


def numbered(*changes: tuple[int, int]) -> list[str]:
    """Statements that give events other numbers."""
    return [f"UPDATE audit_event SET event_id = {new} WHERE event_id = {old}" for old, new in changes]


INVENTED = (
    "INSERT INTO audit_event SELECT 5, happened_at, 'eve', address, action, job_id, before, after, hash,"
    " repeat('a', 64) FROM audit_event WHERE event_id = 4"
)


@pytest.mark.parametrize(
    ("statements", "event_id", "damage"),
    [
        (["UPDATE audit_event SET actor = 'bob' WHERE event_id = 4"], 4, Damage.CHANGED),
        (["UPDATE audit_event SET after = jsonb_set(after, '{float}', '0.2') WHERE event_id = 1"], 1, Damage.CHANGED),
        (["UPDATE audit_event SET happened_at = happened_at + interval '1 us' WHERE event_id = 7"], 7, Damage.CHANGED),
        (["UPDATE audit_event SET address = NULL WHERE event_id = 2"], 2, Damage.CHANGED),
        (["DELETE FROM audit_event WHERE event_id = 4"], 4, Damage.MISSING),
        (["DELETE FROM audit_event WHERE event_id <= 2"], 1, Damage.MISSING),
        (["DELETE FROM audit_event WHERE event_id = 4", *numbered((5, 4), (6, 5), (7, 6))], 4, Damage.MISSING),
        ([*numbered((7, 8), (6, 7), (5, 6)), INVENTED], 5, Damage.CHANGED),
        (numbered((3, 99), (6, 3), (99, 6)), 3, Damage.REORDERED),
        (numbered((3, 99), (4, 3), (99, 4)), 3, Damage.REORDERED),
    ],
    ids=[
        "actor",
        "value",
        "moment",
        "address",
        "gone",
        "begin gone",
        "gap closed",
        "invented",
        "swapped",
        "neighbours",
    ],
)
async def test_the_first_event_that_was_tampered_with_is_named(
    store: ConfigStore, look: Database, kept: Head, statements: list[str], event_id: int, damage: Damage
) -> None:
    tamper(look, *statements)
    verdict = await check(store)
    assert verdict.broken is not None
    assert (verdict.broken.event_id, verdict.broken.damage) == (event_id, damage), verdict.broken.reason
    assert verdict.head.event_id == event_id - 1


async def test_an_inserted_event_with_a_hash_of_its_own_is_told_from_those_it_pushed_on(
    store: ConfigStore, look: Database, kept: Head
) -> None:
    before = (await trail(store))[3]
    false = before.model_copy(update={"event_id": 5, "actor": "eve", "previous_hash": before.hash})
    tamper(
        look,
        *numbered((7, 8), (6, 7), (5, 6)),
        "INSERT INTO audit_event SELECT 5, happened_at, 'eve', address, action, job_id, before, after, hash,"
        f" '{digest(false)}' FROM audit_event WHERE event_id = 4",
    )
    broken = (await check(store)).broken
    assert broken is not None
    assert (broken.event_id, broken.damage) == (5, Damage.INSERTED), broken.reason


async def test_an_event_that_was_changed_and_hashed_anew_is_named_by_the_one_behind_it(
    store: ConfigStore, look: Database, kept: Head
) -> None:
    changed = (await trail(store))[3].model_copy(update={"actor": "eve"})
    tamper(look, "UPDATE audit_event SET actor = 'eve' WHERE event_id = 4", rehash(look, changed))
    broken = (await check(store)).broken
    assert broken is not None
    assert (broken.event_id, broken.damage) == (4, Damage.CHANGED), broken.reason


async def test_only_a_head_that_was_kept_shows_that_the_end_was_cut_off_or_written_anew(
    store: ConfigStore, look: Database, kept: Head
) -> None:
    await store.record_event(None, "later", actor=ANN)
    assert (await check(store, kept)).broken is None
    tamper(look, "DELETE FROM audit_event WHERE event_id >= 6")
    assert (await check(store)).broken is None
    assert (await check(store, kept)).broken == Break(
        6, Damage.MISSING, "events 6 to 7 are missing: the end of the trail was cut off"
    )
    for action in ("something", "else"):
        await store.record_event(None, action, actor=ANN)
    assert (await check(store)).broken is None
    rewritten = (await check(store, kept)).broken
    assert rewritten is not None
    assert (rewritten.event_id, rewritten.damage) == (LAST, Damage.CHANGED)


@pytest.mark.parametrize(
    "statement", ["UPDATE audit_event SET actor = 'eve'", "DELETE FROM audit_event", "TRUNCATE audit_event"]
)
@pytest.mark.parametrize("role", ["origin", "replica"])
def test_the_database_refuses_to_change_or_delete_an_event(
    look: Database, kept: Head, statement: str, role: str
) -> None:
    look.execute(f"SET session_replication_role = {role}")  # type: ignore[arg-type]
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="never changed or deleted"):
        look.execute(statement)  # type: ignore[arg-type]


async def test_fifty_writers_at_once_make_one_chain_without_gaps(store: ConfigStore, url: str) -> None:
    stores = [store, ConfigStore(open_engine(url))]
    made = await asyncio.gather(
        *(stores[n % 2].create_job(sample(name=f"job {n}"), draft=False, actor=ANN) for n in range(50))
    )
    verdict = await check(store)
    assert verdict.broken is None
    assert verdict.head.event_id == 100
    events = await trail(store)
    assert [event.happened_at for event in events] == sorted(event.happened_at for event in events)
    for job in made:
        own = [event for event in events if event.job_id == job.job.job_id]
        assert [event.action for event in own] == ["create", "start"]
        assert own[1].event_id == own[0].event_id + 1
    await stores[1].close()


async def test_a_change_that_is_rolled_back_leaves_no_event_and_no_gap(store: ConfigStore) -> None:
    async def half() -> None:
        async with store.transaction() as session:
            audit(session, ANN, "half done", None)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await half()
    await store.record_event(None, "done", actor=ANN)
    assert [(event.event_id, event.action, event.previous_hash) for event in await trail(store)] == [
        (1, "done", GENESIS)
    ]


async def test_a_role_that_may_only_read_and_insert_events_is_enough(
    store: ConfigStore, look: Database, postgres: PostgresServer, database: str
) -> None:
    look.execute("CREATE ROLE clerk LOGIN")
    try:
        look.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO clerk")
        look.execute("REVOKE UPDATE, DELETE, TRUNCATE ON audit_event FROM clerk")
        clerk = ConfigStore(open_engine(f"postgresql+asyncpg://clerk@127.0.0.1:{postgres.port}/{database}"))
        await clerk.upgrade()
        await clerk.create_job(sample(), actor=ANN)
        await clerk.close()
        assert (await check(store)).head.event_id == 1
    finally:
        look.execute("DROP OWNED BY clerk; DROP ROLE clerk")


async def test_events_from_before_the_chain_are_numbered_and_chained(
    store: ConfigStore, url: str, postgres: PostgresServer, database: str, migrate: Callable[[str], Any]
) -> None:
    await migrate("0002")
    with connect(postgres, database) as session:
        insert = "INSERT INTO audit_event (happened_at, actor, address, action, job_id, before, after) VALUES"
        for number in range(3):
            session.execute(
                f"{insert} (now(), 'ann', NULL, %s, gen_random_uuid(), NULL, '{{\"x\": 1.0, \"y\": 1e300}}')",
                (f"act {number}",),
            )
        session.execute("DELETE FROM audit_event WHERE action = 'act 1'")
    await migrate("head")
    await store.record_event(None, "new", actor=ANN)
    assert [(event.event_id, event.action) for event in await trail(store)] == [(1, "act 0"), (2, "act 2"), (3, "new")]
    assert await check(store) == Verdict((await check(store)).head)


@pytest.fixture
def migrate(url: str) -> Callable[[str], Any]:
    """Takes the schema to a revision, up or down."""

    async def to(revision: str) -> None:
        engine = open_engine(url)
        direction = command.upgrade if revision == "head" else command.downgrade
        async with engine.begin() as connection:
            await connection.run_sync(lambda sync: direction(migrations_config(sync), revision))
        await engine.dispose()

    return to
