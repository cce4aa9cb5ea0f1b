"""Values that arrive as they are, though something of their meaning stays behind: moved without asking, and named in
the certificate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from connectors.conformance.harness import SqlHarness
from tests.conformance.conftest import OpenHarness
from tests.conformance.job_in_process import JobInProcess


@dataclass(frozen=True)
class Weaker:
    """A column of which something stays behind."""

    case: str
    source: str
    destination: str
    type: str
    value: str
    """SQL of the source."""
    arrives: str | None
    """What the destination's client finds."""
    said: Sequence[str]
    """In the table's part of the certificate: words of a warning, of the column's reason, or of what is not carried."""
    existing: str = ""
    read: str = "v"

    def __str__(self) -> str:
        return f"{self.source} to {self.destination}: {self.case}".lower().replace(" ", "-")


ZONED = "of the time zone only the instant arrives"
WEAKER = (
    Weaker(
        "an offset",
        "ORACLE",
        "POSTGRES",
        "TIMESTAMP WITH TIME ZONE",
        "TIMESTAMP '2024-02-29 12:00:00 +02:00'",
        "2024-02-29 10:00:00+00",
        [ZONED],
        read="v::text",
    ),
    Weaker(
        "an offset",
        "SNOWFLAKE",
        "DUCKDB",
        "TIMESTAMP_TZ(6)",
        "'2024-02-29 12:00:00+02:00'",
        "2024-02-29 10:00:00+00",
        [ZONED],
        read="v::VARCHAR",
    ),
    Weaker("blanks of char(n)", "POSTGRES", "SNOWFLAKE", "char(5)", "'ab'", "ab", ["blanks that fill up character(5)"]),
    Weaker("blanks of char(n)", "ORACLE", "SQLITE", "CHAR(5)", "'ab'", "ab", ["blanks that fill up CHAR(5"]),
    Weaker("32 bits", "POSTGRES", "SNOWFLAKE", "real", "0.1", "0.1", ["FLOAT has 64 bits"]),
    Weaker("32 bits", "POSTGRES", "SQLITE", "real", "0.1", "0.1", ["64 bits"]),
    Weaker(
        "the order of keys",
        "MYSQL",
        "POSTGRES",
        "JSON",
        '\'{"bb": 1, "a": 2}\'',
        '{"a": 2, "bb": 1}',
        ["the document is kept, not its spelling"],
        existing="jsonb",
        read="v::text",
    ),
    Weaker(
        "the order of labels",
        "MYSQL",
        "POSTGRES",
        "ENUM('sad','happy')",
        "'sad'",
        "sad",
        ["the order of the labels of enum('sad','happy')"],
    ),
    Weaker(
        "the order of labels",
        "POSTGRES",
        "SNOWFLAKE",
        "conformance_mood",
        "'sad'",
        "sad",
        ["the order of the labels", "the destination's column takes any text"],
    ),
    Weaker(
        "a set", "MYSQL", "POSTGRES", "SET('a','b')", "'b,a'", "a,b", ["set: the destination's column takes any text"]
    ),
)


@pytest.mark.parametrize("case", WEAKER, ids=str)
async def test_what_stays_behind_is_named_in_the_certificate(
    case: Weaker, opened_harness: OpenHarness, tmp_path: Path
) -> None:
    source, destination = opened_harness(case.source), opened_harness(case.destination, "destination")
    assert isinstance(source, SqlHarness)
    assert isinstance(destination, SqlHarness)
    name, arrived = source.new_name("weaker"), destination.new_name("arrived")
    source.execute(f"CREATE TABLE {source.qualified(name)} (id {source.natives['int32'].type}, v {case.type})")
    source.execute(f"INSERT INTO {source.qualified(name)} VALUES (1, {case.value})")
    if case.existing:
        destination.execute(f"CREATE TABLE {destination.qualified(arrived)} (id bigint, v {case.existing})")
    job = JobInProcess(source, destination, tmp_path)
    table = {"sourceTable": name, "destinationTable": arrived}
    table |= {"sourceSchema": source.schema} if source.schema else {}
    table |= {"destinationSchema": destination.schema} if destination.schema else {}
    [outcome] = await job.run(job.spec([table]))
    assert outcome.result.proved, outcome.result.message
    found = destination.query(f"SELECT {case.read} FROM {destination.qualified(arrived)}")
    assert [str(row[0]) for row in found] == [case.arrives]
    evidence = job.evidence(outcome.result)
    assert evidence["changedValues"] == []
    column = evidence["columns"][1]
    lines = [*evidence["warnings"], column["reason"]]
    lines += [f"{item['kind']}: {item['reason']}" for item in evidence["notCarried"] if item["object"] == "v"]
    for words in case.said:
        assert any(words in line for line in lines), lines


