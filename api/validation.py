"""What a job's model cannot check: the options of its connectors and transformations, and this installation's rules."""

from __future__ import annotations

import zoneinfo
from collections.abc import Callable, Iterator

from pydantic import BaseModel, ValidationError

from activities.transformations import registry as transformations
from api.field_errors import FieldError, field_errors, join_path
from api.input_rules import InputRules
from api.pass_validation import wrong_passes
from api.problems import invalid_fields
from connectors import registry as connectors
from core.errors import InvalidConfiguration
from core.job_spec import ConnectionSpec, JobSpec, TableSpec, TransformationSpec

MOST_ROWS_PER_BATCH = 2**31 - 1


def check_spec(spec: JobSpec, rules: InputRules) -> None:
    """Raises a Problem with every wrong field, with status 422."""
    errors = [*rules.wrong_fields(spec)]
    errors += _needless_heals(spec)
    errors += _wrong_options("source", spec.source)
    errors += _wrong_options("destination", spec.destination)
    if isinstance(spec.tables, list):
        errors += _wrong_tables(spec.tables)
    errors += wrong_passes(spec.tables, spec.options.load_mode)
    if errors:
        raise invalid_fields(errors)


def check_timezone(name: str) -> None:
    """Raises a Problem with status 422. A system that has no time zones leaves the word to Temporal."""
    known = zoneinfo.available_timezones()
    if known and name not in known:
        message = "is no time zone of the IANA database"
        raise invalid_fields([FieldError(field="timezone", message=message, remedy="Write e.g. Europe/Berlin")])


def _needless_heals(spec: JobSpec) -> Iterator[FieldError]:
    """A table is healed where a proof of all its rows fails."""
    for number, table in enumerate(spec.tables if isinstance(spec.tables, list) else []):
        if not table.heal:
            continue
        field = f"tables[{number}].heal"
        if table.incremental is not None:
            message = "compares all rows of a table, and an incremental run reads just what is new"
            yield FieldError(field=field, message=message, remedy="Leave heal out, or run a job without incremental")
        if (table.load_mode or spec.options.load_mode) == "upsert":
            message = "needs a table of its own: an upsert shares it with rows that nobody can tell from extra ones"
            yield FieldError(field=field, message=message, remedy="Use loadMode append or replace, or leave heal out")
        if spec.options.validation == "none":
            message = "needs a proof to find differences, and validation is none"
            yield FieldError(field=field, message=message, remedy="Use validation checksum, or leave heal out")


def _wrong_options(side: str, connection: ConnectionSpec) -> list[FieldError]:
    return _tried(
        side,
        find=lambda: connectors.find_type(connection.type).options_class(),
        parse=lambda: connectors.parse_options(connection.type, connection.options),
    )


def _wrong_tables(tables: list[TableSpec]) -> Iterator[FieldError]:
    first: dict[tuple[str | None, ...], int] = {}
    for number, table in enumerate(tables):
        path = join_path("tables", (number,))
        if table.batch_size is not None and table.batch_size > MOST_ROWS_PER_BATCH:
            yield FieldError(
                field=f"{path}.batchSize",
                message=f"is over {MOST_ROWS_PER_BATCH:,} rows",
                remedy="Leave it out: batches are sized by bytes",
            )
        names = (table.source_schema, table.source_table, table.destination_schema, table.destination_table)
        earlier = first.setdefault(names, number)
        if earlier != number:
            yield FieldError(field=path, message=f"is the same table as tables[{earlier}]", remedy="Remove one of them")
        for place, step in enumerate(table.transformations):
            yield from _wrong_step(join_path(path, ("transformations", place)), step)


def _wrong_step(path: str, step: TransformationSpec) -> list[FieldError]:
    return _tried(
        path,
        find=lambda: transformations.find_type(step.type).options_class(),
        parse=lambda: transformations.parse_transformation(step),
    )


def _tried(under: str, *, find: Callable[[], type[BaseModel]], parse: Callable[[], object]) -> list[FieldError]:
    try:
        model = find()
    except InvalidConfiguration as error:
        return [FieldError(field=f"{under}.type", message=error.message, remedy=error.remedy)]
    try:
        parse()
    except ValidationError as error:
        # A CUSTOM_FUNCTION's `options` are checked by the function's own model.
        path = under if error.title == model.__name__ else f"{under}.options"
        schema = model.model_json_schema() if path == under else None
        return field_errors(error.errors(include_url=False), schema=schema, under=path)
    except InvalidConfiguration as error:
        return [FieldError(field=under, message=error.message, remedy=error.remedy)]
    return []
