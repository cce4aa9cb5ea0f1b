"""Applies a route's transformations to rows, with the digest of what comes out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from activities.resources.routes import Routes
from activities.transformations.base import TransformedColumn
from activities.transformations.chain import BoundChain, bind_chain
from connectors.base import AnyRange, RowReader, Selection
from connectors.canonical import digest_batch, row_hashes
from core.route import TableRoute
from core.schema import Digest

if TYPE_CHECKING:
    import pyarrow as pa

Change = Callable[["pa.RecordBatch"], tuple["pa.RecordBatch", Digest]]


class RowChanges:
    """What it returns is CPU-bound and may be called from any thread."""

    def __init__(self, routes: Routes) -> None:
        self._routes = routes

    def of(self, route: TableRoute, *, digests: bool) -> Change:
        """The change of any batch; its digest has the rows, and the checksum where digests are asked for."""
        chain = self._chain_of(route)
        columns = self._routes.staged_proof(route).columns

        def change(rows: pa.RecordBatch) -> tuple[pa.RecordBatch, Digest]:
            changed = chain.apply(rows)
            return changed, digest_batch(changed, columns) if digests else Digest(rows=changed.num_rows)

        return change

    async def hashes(
        self, route: TableRoute, session: RowReader, selection: Selection, rows: AnyRange
    ) -> dict[int, int]:
        """How often each row hash occurs in a range of the source, after the transformations."""
        chain, found = self._chain_of(route), Counter[int]()

        async def count(batch: pa.RecordBatch) -> None:
            found.update(row_hashes(chain.apply(batch), self._routes.staged_proof(route).columns))

        await session.read_arrow(selection, rows, count)
        return dict(found)

    async def examples(
        self, route: TableRoute, session: RowReader, selection: Selection, rows: AnyRange, wanted: list[int]
    ) -> list[dict[str, Any]]:
        """Transformed rows of a range of the source that have these hashes, as column → text."""
        chain, columns = self._chain_of(route), self._routes.staged_proof(route).columns
        found: dict[int, dict[str, Any]] = {}

        async def look(batch: pa.RecordBatch) -> None:
            changed = chain.apply(batch)
            for position, value in enumerate(row_hashes(changed, columns)):
                if value in wanted and value not in found:
                    found[value] = changed.slice(position, 1).to_pylist()[0]

        await session.read_arrow(selection, rows, look)
        return list(found.values())

    def _chain_of(self, route: TableRoute) -> BoundChain:
        before = [column for name in route.read_columns if (column := route.source_schema.column(name))]
        return bind_chain(route.transformations, [TransformedColumn.of(column) for column in before])
