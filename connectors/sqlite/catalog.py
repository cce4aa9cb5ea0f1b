"""What an SQLite database's own catalog (its PRAGMAs, and the text of CREATE TABLE) says of tables."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from connectors.sql.session import SqlSession
from connectors.sqlite.definitions import Definition, parse
from connectors.sqlite.types import OWN, value_type
from core.schema import (
    Check,
    Column,
    ForeignKey,
    Index,
    Key,
    NotCarried,
    ReferentialAction,
    TableName,
    TableSchema,
)
from core.schema import Sequence as RowNumbers

PLAIN_DEFAULT = re.compile(r"[-+]?[\w.]+|[xX]?'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|\(.*\)", re.DOTALL)
"""Numbers, strings, keywords; the rest is an expression."""
LEAST_ROW_BYTES = 8
"""A row takes no less: its header, its key and a pointer to it."""
INDEX_DEFINITION = re.compile(r"CREATE\s+(?:UNIQUE\s+)?INDEX\s+.*?\s+ON\s+\S+\s*(\(.*)", re.IGNORECASE | re.DOTALL)
HIDDEN = 1
"""`hidden` of columns of a virtual table; 2 and 3 are generated ones, not stored and stored."""
NOT_STORED, STORED = 2, 3
ROW_NUMBERS = ("rowid", "_rowid_", "oid")


@dataclass(frozen=True)
class Listed:
    """A row of PRAGMA table_list."""

    name: str
    without_rowid: bool
    strict: bool
    definition: str


async def list_tables(session: SqlSession) -> dict[str, Listed]:
    """Ordinary tables by name: no views, virtual tables, their shadows, nor SQLite's own."""
    found = await session.fetch(
        "SELECT l.name, l.wr, l.strict, m.sql FROM pragma_table_list AS l JOIN sqlite_master AS m "
        "ON m.name = l.name AND m.type = 'table' WHERE l.schema = 'main' AND l.type = 'table' "
        "AND l.name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
    )
    return {name: Listed(name, bool(without), bool(strict), sql) for name, without, strict, sql in found}


async def describe_tables(session: SqlSession, names: Sequence[TableName], file: Path) -> dict[TableName, TableSchema]:
    """By the names asked for, which ignore case as SQLite does; a schema's own name is spelled as in the catalog."""
    listed = await list_tables(session)
    spelled = {name.lower(): name for name in listed}
    wanted = {name: spelled.get(name.name.lower()) for name in names if not name.schema_name}
    rows = {name: await _estimate_rows(session, listed[name], file) for name in listed}
    total = max(sum(rows.values()), 1)
    described = {}
    for asked, name in wanted.items():
        if name is not None:
            size = file.stat().st_size * rows[name] // total
            described[asked] = await _describe(session, listed[name], rows[name], size)
    return described


async def list_not_carried(session: SqlSession) -> list[NotCarried]:
    """Views, triggers, virtual tables."""
    found = await session.fetch(
        "SELECT name, type, sql FROM sqlite_master WHERE type IN ('view', 'trigger') "
        "OR (type = 'table' AND sql LIKE 'CREATE VIRTUAL TABLE%') ORDER BY type, name"
    )
    reasons = {"view": "views are not migrated", "trigger": "triggers are not migrated"}
    return [
        NotCarried(
            object=name,
            kind=kind if kind != "table" else "virtual table",
            reason=reasons.get(kind, "its rows are made by an extension"),
        )
        for name, kind, _ in found
    ]


def row_number(table: TableSchema) -> str | None:
    """A name of the hidden row number that no column has taken, None where the table has none."""
    if any(lost.kind == "WITHOUT ROWID" for lost in table.not_carried):
        return None
    return _not_taken(column.name for column in table.columns)


def _not_taken(columns: Iterable[str]) -> str | None:
    taken = {name.lower() for name in columns}
    return next((name for name in ROW_NUMBERS if name not in taken), None)


