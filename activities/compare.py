"""Compare: finds by key what has to be loaded anew so that a table's destination is what its source is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from temporalio import activity

from activities.heartbeat import beating
from activities.measuring import measuring, taken
from connectors.base import ReplacesRows, WritesRows, capability
from connectors.contract import LedgerEntry
from core.errors import InvalidConfiguration
from core.healing import CompareInput, Comparison
from core.route import Repair
from core.schema import Digest
from core.stage_models import Compared

if TYPE_CHECKING:
    from activities.resources.connections import Connections
    from activities.resources.key_bisection import KeyDifferences
    from activities.resources.key_comparison import KeyComparison
    from activities.resources.routes import Routes
    from core.route import TableRoute


class CompareActivities:
    """Served by `sterna-validate` workers; they reach both databases."""

    def __init__(self, connections: Connections, routes: Routes, keys: KeyComparison) -> None:
        self._connections = connections
        self._routes = routes
        self._keys = keys

    @activity.defn
    async def compare_table(self, given: CompareInput) -> Compared:
        """Digests of key ranges on both sides, narrowed to the keys that differ; they are written into a `Repair`.

        Idempotent. Batches that were given up are closed in the ledger first, so that what is compared stays. Where
        the destination is not what the ledger records, somebody else has changed it: healing corrects the ledger by
        the difference, otherwise the table is not comparable. Raises SnapshotGone, Unavailable.
        """
        with measuring() as watch:
            route = self._routes.read(given.route)
            async with beating():
                with watch.waiting("differences"):
                    found = await self._compare(route, given)
            seconds, spent = taken(watch)
        return Compared(found=found, seconds=seconds, spent=spent)

    async def _compare(self, route: TableRoute, given: CompareInput) -> Comparison:
        connector = await self._connections.connector(route.destination, f"compare {route.destination_table}")
        writer, replacing = capability(connector, WritesRows), capability(connector, ReplacesRows)
        target = self._routes.target(route)
        for number in given.abandoned:
            await replacing.correct_ledger(target, self._entry(route, given, number, Digest()))
        ledger = await writer.ledger_rows(self._routes.load_ref(route, given.load))
        recorded = sum((row.digest for row in ledger), Digest())
        try:
            found = await self._keys.compare(route, given.snapshot)
        except InvalidConfiguration as error:
            return Comparison(comparable=False, reason=error.message)
        first = max([given.next_batch, *(row.number + 1 for row in ledger)])
        altered = _as_recorded(found.found, given) - recorded
        if altered != Digest():
            if not given.heal:
                return Comparison(comparable=False, reason="the destination was written to by somebody else")
            await replacing.correct_ledger(target, self._entry(route, given, first, altered))
            first += 1
        return self._described(route, given, found, first)

    def _entry(self, route: TableRoute, given: CompareInput, number: int, digest: Digest) -> LedgerEntry:
        return LedgerEntry(route.job_id, route.table_id, given.load, number, digest)

    def _described(self, route: TableRoute, given: CompareInput, found: KeyDifferences, first: int) -> Comparison:
        repair = Repair(
            key=route.key,
            destination_key=route.destination_key,
            first=first,
            batches=found.batches,
            nulls=found.keyless > 0,
        )
        counts = {"missing": found.missing, "extra": found.extra, "changed": found.changed}
        evidence = None
        if found.batches:
            listed = {"key": route.key, **counts, "withoutKey": found.keyless, "rows": found.shown}
            evidence = self._routes.write_differing_keys(route, str(first), listed)
        return Comparison(
            comparable=True,
            source=_as_recorded(found.source, given),
            repair=self._routes.write_repair(route, repair),
            first=first,
            batches=len(found.batches),
            evidence=evidence,
            **counts,
        )


def _as_recorded(digest: Digest, given: CompareInput) -> Digest:
    """Without checksums, extraction takes none, and the ledger has only numbers of rows."""
    return digest if given.digests else Digest(rows=digest.rows)
