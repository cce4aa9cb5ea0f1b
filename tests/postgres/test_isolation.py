"""Refused rows are told from the others in every format that rows arrive in, and the digest of the others is exact."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import pyarrow as pa
import pytest

from connectors.contract import (
    CANONICAL_DIGEST,
    Credentials,
    DigestColumn,
    DigestMethod,
    LedgerEntry,
    LoadBeginning,
    LoadRef,
    LoadTarget,
    RefusedRow,
    Selection,
    WholeBatch,
)
from connectors.postgres.connector import Postgres
from connectors.postgres.hashing import RECORD_HASH
from connectors.postgres.options import PostgresOptions
from core.errors import DataRejected
from core.ranges import WholeTable
from core.schema import Digest, TableName
from deploy.local.postgres_server import PostgresServer
from tests.conftest import NewDatabase, connect

COLUMNS = """id int, n numeric, f float8, b boolean, c char(5), i interval, a int[], d positive, j json, t text"""
SETUP = f"""
CREATE DOMAIN positive AS int; CREATE DOMAIN narrow AS positive CHECK (value < 100);
CREATE TABLE source ({COLUMNS});
INSERT INTO source SELECT n, n / 3.0, -0.0, n % 2 = 0, 'x', make_interval(days => n), ARRAY[n, NULL], n,
  '{{"a" : 1}}', CASE WHEN n % 5 = 0 THEN E'a\\tb\\n\\\\c"d' END FROM generate_series(1, 120) AS n;
CREATE TABLE target ({COLUMNS.replace("positive", "narrow")}, CHECK (id NOT IN (1, 50)));

"""
REFUSED = [0, 49, *range(99, 120)]
SOURCE, TARGET = (TableName(schema_name="public", name=name) for name in ("source", "target"))


@pytest.mark.parametrize("form", ["binary", "text", "arrow"])
@pytest.mark.parametrize("algorithm", [RECORD_HASH, CANONICAL_DIGEST])
async def test_the_digest_of_the_loaded_rows_is_exact(
    form: Literal["binary", "text", "arrow"], algorithm: str, postgres: PostgresServer, new_database: NewDatabase
) -> None:
    name = new_database()
    with connect(postgres, name) as connection:
        connection.execute(SETUP.encode())
    options = PostgresOptions(host="127.0.0.1", port=postgres.port, database=name, user=postgres.user)
    connector = Postgres(options, Credentials(), "test")
    schema = (await connector.describe_tables([SOURCE]))[SOURCE]
    names = [column.name for column in schema.columns]
    proof = DigestMethod(
        algorithm,
        tuple(DigestColumn(column.name, connector.digest_form(column, algorithm)) for column in schema.columns),
    )
    pieces, parts = list[bytes](), list[pa.RecordBatch]()

    async def keep_bytes(piece: bytes) -> None:
        pieces.append(bytes(piece))

    async def keep_rows(part: pa.RecordBatch) -> None:
        parts.append(part)

    async with connector.reading(None) as reader:
        selection = Selection(schema, names, as_text=form == "text")
        extracted = await reader.digest(selection, WholeTable(), proof)
        if form == "arrow":
            await reader.read_arrow(selection, WholeTable(), keep_rows)
        else:
            await reader.read_native(selection, WholeTable(), keep_bytes)
    batch = WholeBatch(native=b"".join(pieces)) if pieces else WholeBatch(arrow=pa.Table.from_batches(parts))
    kept: list[RefusedRow] = []

    async def keep(refused: Sequence[RefusedRow], digest: Digest | None) -> Digest:
        kept.extend(refused)
        values = pa.table({name: pa.array([row.values[name] for row in refused], pa.string()) for name in names})
        return digest or await connector.digest_text(LoadTarget(SOURCE, names), values, proof)

    await connector.prepare_ledger()
    target = LoadTarget(TARGET, names, as_text=form == "text")
    begun = await connector.begin_load(LoadBeginning("job", "table", 1, "1"), target, replace=False)
    entry = LedgerEntry("job", "table", begun.load, 0, extracted)
    loaded = await connector.load_isolating(target, entry, batch, proof, keep, most=120, digests=True)

    assert [row.position for row in kept] == REFUSED
    assert [row.error.code for row in kept] == ["23514"] * len(REFUSED)
    assert (kept[2].values["id"], kept[2].values["t"]) == ("100", 'a\tb\n\\c"d')
    assert (loaded.digest.rows, loaded.rejected) == (97, 23)
    assert loaded.digest == await connector.digest_table(TARGET, proof)
    assert loaded.digest == await connector.digest_load(TARGET, proof, LoadRef("job", "table", begun.load))


async def test_duplicates_among_the_rows_of_a_batch_leave_the_first_one(
    postgres: PostgresServer, new_database: NewDatabase
) -> None:
    name = new_database()
    with connect(postgres, name) as connection:
        connection.execute("CREATE TABLE target (id int UNIQUE DEFERRABLE INITIALLY DEFERRED, t text)")
    options = PostgresOptions(host="127.0.0.1", port=postgres.port, database=name, user=postgres.user)
    connector = Postgres(options, Credentials(), "test")
    await connector.prepare_ledger()
    target = LoadTarget(TARGET, ["id", "t"], as_text=True)
    proof = DigestMethod(CANONICAL_DIGEST, (DigestColumn("id", "text"), DigestColumn("t", "text")))
    load = (await connector.begin_load(LoadBeginning("job", "table", 1, "1"), target, replace=False)).load
    entry = LedgerEntry("job", "table", load, 0, Digest(rows=4))
    kept: list[RefusedRow] = []

    async def keep(refused: Sequence[RefusedRow], digest: Digest | None) -> Digest:
        kept.extend(refused)
        return Digest(rows=len(refused))

    batch = WholeBatch(native=b"1\ta\n2\tb\n1\tc\n2\td\n")

    async def too_many(refused: Sequence[RefusedRow], digest: Digest | None) -> Digest:
        raise DataRejected("too many")

    with pytest.raises(DataRejected, match="too many"):
        await connector.load_isolating(target, entry, batch, proof, too_many, most=4, digests=False)
    assert await connector.count_rows(TARGET) == 0
    loaded = await connector.load_isolating(target, entry, batch, proof, keep, most=4, digests=False)
    assert ([row.values for row in kept], loaded.rejected) == ([{"id": "1", "t": "c"}, {"id": "2", "t": "d"}], 2)
    assert await connector.count_rows(TARGET) == 2
