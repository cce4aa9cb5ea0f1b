"""Post-load statements: what is written can be read back, and what would collide in the server does not run at once."""

from __future__ import annotations

import asyncio

import pytest

from connectors.postgres.statements import add_constraint, add_foreign_key, create_index, target_of
from connectors.postgres.table_locks import TableLocks
from core.schema import ForeignKey, Statement, TableName

ODD = TableName(schema_name='S "REFERENCES" ("x"."y")', name='t" ADD CONSTRAINT')
PLAIN = TableName(schema_name="s", name="t")
NAMES = ["by_a", 'It\'s "odd" USING (', "名"]


def foreign_key(name: str, referenced: TableName) -> ForeignKey:
    return ForeignKey(
        name=name, columns=['a") REFERENCES "x"."y', "b"], referenced=referenced, referenced_columns=["c", "d"]
    )


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("table", [ODD, PLAIN])
def test_targets_are_read_back_whatever_the_names(name: str, table: TableName) -> None:
    constraint = target_of(add_constraint(table, name, 'CHECK (a > \'"x"."y"\')'))
    assert constraint is not None
    assert (constraint.table, constraint.name, constraint.index, constraint.referenced) == (table, name, False, None)
    index = target_of(create_index(table, name, "USING btree (a)", unique=True))
    assert index is not None
    assert (index.table, index.name, index.unique, index.definition) == (table, name, True, "USING btree (a)")
    key = target_of(add_foreign_key(PLAIN, foreign_key(name, table)))
    assert key is not None
    assert (key.table, key.name, key.referenced) == (PLAIN, name, table)


def test_a_temporal_foreign_key_says_period() -> None:
    key = foreign_key("k", PLAIN).model_copy(update={"period": True})
    assert 'PERIOD "b") REFERENCES "s"."t" ("c", PERIOD "d")' in add_foreign_key(ODD, key).sql


def test_other_statements_have_no_target() -> None:
    assert target_of(Statement(sql='COMMENT ON TABLE "s"."t" IS \'CREATE INDEX\'', purpose="comment")) is None


async def test_indexes_run_side_by_side_and_constraints_alone() -> None:
    locks = TableLocks()
    running: set[str] = set()
    together: set[frozenset[str]] = set()

    async def run(statement: Statement) -> None:
        async with locks.hold(target_of(statement)):
            running.add(statement.purpose)
            for _ in range(3):
                together.add(frozenset(running))
                await asyncio.sleep(0)
            running.remove(statement.purpose)

    one, two = (create_index(PLAIN, name, "USING btree (a)", unique=False) for name in "ab")
    key = add_constraint(PLAIN, "key", "PRIMARY KEY (a)")
    reference = add_foreign_key(ODD, foreign_key("reference", PLAIN))
    elsewhere = create_index(TableName(schema_name="s", name="other"), "c", "USING btree (a)", unique=False)
    async with asyncio.timeout(5):
        await asyncio.gather(*map(run, [one, key, reference, two, elsewhere]))
    assert any({one.purpose, two.purpose} <= group for group in together)
    alone = [{key.purpose, other.purpose} for other in (one, two, reference)]
    alone += [{reference.purpose, other.purpose} for other in (one, two)]
    assert not any(pair <= group for pair in alone for group in together)