async def _describe(session: SqlSession, listed: Listed, rows: int, size: int) -> TableSchema:
    definition = parse(listed.definition)
    details = await session.fetch(
        "SELECT name, type, [notnull], dflt_value, pk, hidden FROM pragma_table_xinfo(?)", [listed.name]
    )
    primary = [name for name, *_ in sorted((row for row in details if row[4]), key=lambda row: row[4])]
    alias = _alias(listed, details, primary)
    columns = [_column(listed, definition, detail, alias) for detail in details if detail[5] != HIDDEN]
    uniques, indexes = await _indexes(session, listed, definition)
    sequences = [await _row_numbers(session, listed, alias)] if alias is not None else []
    without = [NotCarried(object=listed.name, kind="WITHOUT ROWID", reason="it becomes an ordinary table")]
    return TableSchema(
        dialect="sqlite",
        name=TableName(schema_name="", name=listed.name),
        columns=columns,
        primary_key=_key(listed, definition, primary, "pkey") if primary else None,
        unique_keys=uniques,
        indexes=indexes,
        checks=[
            Check(name=name or f"{listed.name}_check{number}", definition=f"CHECK ({expression})")
            for number, (name, expression) in enumerate(definition.checks, 1)
        ],
        foreign_keys=await _foreign_keys(session, listed, definition),
        sequences=sequences,
        not_carried=without if listed.without_rowid else [],
        estimated_rows=rows,
        estimated_bytes=size,
    )


def _alias(listed: Listed, details: Sequence[tuple[Any, ...]], primary: Sequence[str]) -> str | None:
    """The column that is the row number by another name: SQLite fills it where it is left out."""
    if listed.without_rowid or len(primary) != 1:
        return None
    declared = next(detail[1] for detail in details if detail[0] == primary[0])
    descending = re.search(r"INTEGER\s+PRIMARY\s+KEY\s+DESC", listed.definition, re.IGNORECASE)
    return primary[0] if declared.upper() == "INTEGER" and not descending else None


def _column(listed: Listed, definition: Definition, detail: tuple[Any, ...], alias: str | None) -> Column:
    name, declared, not_null, default, key, hidden = detail
    required = bool(not_null) or name == alias or (bool(key) and (listed.without_rowid or listed.strict))
    collation = definition.collations.get(name, "BINARY").upper()
    return Column(
        name=name,
        type=declared,
        nullable=not required,
        default=_default(default) if hidden == 0 else None,
        generated=definition.generated.get(name, "") if hidden in (NOT_STORED, STORED) else None,
        virtual=hidden == NOT_STORED,
        identity="BY DEFAULT" if name == alias else None,
        fills_null=name == alias,
        collation=collation if collation != "BINARY" else None,
        base_type=OWN + declared,
        deterministic=collation == "BINARY",
        value=value_type(declared),
    )


def _default(written: str | None) -> str | None:
    """As DEFAULT takes it: the catalog has taken the parentheses away from expressions."""
    return written if written is None or PLAIN_DEFAULT.fullmatch(written) else f"({written})"


def _key(listed: Listed, definition: Definition, columns: Sequence[str], ending: str) -> Key:
    name = definition.key_names.get(tuple(column.lower() for column in columns))
    what = "PRIMARY KEY" if ending == "pkey" else "UNIQUE"
    listing = ", ".join('"' + column.replace('"', '""') + '"' for column in columns)
    invented = listed.name if ending == "pkey" else "_".join((listed.name, *columns))
    return Key(name=name or f"{invented}_{ending}", columns=list(columns), definition=f"{what} ({listing})")


async def _indexes(session: SqlSession, listed: Listed, definition: Definition) -> tuple[list[Key], list[Index]]:
    uniques, indexes = [], []
    found = await session.fetch(
        "SELECT l.name, l.[unique], l.origin, l.partial, m.sql FROM pragma_index_list(?) AS l "
        "LEFT JOIN sqlite_master AS m ON m.name = l.name AND m.type = 'index' ORDER BY l.seq DESC",
        [listed.name],
    )
    for name, unique, origin, partial, sql in found:
        parts = await session.fetch("SELECT name, [desc], coll, cid FROM pragma_index_xinfo(?) WHERE key", [name])
        columns = [part or "" for part, *_ in parts]
        if origin == "u":
            uniques.append(_key(listed, definition, columns, "key"))
        if origin != "c":
            continue
        shape = INDEX_DEFINITION.match(sql or "")
        own_order = any(collation not in (None, "BINARY") for _, _, collation, _ in parts)
        indexes.append(
            Index(
                name=name,
                columns=columns,
                unique=bool(unique),
                definition=shape[1] if shape else "",
                partial=bool(partial),
                expression="" in columns,
                descending=[part for part, descending, *_ in parts if part and descending],
                method="collated" if own_order and unique else "btree",
            )
        )
    return uniques, indexes


