"""Counts the rows that a failed proof is about; where they have a key, a document lists them."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from core.errors import InvalidConfiguration, SnapshotGone
from core.healing import DifferingRows

if TYPE_CHECKING:
    from activities.resources.key_bisection import KeyDifferences
    from activities.resources.key_comparison import KeyComparison
    from activities.resources.multiset_difference import MultisetDifference
    from activities.resources.routes import Routes
    from core.progress import Snapshot
    from core.route import TableRoute
    from core.stage_models import ValidateInput


class DifferenceCount:
    """Looks at both sides once more: the source under the job's snapshot while it lives, else as it is now."""

    def __init__(self, keys: KeyComparison, multisets: MultisetDifference, routes: Routes) -> None:
        self._keys = keys
        self._multisets = multisets
        self._routes = routes

    async def count(self, route: TableRoute, given: ValidateInput) -> DifferingRows | None:
        """By key where the table has one, else by the rows' hashes. None where other rows stood in the table before,
        which nobody can tell apart."""
        if given.begun.rows_before or route.load_mode == "upsert":
            return None
        if given.snapshot is None:
            return await self._count(route, None, "now")
        try:
            return await self._count(route, given.snapshot, "the job's snapshot")
        except SnapshotGone:
            return await self._count(route, None, "now, the snapshot being released")

    async def _count(self, route: TableRoute, snapshot: Snapshot | None, moment: str) -> DifferingRows:
        if route.key:
            with suppress(InvalidConfiguration):
                return self._listed(route, await self._keys.compare(route, snapshot), moment)
        return await self._multisets.count(route, snapshot)

    def _listed(self, route: TableRoute, found: KeyDifferences, moment: str) -> DifferingRows:
        counts = {"missing": found.missing, "extra": found.extra, "changed": found.changed}
        listed = {
            "key": route.key,
            "sourceReadAt": moment,
            **counts,
            "withoutKey": found.keyless,
            "rows": found.shown,
        }
        return DifferingRows(**counts, keys=self._routes.write_differing_keys(route, "found", listed))
