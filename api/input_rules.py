"""What this installation lets a job ask for, judged from the job alone; workers judge the rest where they connect."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from api.field_errors import FieldError
from connectors import registry as connectors
from connectors.sql.where_clause import WhereClauses, has_grammar
from core.errors import InvalidConfiguration
from core.job_spec import JobSpec
from core.settings import Settings


@dataclass(frozen=True)
class InputRules:
    """The rules, as settings give them."""

    where_clauses: WhereClauses

    @classmethod
    def of(cls, settings: Settings) -> InputRules:
        """The rules of this process."""
        return cls(WhereClauses(trusted=settings.where_clauses == "trusted", functions=settings.where_functions))

    def wrong_fields(self, spec: JobSpec) -> Iterator[FieldError]:
        """Every field that asks for what is not allowed."""
        yield from self._wrong_clauses(spec)

    def _wrong_clauses(self, spec: JobSpec) -> Iterator[FieldError]:
        tables = spec.tables if isinstance(spec.tables, list) else []
        clauses = {number: table.where_clause for number, table in enumerate(tables) if table.where_clause is not None}
        dialect = _dialect(spec.source.type) if clauses else None
        if dialect is None:
            return
        for number, clause in clauses.items():
            try:
                self.where_clauses.check(clause, dialect)
            except InvalidConfiguration as error:
                yield FieldError(
                    field=f"tables[{number}].whereClause",
                    message=error.message.removeprefix("whereClause "),
                    remedy=error.remedy,
                )


def _dialect(connector: str) -> str | None:
    """None where this process cannot know the source's grammar: its worker will."""
    try:
        dialect = connectors.find_type(connector).connector_class().capabilities.dialect
    except InvalidConfiguration:
        return None
    return dialect if has_grammar(dialect) else None
