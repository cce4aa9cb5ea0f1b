"""What this installation lets a job ask for, judged from the job alone; workers judge the rest where they connect."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from pydantic import ValidationError

from api.field_errors import FieldError
from connectors import registry as connectors
from connectors.sql.where_clause import WhereClauses, has_grammar
from core.errors import InvalidConfiguration
from core.job_spec import ConnectionSpec, JobSpec
from core.reach import Reach
from core.settings import Settings


@dataclass(frozen=True)
class InputRules:
    """The rules, as settings give them."""

    where_clauses: WhereClauses
    reach: Reach

    @classmethod
    def of(cls, settings: Settings) -> InputRules:
        """The rules of this process."""
        clauses = WhereClauses(trusted=settings.where_clauses == "trusted", functions=settings.where_functions)
        return cls(clauses, Reach.of(settings))

    def wrong_fields(self, spec: JobSpec) -> Iterator[FieldError]:
        """Every field that asks for what is not allowed."""
        yield from self._wrong_clauses(spec)
        yield from self._out_of_reach("source", spec.source)
        yield from self._out_of_reach("destination", spec.destination)

    def _out_of_reach(self, side: str, connection: ConnectionSpec) -> Iterator[FieldError]:
        """Options that are wrong by themselves are named elsewhere."""
        checks: list[tuple[str, Callable[[], None]]] = []
        checks.append(("secretsRef", partial(self.reach.check_secret, connection.secrets_ref)))
        with suppress(InvalidConfiguration, ValidationError):
            options = connectors.parse_options(connection.type, connection.options)
            checks += [(name, partial(self.reach.check_file, path)) for name, path in options.files().items()]
            checks += [(name, partial(self.reach.check_host, host)) for name, host in options.hosts().items()]
        for option, check in checks:
            try:
                check()
            except InvalidConfiguration as error:
                yield FieldError(field=f"{side}.{option}", message=error.message, remedy=error.remedy)

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