async def test_the_empty_text_becomes_null_in_oracle_and_is_counted(
    opened_harness: OpenHarness, tmp_path: Path
) -> None:
    source, destination = opened_harness("POSTGRES"), opened_harness("ORACLE", "destination")
    assert isinstance(source, SqlHarness)
    assert isinstance(destination, SqlHarness)
    name, arrived = source.new_name("empty"), destination.new_name("arrived")
    source.execute(f"CREATE TABLE {name} (id int, v varchar(20), w bytea)")
    source.execute(f"INSERT INTO {name} VALUES (1, '', ''), (2, NULL, NULL), (3, 'a', 'a'), (4, '', 'a')")
    job = JobInProcess(source, destination, tmp_path)
    [outcome] = await job.run(job.spec([{"sourceTable": name, "destinationTable": arrived}]))
    assert outcome.result.proved, outcome.result.message
    counted = {line["column"]: (line["limit"], line["count"]) for line in job.evidence(outcome.result)["changedValues"]}
    assert counted == {"V": ("empty_is_null", 2)}
    assert destination.query(f"SELECT V FROM {arrived} ORDER BY ID") == [(None,), (None,), ("a",), (None,)]


LEFT_BEHIND = {
    "partial": "index",
    "expressed": "index",
    "apart": "exclusion",
    "unproved": "check",
    "spelled": "generated column",
    "fires": "trigger",
    "id": "identity ALWAYS",
    "late": "deferrable key",
    "seen": "policy",
    "v": "collation",
    "w": "comment",
}
"""Names of objects of the source that mean nothing at the destination, and kinds."""


async def test_objects_that_are_not_carried_are_listed_by_name(opened_harness: OpenHarness, tmp_path: Path) -> None:
    source, destination = opened_harness("POSTGRES"), opened_harness("SQLITE", "destination")
    assert isinstance(source, SqlHarness)
    assert isinstance(destination, SqlHarness)
    name = source.new_name("left")
    source.execute(
        f'CREATE TABLE {name} (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, v text COLLATE "C", w int, d int4range,'
        "  spelled text GENERATED ALWAYS AS (reverse(v)) STORED,"
        "  CONSTRAINT late UNIQUE (w) DEFERRABLE, CONSTRAINT apart EXCLUDE USING gist (d WITH &&));"
        f"COMMENT ON COLUMN {name}.w IS 'how many'; CREATE POLICY seen ON {name} USING (true);"
        f"CREATE INDEX partial ON {name} (v) WHERE w > 0; CREATE INDEX expressed ON {name} (md5(v));"
        f"ALTER TABLE {name} ADD CONSTRAINT unproved CHECK (w > 0) NOT VALID;"
        f"CREATE FUNCTION {name}_fires() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';"
        f"CREATE TRIGGER fires BEFORE INSERT ON {name} FOR EACH ROW EXECUTE FUNCTION {name}_fires();"
        f"INSERT INTO {name} (v, w) VALUES ('a', 1)"
    )
    job = JobInProcess(source, destination, tmp_path)
    spec = job.spec([{"sourceTable": name}])
    surveyed = await job.survey(spec)
    [outcome] = await job.run(spec)
    assert outcome.result.proved, outcome.result.message
    listed = [(item["object"], item["kind"]) for item in job.evidence(outcome.result)["notCarried"]]
    listed += [(item.object, item.kind) for item in surveyed.not_carried]
    missing = {
        (label, kind)
        for label, kind in LEFT_BEHIND.items()
        if not any(kind in known and label in found for found, known in listed)
    }
    assert missing == set(), listed
