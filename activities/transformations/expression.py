"""EXPRESSION: sets a column to a scalar SQL expression, computed by DuckDB over the batch.

Two rules keep values exact. A column that the expression only hands on (alone, as a branch of CASE or an argument of
COALESCE, into a result of its own type) is never converted: its text passes as it is. A column that the expression
computes with is converted to DuckDB's type where that type has the same values, and stays text otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from activities.transformations.base import BoundStep, Transformation, TransformedColumn, suggestion
from activities.transformations.engine import locked_engine
from activities.transformations.expression_growth import limited, rows_at_once
from activities.transformations.expression_syntax import Node, Syntax, column_names, with_columns
from activities.transformations.expression_types import OPAQUE, EngineType, engine_type
from activities.transformations.native_type import NativeType
from activities.transformations.options import ExpressionOptions
from core.errors import DataRejected, Defect, InvalidConfiguration

FAULTS = (
    (duckdb.OutOfRangeException, "a result is out of range"),
    (duckdb.ConversionException, "a value cannot be converted, or does not fit the result's type"),
    (duckdb.OutOfMemoryException, "a result is too large"),
)
PROBE_SECONDS = 10.0
"""For what an expression computes before any row is there."""
ENGINE_NULL = '"NULL"'
"""How DuckDB names the type of a value that is always NULL."""

OTHER_FAULT = "a division by zero, or more fractional digits of a second than the type keeps"


class Expression(Transformation):
    """One column from the others of its row."""

    def __init__(self, options: ExpressionOptions) -> None:
        self._options = options

    def bind(self, columns: Sequence[TransformedColumn]) -> BoundStep:
        """Raises InvalidConfiguration for what is no scalar, row-wise, deterministic expression, for unknown columns,
        for operand types that do not fit and for a result that is not of the column's type."""
        engine = locked_engine()
        position, result = self._result(columns)
        try:
            query = _Query(engine, Syntax(engine, self._options.expression), columns, result)
        except RecursionError:
            raise InvalidConfiguration(
                "the expression is nested too deeply", remedy="Split it over several EXPRESSION steps"
            ) from None
        after = list(columns)
        after[position : position + 1] = [result]
        return _Computed(after, position, query)

    def _result(self, columns: Sequence[TransformedColumn]) -> tuple[int, TransformedColumn]:
        name, declared = self._options.column, self._options.result_type
        for position, column in enumerate(columns):
            if column.name != name:
                continue
            if declared is None:
                return position, replace(column, values_changed=True)
            return position, replace(column, values_changed=True, type=NativeType.parse(declared).text, base_type="")
        if declared is None:
            raise InvalidConfiguration(
                f"there is no column '{name}' yet, and its type is not given",
                remedy=f"Give resultType to make a new column. {suggestion(name, [column.name for column in columns])}",
            )
        made = TransformedColumn(name, NativeType.parse(declared).text, source=None, values_changed=True)
        return len(columns), made


@dataclass(frozen=True)
class _Operand:
    """A column that the expression names, under names that the engine cannot confuse."""

    position: int
    column: TransformedColumn
    type: EngineType

    @property
    def text(self) -> str:
        return f"column_{self.position}_text"

    @property
    def value(self) -> str:
        return f"column_{self.position}_value"


class _Query:
    """The SQL that computes the result's text, checked against the operands' types."""

    def __init__(
        self,
        engine: duckdb.DuckDBPyConnection,
        syntax: Syntax,
        columns: Sequence[TransformedColumn],
        result: TransformedColumn,
    ) -> None:
        self.engine = engine
        self.result = result
        self.root = syntax.root
        self._syntax = syntax
        self._type = engine_type(result.native)
        self._leaves: list[str] = []
        self._computed_with: set[int] = set()
        self._operands = {name: _operand(name, columns) for name in column_names(syntax.root)}
        self.operands = list({operand.position: operand for operand in self._operands.values()}.values())
        text = self._text(syntax.root)
        self._check_leaves()
        self.typed = [operand for operand in self.operands if operand.position in self._computed_with]
        inner = [operand.text for operand in self.operands] or ["row_number"]
        inner += [f"{operand.type.read(operand.text)} AS {operand.value}" for operand in self.typed]
        self.sql = f"SELECT CAST({text} AS VARCHAR) AS result FROM (SELECT {', '.join(inner)} FROM batch)"

    def _text(self, node: Node) -> str:
        """SQL of the result's text: columns of its type are handed on, everything else is computed and written."""
        if node["class"] == "COLUMN_REF":
            operand = self._operands[node["column_names"][0]]
            if _same_text(operand.column, self.result):
                return operand.text
        if node["class"] == "CASE":
            branches = [
                f"WHEN {self._value(check['when_expr'])} THEN {self._text(check['then_expr'])}"
                for check in node["case_checks"]
            ]
            return f"CASE {' '.join(branches)} ELSE {self._text(node['else_expr'])} END"
        if node["type"] == "OPERATOR_COALESCE":
            return f"coalesce({', '.join(self._text(child) for child in node['children'])})"
        leaf = self._value(node)
        self._leaves.append(leaf)
        return self._type.write(leaf)

    def _value(self, node: Node) -> str:
        """SQL of a part that is computed."""
        self._computed_with.update(self._operands[name].position for name in column_names(node))
        return self._syntax.sql(with_columns(node, lambda name: self._operands[name].value))

    def _check_leaves(self) -> None:
        """Lets the engine bind every computed part to an empty table of the operands' types."""
        declared = [f"{operand.value} {operand.type.sql}" for operand in self.operands]
        with self.engine.cursor() as session:
            session.execute(f"CREATE TEMP TABLE probe ({', '.join([*declared, 'row_number INTEGER'])})")
            for leaf in self._leaves:
                self._check_type(_type_of(session, leaf, self.operands))
            for condition in self._conditions(self._syntax.root):
                self._check_condition(_type_of(session, condition, self.operands))

    def _conditions(self, node: Node) -> list[str]:
        if node["class"] == "CASE":
            found = [self._value(check["when_expr"]) for check in node["case_checks"]]
            branches = [check["then_expr"] for check in node["case_checks"]] + [node["else_expr"]]
        else:
            found, branches = [], node["children"] if node["type"] == "OPERATOR_COALESCE" else []
        return found + [condition for branch in branches for condition in self._conditions(branch)]

    def _check_condition(self, found: str) -> None:
        if found not in ("BOOLEAN", ENGINE_NULL):
            raise InvalidConfiguration(
                f"a condition after WHEN gives {found}, not true or false", remedy="Compare it with something"
            )

    def _check_type(self, found: str) -> None:
        if found == ENGINE_NULL or found.split("(")[0] in self._type.accepts:
            return
        if self._type == OPAQUE:
            raise InvalidConfiguration(
                f"values of type {self.result.type} cannot be computed in the exact text that the database prints",
                remedy="Hand on a column of that very type, give NULL, or declare another resultType, such as text",
            )
        raise InvalidConfiguration(
            f"the expression gives {found}, and column '{self.result.name}' is {self.result.type}",
            remedy=f"Write CAST(… AS {self._type.sql}), or give another resultType",
        )


