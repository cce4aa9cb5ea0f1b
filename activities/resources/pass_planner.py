"""Plans incremental passes: which column, from which watermark, in which batches."""

from __future__ import annotations

from core.errors import InvalidConfiguration, NotFound
from core.job_spec import IncrementalSpec
from core.ranges import RangePlan, WholeSegment
from core.route import TableRoute
from core.schema import Capabilities
from core.watermark import KINDS, MOMENTS, NUMBERS, PassRoute, StoredWatermark

ONE_BATCH = RangePlan(segments=[WholeSegment()], method="one batch: the rows past the watermark")


def plan_pass(
    route: TableRoute,
    asked: IncrementalSpec | None,
    last: StoredWatermark | None,
    *,
    source: Capabilities,
    batch_rows: int | None,
) -> TableRoute:
    """The route as that of a pass, where one is asked for; `last` is how far the last proved pass came.

    A later pass is one batch, which the source can take from an index on the column, unless the job gives a batch size.
    Raises InvalidConfiguration, NotFound with table and column.
    """
    if asked is None:
        return route
    kind = _kind(route, asked, source)
    found = PassRoute(column=asked.column, kind=kind, overlap=asked.overlap)
    if last is not None:
        found = found.model_copy(update={"watermark": last.value, "number": last.number + 1})
    plan = route.plan if found.first or batch_rows is not None else ONE_BATCH
    warnings = [*route.warnings, *_warnings(route, found)]
    ddl = route.ddl if found.first else route.ddl.model_copy(update={"statistics": []})  # few rows: not worth a sample
    return route.model_copy(update={"incremental": found, "plan": plan, "warnings": warnings, "ddl": ddl})


def _kind(route: TableRoute, asked: IncrementalSpec, source: Capabilities) -> str:
    column = route.source_schema.column(asked.column)
    named = f"{route.source_table}.{asked.column}"
    if not source.watermarks:
        raise InvalidConfiguration(
            f"the source of {named} reads no watermarks", remedy="Leave 'incremental' out, or use whereClause"
        )
    if column is None:
        raise NotFound(
            f"table {route.source_table} has no column {asked.column}",
            remedy="Correct 'incremental.column', upper and lower case too",
        )
    kind = column.value.kind
    if kind not in KINDS or (source.loosely_typed and kind in MOMENTS):
        usable = "an integer" if source.loosely_typed else "an integer, a date or a timestamp"
        raise InvalidConfiguration(
            f"the watermark column {named} is of type {column.type}", remedy=f"Choose one that holds {usable}"
        )
    if isinstance(asked.overlap, str) and kind in NUMBERS:
        raise InvalidConfiguration(
            f"the watermark column {named} holds numbers, the overlap is a time", remedy="Write a number, e.g. 1000"
        )
    if not isinstance(asked.overlap, str) and asked.overlap and kind in MOMENTS:
        raise InvalidConfiguration(
            f"the watermark column {named} holds moments, the overlap is a number",
            remedy="Write a time, e.g. '5 minutes'",
        )
    return kind


def _warnings(route: TableRoute, found: PassRoute) -> list[str]:
    column = route.source_schema.column(found.column)
    warnings = ["incremental: rows that are deleted at the source stay at the destination"]
    if column is not None and column.nullable:
        warnings.append(f"rows whose {found.column} is NULL are read by the first run only")
    if route.load_mode == "append":
        warnings.append(f"loadMode append: a row whose {found.column} moves on is added again")
    return warnings