async def _foreign_keys(session: SqlSession, listed: Listed, definition: Definition) -> list[ForeignKey]:
    found = await session.fetch(
        "SELECT id, [table], [from], [to], on_update, on_delete FROM pragma_foreign_key_list(?) ORDER BY id DESC, seq",
        [listed.name],
    )
    keys = []
    for number in dict.fromkeys(row[0] for row in found):
        rows = [row for row in found if row[0] == number]
        columns, referenced = [row[2] for row in rows], await _spelled(session, rows[0][1])
        to = [row[3] for row in rows]
        if None in to:  # the primary key is meant
            to = await _primary_key(session, referenced)
        written = next(
            (
                key
                for key in definition.foreign_keys
                if [name.lower() for name in key.columns] == [name.lower() for name in columns]
                and key.referenced.lower() == referenced.lower()
            ),
            None,
        )
        invented = f"{'_'.join((listed.name, *columns))}_fkey"
        keys.append(
            ForeignKey(
                name=(written.name if written else None) or invented,
                columns=columns,
                referenced=TableName(schema_name="", name=referenced),
                referenced_columns=to,
                on_delete=_action(rows[0][5]),
                on_update=_action(rows[0][4]),
                deferrable=written is not None and written.deferrable,
            )
        )
    return keys


def _action(text: str) -> ReferentialAction:
    known: dict[str, ReferentialAction] = {
        "RESTRICT": "RESTRICT",
        "CASCADE": "CASCADE",
        "SET NULL": "SET NULL",
        "SET DEFAULT": "SET DEFAULT",
    }
    return known.get(text.upper(), "NO ACTION")


async def _spelled(session: SqlSession, table: str) -> str:
    found = await session.fetch(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name = ? COLLATE NOCASE", [table]
    )
    return str(found[0][0]) if found else table


async def _primary_key(session: SqlSession, table: str) -> list[str]:
    found = await session.fetch("SELECT name FROM pragma_table_info(?) WHERE pk ORDER BY pk", [table])
    return [name for (name,) in found]


async def _row_numbers(session: SqlSession, listed: Listed, column: str) -> RowNumbers:
    """What the next row's number comes after: AUTOINCREMENT remembers it, else it is the greatest there is."""
    last = (await session.fetch(f"SELECT max({_quoted(column)}) FROM {_quoted(listed.name)}"))[0][0]
    if await session.fetch("SELECT 1 FROM sqlite_master WHERE name = 'sqlite_sequence'"):
        kept = await session.fetch("SELECT seq FROM sqlite_sequence WHERE name = ?", [listed.name])
        last = max([last or 0, *(int(seq) for (seq,) in kept)])
    name = TableName(schema_name="", name=f"{listed.name}_{column}_seq")
    called = last is not None and last > 0
    return RowNumbers(
        name=name, column=column, identity=True, options="", last_value=last if called else 1, is_called=called
    )


async def _estimate_rows(session: SqlSession, listed: Listed, file: Path) -> int:
    """ANALYZE's number where there is one, else what row numbers and the file's size allow. Both ends of the row
    numbers are read without a scan."""
    if await session.fetch("SELECT 1 FROM sqlite_master WHERE name = 'sqlite_stat1'"):
        found = await session.fetch("SELECT stat FROM sqlite_stat1 WHERE tbl = ?", [listed.name])
        numbers = [int(first) for (stat,) in found if stat and (first := str(stat).split(" ", 1)[0]).isdigit()]
        if numbers:
            return max(numbers)
    most = file.stat().st_size // LEAST_ROW_BYTES
    columns = await session.fetch("SELECT name FROM pragma_table_xinfo(?)", [listed.name])
    number = None if listed.without_rowid else _not_taken(name for (name,) in columns)
    if number is None:
        return most
    low = (await session.fetch(f"SELECT min({number}) FROM {_quoted(listed.name)}"))[0][0]
    high = (await session.fetch(f"SELECT max({number}) FROM {_quoted(listed.name)}"))[0][0]
    return min(int(high) - int(low) + 1, most) if low is not None else 0


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