class _Computed(BoundStep):
    def __init__(self, columns: Sequence[TransformedColumn], position: int, query: _Query) -> None:
        super().__init__(columns)
        self._position = position
        self._query = query

    def apply(self, values: Sequence[pa.Array]) -> list[pa.Array]:
        rows = len(values[0])
        named = {operand.text: values[operand.position] for operand in self._query.operands}
        batch = pa.table(named or {"row_number": pa.nulls(rows, pa.int32())})
        step = rows_at_once(self._query.root, rows, batch.nbytes)
        parts = [self._compute(batch.slice(begin, step)) for begin in range(0, max(rows, 1), step)]
        column = pa.chunked_array([chunk for part in parts for chunk in part.chunks], pa.string())
        if len(column) != rows:
            raise Defect(f"the expression for column {self._query.result.name} made {len(column)} rows of {rows}")
        return [*values[: self._position], column.combine_chunks(), *values[self._position + 1 :]]

    def _compute(self, batch: pa.Table) -> pa.ChunkedArray:
        with self._query.engine.cursor() as session:
            session.register("batch", batch)
            try:
                with limited(session):
                    return pc.cast(session.sql(self._query.sql).to_arrow_table().column("result"), pa.string())
            except duckdb.Error as error:
                raise self._rejection(session, error) from None

    def _rejection(self, session: duckdb.DuckDBPyConnection, error: duckdb.Error) -> DataRejected:
        """Names the operand that cannot be read, or else what is wrong with the result; never a value."""
        name = self._query.result.name
        for operand in self._query.typed:
            unread = f"{operand.text} IS NOT NULL AND try({operand.type.read(operand.text)}) IS NULL"
            found = session.execute(f"SELECT count(*) FROM batch WHERE {unread}").fetchone()
            if found is not None and found[0]:
                return DataRejected(
                    f"EXPRESSION for column {name} computes with column {operand.column.name} ({operand.column.type}) "
                    f"as {operand.type.sql}, which lacks {found[0]} of its values (NaN, or a moment too far away)",
                    remedy="Leave these rows out with whereClause, or hand the column on without computing with it",
                )
        reason = next((text for kind, text in FAULTS if isinstance(error, kind)), OTHER_FAULT)
        return DataRejected(
            f"EXPRESSION for column {name} ({self._query.result.type}) fails: {reason}",
            remedy="Guard the expression with CASE, try() or TRY_CAST, or leave these rows out with whereClause",
        )


def _operand(name: str, columns: Sequence[TransformedColumn]) -> _Operand:
    """By exact name, else by a name that differs in case only. Raises InvalidConfiguration."""
    names = [column.name for column in columns]
    found = [at for at, known in enumerate(names) if known == name]
    found = found or [at for at, known in enumerate(names) if known.lower() == name.lower()]
    if not found:
        raise InvalidConfiguration(
            f"the expression names a column '{name}' that is not there", remedy=suggestion(name, names)
        )
    if len(found) > 1:
        raise InvalidConfiguration(
            f"'{name}' could be any of the columns {', '.join(names[at] for at in found)}",
            remedy="Write the name exactly, in double quotes",
        )
    column = columns[found[0]]
    return _Operand(found[0], column, engine_type(column.native))


def _same_text(column: TransformedColumn, result: TransformedColumn) -> bool:
    """Every text of the column is a text of the result's type, and means the same."""
    if column.type == result.type:
        return True
    return column.native == result.native and engine_type(column.native) != OPAQUE


def _type_of(session: duckdb.DuckDBPyConnection, part: str, operands: Sequence[_Operand]) -> str:
    try:
        with limited(session, PROBE_SECONDS):
            session.execute(f"SELECT {part} FROM probe").fetchall()
            described = session.execute(f"DESCRIBE SELECT {part} AS part FROM probe").fetchone()
    except duckdb.Error as error:
        message = re.split(r"\n\n|\. You might need|\n\tCandidate", str(error))[0]
        for operand in operands:
            message = re.sub(rf"\b{operand.value}\b", operand.column.name, message)
        raise InvalidConfiguration(
            f"the expression does not fit the columns' types: {' '.join(message.split())}",
            remedy="Convert operands with CAST(… AS …); types that DuckDB has not are text here",
        ) from None
    assert described is not None
    return str(described[1])
