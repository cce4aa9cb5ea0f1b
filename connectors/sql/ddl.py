"""DDL of a destination table from any database's description: what can be carried, and a list of what cannot."""

from __future__ import annotations

from collections.abc import Mapping

from connectors.sql import table_constraints
from connectors.sql.defaults import default_sql
from connectors.sql.dialect import SqlDialect
from connectors.sql.expressions import Untranslatable
from connectors.sql.numbering import Numbering
from connectors.sql.table_constraints import Constraint
from connectors.sql.table_shape import ShapedColumn, TableShape
from core.schema import Statement, TableDdl, TableName, TableSchema


def table_ddl(
    dialect: SqlDialect,
    source: TableSchema,
    destination: TableName,
    renames: Mapping[str, str],
    table_renames: Mapping[TableName, TableName],
    column_renames: Mapping[TableName, Mapping[str, str]],
) -> TableDdl:
    """See `CreatesTables.table_ddl`. New columns have the types that `dialect.arrival` gives. Pure."""
    shape = TableShape(
        dialect,
        source,
        destination,
        {**table_renames, source.name: destination},
        {**column_renames, source.name: renames},
        not_carried=list(source.not_carried),
    )
    _shape_columns(shape, renames)
    shape.column_renames = {
        **shape.column_renames,
        source.name: {name: column.name for name, column in shape.columns.items()},
    }
    return _Builder(shape).build()


def _shape_columns(shape: TableShape, renames: Mapping[str, str]) -> None:
    """Ordinary columns first, for generated ones may stand before what they are made from; then the table's order."""
    keys = shape.source.key_columns()
    carried = [column for column in shape.source.columns if column.name in renames]
    for column in sorted(carried, key=lambda column: column.generated is not None):
        name = renames[column.name]
        arrival = shape.dialect.arrival(column.model_copy(update={"name": name}), None, key=column.name in keys)
        generated = None
        if column.generated is not None:
            generated = shape.generated(column, arrival, name)
            if generated is None:
                continue
        shape.columns[column.name] = ShapedColumn(column, name, arrival, generated)
    shape.columns = {column.name: shape.columns[column.name] for column in carried if column.name in shape.columns}


