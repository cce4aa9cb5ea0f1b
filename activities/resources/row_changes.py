"""Makes rows of the source into rows of the destination: transformations, then fitting, then the digest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from activities.resources.routes import Routes
from activities.transformations.base import TransformedColumn
from activities.transformations.chain import BoundChain, bind_chain
from connectors.base import RowReader
from connectors.canonical import digest_batch, row_hashes
from connectors.contract import AnyRange, Selection
from connectors.fitting import FittedColumn, fit
from core.changed_values import Changed
from core.route import TableRoute
from core.schema import Digest

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class ChangedRows:
    """Rows as they go into the destination."""

    rows: pa.RecordBatch
    digest: Digest
    """Rows, and their checksum where digests are asked for."""
    changed: Changed


Change = Callable[["pa.RecordBatch"], ChangedRows]


class RowChanges:
    """Transformations, then what the destination's columns cannot hold. What it returns is CPU-bound and may be called
    from any thread."""

    def __init__(self, routes: Routes) -> None:
        self._routes = routes

    def of(self, route: TableRoute, *, digests: bool) -> Change:
        """The change of any batch."""
        arriving = self.arriving(route)
        columns = self._routes.staged_proof(route).columns

        def change(rows: pa.RecordBatch) -> ChangedRows:
            fitted, changed = fit(arriving(rows), fitted_columns(route))
            digest = digest_batch(fitted, columns) if digests else Digest(rows=fitted.num_rows)
            return ChangedRows(fitted, digest, changed)

        return change

    def arriving(self, route: TableRoute) -> Callable[[pa.RecordBatch], pa.RecordBatch]:
        """Applies the transformations alone; columns get their destination names."""
        chain = self._chain_of(route)
        names = [column.destination for column in route.columns]
        return lambda rows: chain.apply(rows).rename_columns(names)

    async def hashes(
        self, route: TableRoute, session: RowReader, selection: Selection, rows: AnyRange
    ) -> dict[int, int]:
        """How often each row hash occurs in a range of the source, after the transformations."""
        change, found = self.of(route, digests=False), Counter[int]()

        async def count(batch: pa.RecordBatch) -> None:
            found.update(row_hashes(change(batch).rows, self._routes.staged_proof(route).columns))

        await session.read_arrow(selection, rows, count)
        return dict(found)

    async def examples(
        self, route: TableRoute, session: RowReader, selection: Selection, rows: AnyRange, wanted: list[int]
    ) -> list[dict[str, Any]]:
        """Transformed rows of a range of the source that have these hashes, as column → text."""
        change, columns = self.of(route, digests=False), self._routes.staged_proof(route).columns
        found: dict[int, dict[str, Any]] = {}

        async def look(batch: pa.RecordBatch) -> None:
            changed = change(batch).rows
            for position, value in enumerate(row_hashes(changed, columns)):
                if value in wanted and value not in found:
                    found[value] = changed.slice(position, 1).to_pylist()[0]

        await session.read_arrow(selection, rows, look)
        return list(found.values())

    def _chain_of(self, route: TableRoute) -> BoundChain:
        before = [column for name in route.read_columns if (column := route.source_schema.column(name))]
        seen = TransformedColumn.of_interchange if route.interchange else TransformedColumn.of
        return bind_chain(route.transformations, [seen(column) for column in before])


def fitted_columns(route: TableRoute) -> list[FittedColumn]:
    """What the destination's columns cannot hold; nothing is known of them where native text travels."""
    return [
        FittedColumn(
            column.destination,
            f"{route.destination_table}.{column.destination}",
            column.value,
            column.limits,
            column.source_type,
        )
        for column in route.columns
        if column.value is not None
    ]
