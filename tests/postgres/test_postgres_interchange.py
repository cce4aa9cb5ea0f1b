"""PostgreSQL between engines: what its values are, their interchange text out and in, and one digest on every side."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import psycopg
import pyarrow as pa
import pytest

from connectors.canonical import digest_batch, row_hashes
from connectors.contract import (
    CANONICAL_DIGEST,
    CSV_INTERCHANGE,
    Credentials,
    DigestColumn,
    DigestMethod,
    LedgerEntry,
    LoadBeginning,
    LoadRef,
    LoadTarget,
    Selection,
    WrittenColumn,
)
from connectors.postgres.connector import Postgres
from connectors.postgres.options import PostgresOptions
from core.errors import DataRejected
from core.ranges import WholeTable
from core.schema import Column, Digest, TableName, TableSchema
from core.value_type import ValueType
from deploy.local.postgres_server import PostgresServer
from tests.conftest import NewDatabase, connect
from tests.end_to_end import exact_values

Session = psycopg.Connection[tuple[object, ...]]


class Base:
    """One database, by the product and by psycopg."""

    def __init__(self, server: PostgresServer, name: str) -> None:
        options = PostgresOptions(host="127.0.0.1", port=server.port, database=name, user=server.user)
        self.connector = Postgres(options, Credentials(), "test")
        self.session: Session = connect(server, name)

    async def describe(self, schema: str, name: str) -> TableSchema:
        table = TableName(schema_name=schema, name=name)
        return (await self.connector.describe_tables([table]))[table]

    async def read(self, selection: Selection) -> pa.RecordBatch:
        """All rows by way of Arrow."""
        batches: list[pa.RecordBatch] = []

        async def keep(batch: pa.RecordBatch) -> None:
            batches.append(batch)

        async with self.connector.reading(None) as reader:
            await reader.read_arrow(selection, WholeTable(), keep)
        return pa.Table.from_batches(batches).combine_chunks().to_batches()[0]

    async def read_csv(self, selection: Selection) -> tuple[bytes, int]:
        """All rows in the common bulk format, and how many the server says they are."""
        pieces: list[bytes] = []

        async def keep(piece: bytes) -> None:
            pieces.append(bytes(piece))

        async with self.connector.reading(None) as reader:
            counted = await reader.read_native(selection, WholeTable(), keep)
        return b"".join(pieces), counted

    async def load(
        self, target: LoadTarget, digest: Digest, *, csv: bytes | None = None, rows: pa.RecordBatch | None = None
    ) -> LoadRef:
        """One batch, into a load of its own."""
        await self.connector.prepare_ledger()
        begun = await self.connector.begin_load(LoadBeginning("job", str(target.table), 1, "1"), target, replace=False)
        entry = LedgerEntry("job", str(target.table), begun.load, 0, digest)

        async def parts() -> AsyncIterator[bytes]:
            assert csv is not None
            yield csv

        async def batches() -> AsyncIterator[pa.RecordBatch]:
            assert rows is not None
            yield rows

        if csv is not None:
            await self.connector.load_native(target, entry, parts(), lambda _: None)
        else:
            await self.connector.load_arrow(target, entry, batches(), lambda _: None)
        return LoadRef("job", str(target.table), begun.load)


@pytest.fixture(scope="module")
def base(postgres: PostgresServer, new_database: NewDatabase) -> Base:
    """The values of tests/end_to_end/exact_values.py, all of them."""
    made = Base(postgres, new_database())
    made.session.execute('CREATE SCHEMA "Odd schéma"; CREATE TABLE "Odd schéma"."Tä ""ble" ()')  # regclass names it
    made.session.execute(exact_values.TYPES.encode())
    for name in exact_values.TABLES:
        made.session.execute(exact_values.table_sql(name).encode())
    return made


def selected(table: TableSchema, *, native_format: str = "") -> Selection:
    names = [column.name for column in table.columns]
    return Selection(table, names, interchange=True, native_format=native_format)


def method(columns: Sequence[Column], *, skip: Sequence[str] = ()) -> DigestMethod:
    return DigestMethod(
        CANONICAL_DIGEST,
        tuple(
            DigestColumn(column.name, column.value.digest_form, column.value, column.type)
            for column in columns
            if column.value.digest_form not in skip
        ),
    )


KINDS = {
    ("numbers", "oid"): ValueType(kind="integer", bits=32, signed=False),
    ("numbers", "numeric"): ValueType(kind="decimal", specials=True),
    ("numbers", "numeric(20,4)"): ValueType(kind="decimal", precision=20, scale=4, specials=True),
    ("numbers", "numeric(5,-2)"): ValueType(kind="decimal", precision=5, scale=-2, specials=True),
    ("numbers", "types.price"): ValueType(kind="decimal", specials=True),
    ("numbers", "real"): ValueType(kind="float32"),
    ("numbers", "money"): ValueType(kind="other"),
    ("times", "timestamp(3)"): ValueType(kind="timestamp", fraction=3),
    ("times", "timestamptz"): ValueType(kind="timestamp_tz"),
    ("times", "interval(3)"): ValueType(kind="interval", fraction=3),
    ("times", "interval year to month"): ValueType(kind="interval"),
    ("texts", "varchar(10)"): ValueType(kind="text", length=10),
    ("texts", "char(5)"): ValueType(kind="char", length=5),
    ("texts", "bpchar"): ValueType(kind="char"),
    ("texts", "types.code"): ValueType(kind="char", length=4),
    ("texts", "jsonb"): ValueType(kind="json", normalised=True),
    ("texts", "json"): ValueType(kind="json"),
    ("texts", "types.mood_domain"): ValueType(kind="enum", labels=("sad", "it's ok", "naïve 🙂", 'a,b {}"\\')),
    ("arrays", "integer[]"): ValueType(kind="array"),
    ("arrays", "types.moods"): ValueType(kind="array"),
    ("arrays", "types.pair[]"): ValueType(kind="other"),
    ("arrays", "int2vector"): ValueType(kind="other"),
    ("arrays", "public.vector(3)"): ValueType(kind="other"),
    ("references", "bit(3)"): ValueType(kind="bits", length=3, fixed=True),
    ("references", "varbit"): ValueType(kind="bits"),
    ("references", "xid8"): ValueType(kind="integer", bits=64, signed=False),
    ("references", "inet"): ValueType(kind="other"),
    ("structures", "types.pair"): ValueType(kind="other"),
}


@pytest.mark.parametrize(("table", "native"), KINDS)
async def test_the_catalog_says_what_values_are(base: Base, table: str, native: str) -> None:
    column = (await base.describe("types", table)).column(exact_values.column_name(native))
    assert column is not None
    assert column.value == KINDS[table, native]


async def texts_of(base: Base, declared: str, literals: Sequence[str]) -> list[str | None]:
    """The interchange text of values of a type."""
    base.session.execute(f"DROP TABLE IF EXISTS public.shown; CREATE TABLE public.shown (value {declared})".encode())
    for text in literals:
        base.session.execute("INSERT INTO public.shown VALUES (%s)", (text,))
    rows = await base.read(selected(await base.describe("public", "shown")))
    found: list[str | None] = rows.column(0).to_pylist()
    return found


@pytest.mark.parametrize(
    ("declared", "literals", "texts"),
    [
        ("boolean", ["true", "false"], ["t", "f"]),
        ("char(4)", ["ab", "", "  x "], ["ab", "", "  x"]),
        ("numeric", ["1e20", "1.10", "NaN", "-Infinity"], ["100000000000000000000", "1.10", "NaN", "-Infinity"]),
        ("bytea", ["\\xDEAD"], ["\\xdead"]),
        ("time", ["24:00", "01:02:03.50"], ["24:00:00", "01:02:03.5"]),
        ("timestamptz", ["2024-01-01 00:00+02"], ["2023-12-31 22:00:00+00"]),
        ("timestamp", ["0044-03-15 12:00 BC", "infinity"], ["0044-03-15 12:00:00 BC", "infinity"]),
        ("interval", ["14 months -3 days 4 hours"], ["1 year 2 mons -3 days +04:00:00"]),
        ("integer[]", ["{1,NULL,3}", "{}", "{{1,2},{3,4}}"], ["[1,null,3]", "[]", "[[1,2],[3,4]]"]),
        ("integer[]", ["[0:1]={5,6}", "[1:1][2:3]={{5,6}}"], ["[0:1]={5,6}", "[1:1][2:3]={{5,6}}"]),
        ("text[]", ['{"a\\"b",NULL,"NULL"}'], ['["a\\"b",null,"NULL"]']),
        ("jsonb[]", ['{"null",NULL}'], ['{"null",NULL}']),
        ("json", ['{"a" : 1}'], ['{"a" : 1}']),
    ],
)  # fmt: skip
async def test_interchange_text_is_as_the_contract_says(
    base: Base, declared: str, literals: Sequence[str], texts: Sequence[str]
) -> None:
    assert await texts_of(base, declared, literals) == texts


@pytest.mark.parametrize("name", exact_values.TABLES)
async def test_the_server_s_digest_is_that_of_the_rows_that_left_it(base: Base, name: str) -> None:
    table = await base.describe("types", name)
    rows = await base.read(selected(table))
    for skip in ((), ("json",)):  # with documents, which only leave by COPY, and without
        proof = method(table.columns, skip=skip)
        async with base.connector.reading(None) as reader:
            assert await reader.digest(selected(table), WholeTable(), proof) == digest_batch(rows, proof.columns)
            found = await reader.row_hashes(selected(table), WholeTable(), proof)
            examples = await reader.example_rows(selected(table), WholeTable(), proof, list(found)[:2])
        assert sorted(found) == sorted(set(row_hashes(rows, proof.columns)))
        assert sum(found.values()) == rows.num_rows
        assert len(examples) == 2
        assert set(examples[0]) == {column.name for column in proof.columns}


@pytest.mark.parametrize("name", exact_values.TABLES)
async def test_the_common_bulk_format_holds_the_same_texts_as_arrow(base: Base, name: str) -> None:
    table = await base.describe("types", name)
    names = [column.name for column in table.columns]
    arrow = await base.read(selected(table))
    csv, counted = await base.read_csv(selected(table, native_format=CSV_INTERCHANGE))
    assert counted == arrow.num_rows
    columns = ", ".join(f"c{at} text" for at in range(len(names)))
    base.session.execute(f"CREATE TABLE public.fed_{name} ({columns})".encode())
    copied = f"COPY public.fed_{name} FROM STDIN (FORMAT csv, NULL 'NULL')"
    with base.session.cursor() as cursor, cursor.copy(copied.encode()) as copy:
        copy.write(csv)
    fed = base.session.execute(f"SELECT * FROM public.fed_{name}".encode()).fetchall()
    assert sorted(fed, key=repr) == sorted((tuple(row.values()) for row in arrow.to_pylist()), key=repr)


@pytest.mark.parametrize("path", ["csv", "arrow"])
async def test_values_of_every_kind_arrive_in_columns_made_for_them(
    base: Base, postgres: PostgresServer, new_database: NewDatabase, path: str
) -> None:
    other = Base(postgres, new_database())
    for name in ("numbers", "times", "texts", "references"):
        table = await base.describe("types", name)
        # PostgreSQL's interval without time or with 3 digits is made interval(6): the values are the same
        arrivals = [other.connector.arrival(column, None, key=False) for column in table.columns]
        assert {arrival.verdict for arrival in arrivals} <= {"EXACT", "CONVERT"}
        quoted = ['"' + column.name.replace('"', '""') + '"' for column in table.columns]
        made = ", ".join(f"{column} {arrival.type}" for column, arrival in zip(quoted, arrivals, strict=True))
        other.session.execute(f'CREATE TABLE public."{name}" ({made})'.encode())
        names = [column.name for column in table.columns]
        written = tuple(
            WrittenColumn(column.name, arrival.value, arrival.type)
            for column, arrival in zip(table.columns, arrivals, strict=True)
        )
        target = LoadTarget(
            TableName(schema_name="public", name=name), names, written=written, native_format=CSV_INTERCHANGE
        )
        rows = await base.read(selected(table))
        proof = DigestMethod(
            CANONICAL_DIGEST,
            tuple(DigestColumn(part.name, part.value.digest_form, part.value, part.native) for part in written),
        )
        digest = digest_batch(rows, proof.columns)
        csv, _ = await base.read_csv(selected(table, native_format=CSV_INTERCHANGE))
        load = await other.load(target, digest, csv=csv if path == "csv" else None, rows=rows)
        assert await other.connector.digest_table(target.table, proof) == digest
        assert await other.connector.digest_load(target.table, proof, load) == digest
        assert await other.connector.differing_batches(target.table, proof, load) == []
        hashes = [row async for part in other.connector.table_hashes(target.table, proof) for row in part]
        assert sorted(hashes) == sorted(row_hashes(rows, proof.columns))
        found = await other.connector.batch_hashes(target.table, proof, load, 0)
        assert sorted(found) == sorted(set(hashes))


async def test_a_changed_document_is_found_and_named(base: Base) -> None:
    """By the way of tables that no SQL can hash."""
    base.session.execute("CREATE TABLE public.documents (id int, body jsonb)")
    table = TableName(schema_name="public", name="documents")
    rows = pa.record_batch({"id": ["1", "2"], "body": ['{"b": 1.0, "a": 2}', "[1]"]})
    proof = method((await base.describe("public", "documents")).columns)
    digest = digest_batch(rows, proof.columns)
    load = await base.load(LoadTarget(table, ["id", "body"]), digest, rows=rows)
    assert await base.connector.differing_batches(table, proof, load) == []
    base.session.execute("UPDATE public.documents SET body = '[2]' WHERE id = 2")
    assert [part.number for part in await base.connector.differing_batches(table, proof, load)] == [0, None]
    strangers = await base.connector.batch_hashes(table, proof, load, None)
    assert await base.connector.example_rows(table, proof, list(strangers)) == [{"id": "2", "body": "[2]"}]


async def test_null_and_the_word_null_stay_apart_in_the_bulk_format(base: Base) -> None:
    base.session.execute("CREATE TABLE public.words (a text, b text)")
    base.session.execute(
        "INSERT INTO public.words VALUES ('NULL', NULL), ('', 'null'), (NULL, '\\.'), ('a,\"b', E'\\n')"
    )
    table = await base.describe("public", "words")
    csv, _ = await base.read_csv(selected(table, native_format=CSV_INTERCHANGE))
    assert csv.split(b"\n", 1)[0] == b'"NULL",NULL'
    base.session.execute("CREATE TABLE public.words_again (a text, b text)")
    target = LoadTarget(TableName(schema_name="public", name="words_again"), ["a", "b"], native_format=CSV_INTERCHANGE)
    await base.load(target, Digest(rows=4), csv=csv)
    differing = base.session.execute("(TABLE public.words EXCEPT ALL TABLE public.words_again)").fetchall()
    assert differing == []


def made_column(value: ValueType) -> Column:
    return Column(name="value", type="foreign", value=value)


TEXT = ValueType(kind="text")
INTEGER = ValueType(kind="integer", bits=32)
# Value type, existing column, verdict, kinds of the limits, texts that it holds and must give back.
EXISTING: list[tuple[ValueType, str, str, list[str], list[str]]] = [
    (INTEGER, "bigint", "CONVERT", [], ["-2147483648", "7"]),
    (INTEGER, "smallint", "LOSSY", ["range"], ["7"]),
    (INTEGER, "boolean", "CONVERT", ["zero_or_one"], ["0", "1"]),
    (INTEGER, "numeric(20,4)", "CONVERT", [], ["-5", "100"]),
    (INTEGER, "double precision", "CONVERT", [], ["-2147483648", "100"]),
    (ValueType(kind="integer", bits=64), "double precision", "LOSSY", ["significant"], ["123456789012345"]),
    (ValueType(kind="integer", bits=64, signed=False), "bigint", "LOSSY", ["range"], ["9223372036854775807"]),
    (ValueType(kind="decimal"), "bigint", "CONVERT", ["digits", "range"], ["-12"]),
    (ValueType(kind="decimal", precision=10, scale=0), "bigint", "CONVERT", [], ["9999999999"]),
    (ValueType(kind="decimal", precision=10, scale=2), "bigint", "LOSSY", ["digits", "range"], ["12"]),
    (ValueType(kind="decimal", precision=38, scale=10), "numeric(10,2)", "LOSSY", ["digits"], ["1.1"]),
    (ValueType(kind="decimal", precision=8, scale=2), "numeric(10,2)", "CONVERT", [], ["1.10"]),
    (ValueType(kind="decimal", precision=8, scale=2), "double precision", "CONVERT", [], ["123456.78", "0.1"]),
    (ValueType(kind="decimal"), "real", "CONVERT", ["digits", "significant"], ["0.1", "100000"]),
    (ValueType(kind="float32"), "double precision", "CONVERT", [], ["0.1", "-0", "NaN"]),
    (ValueType(kind="float64"), "real", "LOSSY", ["float32"], ["0.5", "-0"]),
    (ValueType(kind="float64"), "numeric", "CONVERT", ["no_minus_zero"], ["1e-300", "0.1", "NaN", "Infinity"]),
    (ValueType(kind="float64"), "text", "CONVERT", [], ["1e+20", "-0"]),
    (TEXT, "varchar(5)", "CONVERT", ["no_nul", "characters"], ["12345"]),
    (ValueType(kind="text", length=9), "varchar(5)", "LOSSY", ["no_nul", "characters"], ["12345"]),
    (ValueType(kind="text", length=3), "varchar(5)", "EXACT", ["no_nul"], ["x"]),
    (TEXT, "char(5)", "CONVERT", ["no_nul", "no_blank_end", "characters"], ["ab", ""]),
    (TEXT, "name", "CONVERT", ["no_nul", "bytes"], ["ab"]),
    (TEXT, "uuid", "CONVERT", ["syntax"], ["00000000-0000-0000-0000-00000000000a"]),
    (TEXT, "integer", "CONVERT", ["syntax", "range"], ["42"]),
    (TEXT, "date", "CONVERT", ["syntax", "years"], ["2024-02-29", "infinity"]),
    (TEXT, "boolean", "CONVERT", ["syntax"], ["t", "f"]),
    (TEXT, "jsonb", "CONVERT", ["syntax", "no_nul", "json_objects"], ['{"b":1,  "a":1.0}']),
    (ValueType(kind="date"), "timestamp", "CONVERT", ["years"], ["2024-02-29", "0044-03-15 BC", "infinity"]),
    (ValueType(kind="timestamp_tz"), "timestamp", "CONVERT", ["years"], ["2024-02-29 10:00:00.5+00", "-infinity"]),
    (ValueType(kind="timestamp"), "timestamptz", "CONVERT", ["years"], ["2024-02-29 10:00:00.5"]),
    (ValueType(kind="timestamp", fraction=9), "timestamp", "LOSSY", ["years", "fraction"], ["2024-02-29 10:00:00.5"]),
    (ValueType(kind="timestamp"), "timestamp(0)", "LOSSY", ["years", "fraction"], ["2024-02-29 10:00:00"]),
    (ValueType(kind="interval"), "time", "LOSSY", ["within_a_day"], ["23:59:59.5"]),
    (ValueType(kind="time"), "interval", "CONVERT", [], ["23:59:59.5", "24:00:00"]),
    (ValueType(kind="json"), "jsonb", "CONVERT", ["no_nul", "json_objects"], ['{"b":1,  "a":2}', "1.50"]),
    (ValueType(kind="json", normalised=True), "json", "CONVERT", [], ['{"a":2}']),
    (ValueType(kind="array"), "jsonb", "CONVERT", ["no_nul", "plain_array"], ["[1,  2]"]),
    (ValueType(kind="bits", length=3), "varbit(2)", "LOSSY", ["characters"], ["01"]),
    (ValueType(kind="enum", labels=("a", "z")), "tone", "LOSSY", ["labels"], ["a"]),
    (ValueType(kind="enum", labels=("a",)), "tone", "EXACT", [], ["a"]),
    (ValueType(kind="char", length=2), "text", "CONVERT", ["no_nul"], ["ab"]),
]  # fmt: skip
REFUSED = [
    (ValueType(kind="timestamp"), "date"),
    (ValueType(kind="boolean"), "integer"),
    (ValueType(kind="binary"), "text[]"),
    (ValueType(kind="other"), "inet"),
    (ValueType(kind="array"), "integer[]"),
    (ValueType(kind="bits"), "bit(3)"),
    (ValueType(kind="interval"), "interval year to month"),
    (INTEGER, "integer GENERATED ALWAYS AS (1) STORED"),
    (TEXT, '"char"'),
    (INTEGER, "yes_or_no"),
]


async def existing_column(base: Base, declared: str) -> Column:
    base.session.execute(
        b"DO $$ BEGIN IF to_regtype('tone') IS NULL THEN CREATE TYPE tone AS ENUM ('a', 'b');"
        b" CREATE DOMAIN yes_or_no AS boolean; END IF; END $$"
    )
    base.session.execute(f"DROP TABLE IF EXISTS public.stood; CREATE TABLE public.stood (value {declared})".encode())
    found = (await base.describe("public", "stood")).column("value")
    assert found is not None
    return found


@pytest.mark.parametrize(("value", "declared", "verdict", "limits", "texts"), EXISTING)
async def test_a_column_that_exists_takes_what_it_can_hold_and_gives_it_back(
    base: Base, value: ValueType, declared: str, verdict: str, limits: list[str], texts: list[str]
) -> None:
    existing = await existing_column(base, declared)
    arrival = base.connector.arrival(made_column(value), existing, key=False)
    assert (arrival.verdict, [limit.kind for limit in arrival.limits]) == (verdict, limits)
    rows = pa.record_batch({"value": pa.array([*texts, None], pa.string())})
    column = DigestColumn("value", arrival.value.digest_form, arrival.value, arrival.type)
    digest = digest_batch(rows, [column])
    target = LoadTarget(TableName(schema_name="public", name="stood"), ["value"])
    await base.connector.prepare_ledger()
    base.session.execute("TRUNCATE public.sterna_ledger")
    await base.load(target, digest, rows=rows)
    assert await base.connector.digest_table(target.table, DigestMethod(CANONICAL_DIGEST, (column,))) == digest


@pytest.mark.parametrize(("value", "declared"), REFUSED)
async def test_a_column_that_cannot_take_the_values_says_why(base: Base, value: ValueType, declared: str) -> None:
    arrival = base.connector.arrival(made_column(value), await existing_column(base, declared), key=False)
    assert arrival.verdict == "UNSUPPORTED"
    assert "'columns'" in arrival.reason


# What a limit calls loud, the server refuses by itself.
LOUD = [
    (TEXT, None, "a\0b"),
    (ValueType(kind="date"), None, "6000000-01-01"),
    (ValueType(kind="timestamp"), None, "300000-01-01 00:00:00"),
    (ValueType(kind="json", normalised=True), None, '"\\u0000"'),
    (ValueType(kind="array"), None, "[0:1]={1,2}"),
    (ValueType(kind="integer", bits=64), "integer", "2147483648"),
    (ValueType(kind="decimal"), "bigint", "1.5"),
    (ValueType(kind="decimal", specials=True), "bigint", "NaN"),
    (INTEGER, "boolean", "777"),
    (ValueType(kind="enum", labels=("a", "z")), "tone", "z"),
]


@pytest.mark.parametrize(("value", "declared", "text"), LOUD)
async def test_what_a_limit_calls_loud_the_server_refuses(
    base: Base, value: ValueType, declared: str | None, text: str
) -> None:
    existing = await existing_column(base, declared) if declared else None
    arrival = base.connector.arrival(made_column(value), existing, key=False)
    assert any(limit.loud for limit in arrival.limits)
    await existing_column(base, arrival.type)
    target = LoadTarget(TableName(schema_name="public", name="stood"), ["value"])
    await base.connector.prepare_ledger()
    base.session.execute("TRUNCATE public.sterna_ledger")
    with pytest.raises(DataRejected) as refused:
        await base.load(target, Digest(rows=1), rows=pa.record_batch({"value": [text]}))
    assert text not in str(refused.value)
    assert base.session.execute("SELECT count(*) FROM public.stood").fetchone() == (0,)


async def test_constraints_and_indexes_are_described_in_words_for_other_databases(base: Base) -> None:
    base.session.execute(
        """
        CREATE TABLE public.parents (a int, b int, c text, d int, PRIMARY KEY (a));
        CREATE TABLE public.children (a int REFERENCES public.parents ON DELETE CASCADE ON UPDATE SET NULL DEFERRABLE,
                                      b int REFERENCES public.parents);
        CREATE UNIQUE INDEX parents_idx ON public.parents (a DESC, b) INCLUDE (c);
        CREATE INDEX parents_hash ON public.parents USING hash (c);
        """
    )
    parents, children = await base.describe("public", "parents"), await base.describe("public", "children")
    hashed, ordered = parents.indexes
    assert (hashed.method, hashed.descending, hashed.included) == ("hash", [], [])
    assert (ordered.method, ordered.descending, ordered.included) == ("btree", ["a"], ["c"])
    first, second = children.foreign_keys
    assert (first.on_delete, first.on_update, first.deferrable) == ("CASCADE", "SET NULL", True)
    assert (second.on_delete, second.on_update, second.deferrable) == ("NO ACTION", "NO ACTION", False)