class _Builder:
    """Puts the parts together."""

    def __init__(self, shape: TableShape) -> None:
        self._shape = shape
        self._dialect = shape.dialect
        self._style = shape.dialect.ddl
        self._source = shape.source
        self._numbering = Numbering(shape)

    def build(self) -> TableDdl:
        shape, style = self._shape, self._style
        keys = list(table_constraints.keys(shape, inline_primary=self._numbering.inline_primary))
        checks = list(table_constraints.checks(shape, self._numbering.identities))
        foreign_keys = list(table_constraints.foreign_keys(shape))
        inside = [*(keys if style.keys_in_table else []), *(checks if style.checks_in_table else [])]
        inside += foreign_keys if style.foreign_keys_in_table else []
        table = self._table(inside)
        indexes = list(table_constraints.indexes(shape))
        self._note_what_stays()
        return TableDdl(
            table=shape.destination,
            schemas=self._schemas(),
            tables=[table, *self._numbering.counters()],
            keys=[*([] if style.keys_in_table else (key.added(shape) for key in keys)), *indexes],
            checks=[] if style.checks_in_table else [check.added(shape) for check in checks],
            foreign_keys=self._foreign_keys(foreign_keys),
            sequences=self._numbering.restarts(),
            comments=self._comments(),
            not_carried=shape.not_carried,
        )

    def _schemas(self) -> list[Statement]:
        schema = self._shape.destination.schema_name
        if not schema or self._style.create_schema is None:
            return []
        sql = self._style.create_schema.format(schema=self._dialect.identifier(schema))
        return [Statement(sql=sql, purpose=f"schema {schema}")]

    def _table(self, inside: list[Constraint]) -> Statement:
        lines = [self._column(column) for column in self._shape.columns.values()]
        lines += [constraint.inline(self._shape) for constraint in inside]
        body = ",".join(f"\n    {line}" for line in lines)
        sql = self._style.create_table.format(table=self._shape.table, body=f"{body}\n")
        return Statement(sql=f"{sql} {self._style.table_options}".rstrip(), purpose=f"table {self._shape.destination}")

    def _column(self, column: ShapedColumn) -> str:
        """Name, type, then what fills it, whether it may be NULL, and its comment."""
        known = column.source
        clauses = [self._dialect.identifier(column.name), column.arrival.type]
        if known.collation is not None and self._shape.same_dialect:
            clauses.append(f"COLLATE {known.collation}")
        if column.generated is not None:
            clauses.append(column.generated)
        elif (identity := self._numbering.clause(column)) is not None:
            clauses.append(identity)
        else:
            clauses.append(self._default(column))
        if not known.nullable and (known.generated is None or self._style.generated_not_null):
            clauses.append("NOT NULL")
        elif known.nullable and known.generated is None:
            clauses.append(self._style.null_clause)
        comment = self._fitting(known.comment, position=1)
        if comment is not None and self._style.column_comment_clause is not None:
            clauses.append(self._style.column_comment_clause.format(text=self._dialect.literal(comment)))
        return " ".join(filter(None, clauses))

    def _default(self, column: ShapedColumn) -> str:
        known = column.source
        if known.default is None or self._numbering.numbers(known) is not None:
            return ""
        if any(sequence.column == known.name for sequence in self._source.sequences):
            self._shape.lose(known.name, "default", "its sequence is not the column's own; others may use it")
            return ""
        if self._shape.same_dialect:
            return f"DEFAULT {known.default}"
        try:
            sql = default_sql(known, self._source.dialect, self._dialect, column.arrival)
        except Untranslatable as error:
            self._shape.lose(known.name, "default", str(error))
            return ""
        return "" if sql is None else f"DEFAULT {sql}"

    def _foreign_keys(self, keys: list[Constraint]) -> list[Statement]:
        """What is to be done for them once every table is loaded."""
        style, table = self._style, self._shape.table
        if not style.foreign_keys_in_table:
            return [key.added(self._shape) for key in keys]
        if not keys or style.check_foreign_keys is None:
            return []
        sql = style.check_foreign_keys.format(table=table)
        return [Statement(sql=sql, purpose=f"foreign keys of {self._shape.destination}")]

    def _comments(self) -> list[Statement]:
        style, table = self._style, self._shape.table
        purpose = f"comment on {self._shape.destination}"
        statements = []
        comment = self._fitting(self._source.comment, position=0)
        if comment is not None and style.table_comment is not None:
            text = self._dialect.literal(comment)
            statements.append(Statement(sql=style.table_comment.format(table=table, text=text), purpose=purpose))
        for column in self._shape.columns.values():
            comment = self._fitting(column.source.comment, position=1)
            if comment is not None and style.column_comment is not None:
                text = self._dialect.literal(comment)
                name = self._dialect.identifier(column.name)
                sql = style.column_comment.format(table=table, column=name, text=text)
                statements.append(Statement(sql=sql, purpose=purpose))
        return statements

    def _fitting(self, comment: str | None, *, position: int) -> str | None:
        """None where there is no comment, or one too long for the destination: `position` in `longest_comments`."""
        longest = self._style.longest_comments
        return None if comment is None or (longest is not None and len(comment) > longest[position]) else comment

    def _note_what_stays(self) -> None:
        """What the source has and no other database's table takes over."""
        shape, source, style = self._shape, self._source, self._style
        if source.partition_key is not None or source.partitions:
            shape.lose(str(source.name), "partitioning", "its rows arrive in one table")
        if source.comment is not None and style.table_comment is None:
            shape.lose(str(source.name), "comment", "the destination has no comments on tables")
        elif source.comment != self._fitting(source.comment, position=0):
            shape.lose(str(source.name), "comment", "it is too long for the destination")
        for column in shape.columns.values():
            known = column.source
            if known.collation is not None and not shape.same_dialect:
                shape.lose(known.name, "collation", f"{known.collation} is the source's own")
            if known.comment is not None and style.column_comment is None and style.column_comment_clause is None:
                shape.lose(known.name, "comment", "the destination has no comments on columns")
            elif known.comment != self._fitting(known.comment, position=1):
                shape.lose(known.name, "comment", "it is too long for the destination")
            if known.generated is not None and not known.nullable and not style.generated_not_null:
                shape.lose(known.name, "NOT NULL", "the destination takes none on generated columns")
