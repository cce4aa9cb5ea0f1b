"""DDL of a destination table, from the source's description alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from connectors.postgres.rename import mentioned_columns, qualified_names, rename_columns, rename_sequences
from connectors.postgres.sequences import create_sequence, set_sequence, set_sequence_owner
from connectors.postgres.sql import identifier, literal, qualified
from connectors.postgres.statements import add_constraint, add_foreign_key, create_index
from connectors.postgres.types import INTEGER_TYPES
from core.schema import (
    Column,
    ForeignKey,
    Key,
    NotCarried,
    Partition,
    Statement,
    TableDdl,
    TableName,
    TableSchema,
    TypeDefinition,
)
from core.schema import Sequence as TableSequence

ColumnRenames = Mapping[str, str]


def table_ddl(
    source: TableSchema,
    destination: TableName,
    renames: ColumnRenames,
    table_renames: Mapping[TableName, TableName] | None = None,
    column_renames: Mapping[TableName, ColumnRenames] | None = None,
) -> TableDdl:
    """DDL that makes `destination` what `source` is.

    `renames`: destination names of the carried columns. What depends on columns that are missing there is dropped too
    and named in `not_carried`. `table_renames` and `column_renames` tell what the job's other tables and their carried
    columns are called, for foreign keys. Partitions and sequences go to the destination's schema under their own
    names; types, collations and extensions stay in theirs. Pure.
    """
    return _Builder(source, destination, renames, table_renames or {}, column_renames or {}).build()


class _Builder:
    """One table's DDL in the making."""

    def __init__(
        self,
        source: TableSchema,
        destination: TableName,
        renames: ColumnRenames,
        table_renames: Mapping[TableName, TableName],
        column_renames: Mapping[TableName, ColumnRenames],
    ) -> None:
        self._source = source
        self._destination = destination
        self._not_carried = list(source.not_carried)
        self._known = {column.name for column in source.columns}
        self._renames = self._without_orphans(renames)
        self._table_renames = {**table_renames, source.name: destination}
        self._column_renames = {**column_renames, source.name: self._renames}
        self._columns = [column for column in source.columns if column.name in self._renames]
        self._sequences = self._carried_sequences()
        self._sequence_renames = {known.name: self._sequence_name(known) for known in self._sequences}

    def build(self) -> TableDdl:
        return TableDdl(
            table=self._destination,
            schemas=self._schemas(),
            extensions=[
                Statement(sql=f"CREATE EXTENSION IF NOT EXISTS {extension}", purpose=f"extension {extension}")
                for extension in self._source.extensions
            ],
            types=self._types(),
            tables=[self._table(), *self._partitions(), *self._column_sequences()],
            keys=self._keys(),
            checks=self._checks(),
            foreign_keys=self._foreign_keys(),
            sequences=[self._set_sequence(known) for known in self._sequences],
            comments=self._comments(),
            not_carried=self._not_carried,
        )

    def _without_orphans(self, renames: ColumnRenames) -> dict[str, str]:
        """Generated columns over columns that are not carried cannot be carried either."""
        carried = {column.name: renames[column.name] for column in self._source.columns if column.name in renames}
        for column in self._source.columns:
            if column.name in carried and column.generated is not None:
                lost = (mentioned_columns(column.generated) & self._known) - set(renames)
                if lost:
                    self._lose(column.name, "generated column", lost)
                    del carried[column.name]
        return carried

    def _lose(self, name: str, kind: str, lost: set[str]) -> None:
        columns = ", ".join(sorted(lost))
        self._not_carried.append(
            NotCarried(object=name, kind=kind, reason=f"it needs columns that are not carried: {columns}")
        )

    def _rewritten(self, name: str, kind: str, definition: str, columns: Sequence[str] = ()) -> str | None:
        """The definition in the destination's names, None (and noted) where it needs a column that is not carried."""
        lost = ((mentioned_columns(definition) | set(columns)) & self._known) - set(self._renames)
        if lost:
            self._lose(name, kind, lost)
            return None
        return rename_columns(definition, self._renames)

    def _carried_sequences(self) -> list[TableSequence]:
        carried = []
        for known in self._source.sequences:
            column = next((column for column in self._columns if column.name == known.column), None)
            if column is None:
                continue
            if (column.identity if known.identity else column.default) is not None:
                carried.append(known)
            else:
                self._not_carried.append(
                    NotCarried(object=str(known.name), kind="sequence", reason="no default of its column uses it")
                )
        return carried

    def _sequence_name(self, known: TableSequence) -> TableName:
        """PostgreSQL wants an owned sequence in its table's schema; others of that schema go along."""
        if known.owned or known.name.schema_name == self._source.name.schema_name:
            return TableName(schema_name=self._destination.schema_name, name=known.name.name)
        return known.name

    def _set_sequence(self, known: TableSequence) -> Statement:
        column = next(column for column in self._columns if column.name == known.column)
        return set_sequence(
            known,
            self._sequence_name(known),
            self._destination,
            self._renames[column.name],
            numeric=column.base_type in INTEGER_TYPES | {"numeric"},
        )

    def _types(self) -> list[TypeDefinition]:
        """Those that carried columns, or expressions over them, name; directly or through another type."""
        expressions = [check.definition for check in self._source.checks]
        expressions += [index.definition for index in self._source.indexes]
        for column in self._columns:
            expressions += [column.type, column.collation or "", column.default or "", column.generated or ""]
        named = qualified_names("\n".join([*expressions, self._source.partition_key or ""]))
        needed = []
        for known in reversed(self._source.types):
            text = "\n".join(known.statements)
            if named & ({known.name} | qualified_names(text.partition("MULTIRANGE_TYPE_NAME")[2])):
                needed.append(known)
                named |= qualified_names(text)
        return needed[::-1]

    def _schemas(self) -> list[Statement]:
        names = [self._destination.schema_name, *(known.name.schema_name for known in self._types())]
        names += [self._sequence_name(known).schema_name for known in self._sequences]
        schemas = [identifier(name) for name in names]
        schemas += [extension.rsplit(" SCHEMA ", 1)[1] for extension in self._source.extensions]
        return [
            Statement(sql=f"CREATE SCHEMA IF NOT EXISTS {schema}", purpose=f"schema {schema}")
            for schema in dict.fromkeys(schemas)
            if schema != identifier("pg_catalog")
        ]

    def _table(self) -> Statement:
        columns = ",".join(f"\n    {self._column(column)}" for column in self._columns)
        sql = f"CREATE TABLE {qualified(self._destination)} ({columns}\n)"
        key = self._partition_key(self._source.partition_key, str(self._source.name))
        if key is not None:
            sql += f" PARTITION BY {key}"
        return Statement(sql=sql, purpose=f"table {self._destination}")

    def _column(self, column: Column) -> str:
        clauses = [identifier(self._renames[column.name]), column.type]
        if column.collation:
            clauses.append(f"COLLATE {column.collation}")
        if column.generated is not None:
            expression = rename_columns(column.generated, self._renames)
            clauses.append(f"GENERATED ALWAYS AS ({expression}) {'VIRTUAL' if column.virtual else 'STORED'}")
        elif column.identity is not None:
            clauses.append(f"GENERATED {column.identity} AS IDENTITY{self._identity_options(column)}")
        elif column.default is not None and not self._has_sequence(column):
            clauses.append(f"DEFAULT {column.default}")
        if not column.nullable:
            named = f"CONSTRAINT {identifier(column.not_null_name)} " if column.not_null_name else ""
            clauses.append(f"{named}NOT NULL")
        return " ".join(clauses)

    def _has_sequence(self, column: Column) -> bool:
        return any(known.column == column.name for known in self._sequences)

    def _identity_options(self, column: Column) -> str:
        """Without the sequence's type, which follows the column's and may not be given."""
        for known in self._sequences:
            if known.identity and known.column == column.name:
                options = known.options[known.options.index("INCREMENT") :]
                return f" (SEQUENCE NAME {qualified(self._sequence_name(known))} {options})"
        return ""

    def _partition_key(self, key: str | None, name: str) -> str | None:
        return None if key is None else self._rewritten(name, "partitioning", key)

    def _partitions(self) -> list[Statement]:
        """None of them where the root cannot be partitioned; no sub-partitions where their parent cannot."""
        names = {self._source.name: self._destination}
        whole = {self._source.name} if self._lost_partitioning(self._source.partition_key) else set()
        statements = []
        for partition in self._source.partitions:
            if partition.parent in whole:
                whole.add(partition.name)
                continue
            name = TableName(schema_name=self._destination.schema_name, name=partition.name.name)
            names[partition.name] = name
            statements.append(self._partition(partition, name, names[partition.parent]))
            if self._lost_partitioning(partition.key):
                whole.add(partition.name)
        return statements

    def _lost_partitioning(self, key: str | None) -> bool:
        return key is not None and bool((mentioned_columns(key) & self._known) - set(self._renames))

    def _partition(self, partition: Partition, name: TableName, parent: TableName) -> Statement:
        sql = f"CREATE TABLE {qualified(name)} PARTITION OF {qualified(parent)} {partition.bound}"
        key = self._partition_key(partition.key, str(partition.name))
        if key is not None:
            sql += f" PARTITION BY {key}"
        return Statement(sql=sql, purpose=f"partition {name}")

    def _column_sequences(self) -> list[Statement]:
        """After the table, because a sequence is owned by its column; then the defaults, which reach partitions."""
        table = qualified(self._destination)
        statements = []
        for known in self._sequences:
            if not known.identity:
                statements.append(create_sequence(known, self._sequence_name(known)))
            if not known.identity and known.owned:
                statements.append(
                    set_sequence_owner(self._sequence_name(known), self._destination, self._renames[known.column])
                )
        for column in self._columns:
            if column.default is not None and self._has_sequence(column):
                expression = rename_sequences(column.default, self._sequence_renames)
                name = self._renames[column.name]
                statements.append(
                    Statement(
                        sql=f"ALTER TABLE {table} ALTER COLUMN {identifier(name)} SET DEFAULT {expression}",
                        purpose=f"default of {self._destination}.{name}",
                    )
                )
        return statements

    def _keys(self) -> list[Statement]:
        statements = []
        primary = [self._source.primary_key] if self._source.primary_key is not None else []
        for what, key in [("primary key", key) for key in primary] + [("key", key) for key in self._source.unique_keys]:
            definition = self._rewritten(key.name, what, key.definition, key.columns)
            if definition is not None:
                statements.append(add_constraint(self._destination, key.name, definition, what))
        for index in self._source.indexes:
            definition = self._rewritten(index.name, "index", index.definition, index.columns)
            if definition is not None:
                statements.append(create_index(self._destination, index.name, definition, unique=index.unique))
        return statements + self._constraints(exclusion=True)

    def _checks(self) -> list[Statement]:
        return self._constraints(exclusion=False)

    def _constraints(self, *, exclusion: bool) -> list[Statement]:
        what = "exclusion" if exclusion else "check"
        statements = []
        for check in self._source.checks:
            if check.exclusion == exclusion:
                definition = self._rewritten(check.name, what, check.definition, check.columns)
                if definition is not None:
                    statements.append(add_constraint(self._destination, check.name, definition, what))
        return statements

    def _foreign_keys(self) -> list[Statement]:
        keys = [self._foreign_key(key) for key in self._source.foreign_keys]
        return [add_foreign_key(self._destination, key) for key in keys if key is not None]

    def _foreign_key(self, key: ForeignKey) -> ForeignKey | None:
        """The key in the destination's names; columns of a table outside the job keep theirs."""
        options = self._rewritten(key.name, "foreign key", key.options, key.columns)
        if options is None:
            return None
        referenced = self._column_renames.get(key.referenced)
        if referenced is None:
            referenced = {name: name for name in key.referenced_columns}
        lost = set(key.referenced_columns) - set(referenced)
        if lost:
            self._lose(key.name, "foreign key", {f"{key.referenced}.{name}" for name in lost})
            return None
        return key.model_copy(
            update={
                "columns": [self._renames[name] for name in key.columns],
                "referenced": self._table_renames.get(key.referenced, key.referenced),
                "referenced_columns": [referenced[name] for name in key.referenced_columns],
                "options": options,
            }
        )

    def _comments(self) -> list[Statement]:
        table = qualified(self._destination)
        comments = [("TABLE " + table, self._source.comment)]
        comments += [
            (f"COLUMN {table}.{identifier(self._renames[column.name])}", column.comment) for column in self._columns
        ]
        comments += [(f"CONSTRAINT {identifier(key.name)} ON {table}", key.comment) for key in self._carried_keys()]
        return [
            Statement(sql=f"COMMENT ON {target} IS {literal(comment)}", purpose=f"comment on {self._destination}")
            for target, comment in comments
            if comment is not None
        ]

    def _carried_keys(self) -> list[Key]:
        keys = [*([self._source.primary_key] if self._source.primary_key else []), *self._source.unique_keys]
        return [
            key for key in keys if not (set(key.columns) | mentioned_columns(key.definition)) & self._lost_columns()
        ]

    def _lost_columns(self) -> set[str]:
        return self._known - set(self._renames)
