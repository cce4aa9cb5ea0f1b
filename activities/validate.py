"""Validate: proves that the destination holds what was extracted, by new sessions over committed rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from temporalio import activity

from activities.heartbeat import beating
from activities.measuring import measuring, taken
from connectors.base import ProvesRows, WritesRows, capability
from core.healing import DifferingRows
from core.schema import Digest
from core.stage_models import Difference, ValidateInput, ValidationResult
from core.time_spent import TimeSpent, add_activity, outside

if TYPE_CHECKING:
    from activities.resources.connections import Connections
    from activities.resources.difference_count import DifferenceCount
    from activities.resources.difference_search import DifferenceSearch
    from activities.resources.evidence import Evidence
    from activities.resources.routes import Routes
    from connectors.contract import LedgerRow
    from core.route import TableRoute
    from core.stopwatch import Stopwatch


class ValidateActivities:
    """Served by `sterna-validate` workers; they reach both databases."""

    def __init__(
        self,
        connections: Connections,
        routes: Routes,
        evidence: Evidence,
        differences: DifferenceSearch,
        difference_count: DifferenceCount,
    ) -> None:
        self._connections = connections
        self._routes = routes
        self._evidence = evidence
        self._differences = differences
        self._difference_count = difference_count

    @activity.defn
    async def validate_table(self, given: ValidateInput) -> ValidationResult:
        """Compares what was extracted with the ledger, the source's own count and the destination's rows.

        A difference is narrowed to batches and example rows. The evidence is a document; the result says where.

        Without a snapshot the source may be written to between the reading of its batches and its count: then another
        count fails nothing, but what was not seen whole is not proved.
        """
        with measuring() as watch:
            return await self._prove(self._routes.read(given.route), given, watch)

    async def _prove(self, route: TableRoute, given: ValidateInput, watch: Stopwatch) -> ValidationResult:
        connector = await self._connections.connector(route.destination, f"validate {route.destination_table}")
        load = self._routes.load_ref(route, given.begun.load)
        async with beating():
            with watch.waiting("destination"):
                ledger = await capability(connector, WritesRows).ledger_rows(load)
                found = await self._digest_destination(capability(connector, ProvesRows), route, given)
            findings = self._compare_books(route, given, ledger)
            if found is not None:
                findings += self._compare_rows(given, found)
            differences: list[Difference] = []
            rows: DifferingRows | None = None
            if findings and given.mode == "checksum" and not given.heals:
                with watch.waiting("differences"):
                    if not given.healed:  # afterwards the ledger's batches are no sets of rows that stand
                        differences = await self._differences.narrow(route, given)
                    rows = await self._difference_count.count(route, given)
                    findings += [str(rows)] if rows is not None and rows.some else []
        moved = self._moved_source(given)
        proved = not findings and not moved and given.mode != "none"
        message = self._message(given, findings or moved, found)
        seconds, spent = taken(watch)
        given = _with_own_time(given, seconds, spent)
        reference = self._evidence.write(route, given, ledger, found, proved, message, differences, rows)
        return ValidationResult(
            proved=proved,
            mode=given.mode,
            rows=given.extracted.rows,
            evidence=reference,
            message=message,
            failed=bool(findings),
            seconds=seconds,
            spent=spent,
        )

    def _compare_books(self, route: TableRoute, given: ValidateInput, ledger: list[LedgerRow]) -> list[str]:
        recorded = sum((row.digest for row in ledger), Digest())
        batches = sum(1 for row in ledger if row.number < route.plan.batches)
        rejected = sum(row.rejected for row in ledger)
        findings = []
        if batches != route.plan.batches and not given.healed:
            findings.append(f"{batches} of {route.plan.batches} batches are in the ledger")
        if recorded != given.extracted:
            findings.append(f"the ledger records {recorded.rows} rows, {given.extracted.rows} were extracted")
        if rejected != given.rejected:
            findings.append(f"the ledger records {rejected} rejects, {given.rejected} rows were left out")
        if (kept := self._evidence.kept_rejects(route)) != given.rejected:
            findings.append(f"{kept} rejects are kept, {given.rejected} rows were left out")
        if given.snapshot is not None and given.counted_rows not in (None, _extracted(given)):
            findings.append(f"the source counts {given.counted_rows} rows, {_extracted(given)} were extracted")
        return findings

    def _moved_source(self, given: ValidateInput) -> list[str]:
        """Rows that came or went while a source without a snapshot was read."""
        if given.snapshot is not None or given.counted_rows in (None, _extracted(given)):
            return []
        return [
            f"{_extracted(given)} rows were extracted and have arrived, but the source counts {given.counted_rows}: "
            "it was written to while it was read without a snapshot. Run the job again while nothing writes there"
        ]

    async def _digest_destination(self, proof: ProvesRows, route: TableRoute, given: ValidateInput) -> Digest | None:
        """Rows that stood in the table before do not count; where there were none, the whole table does."""
        if given.mode == "none":
            return None
        alone = given.begun.rows_before == 0 and route.load_mode != "upsert"
        method = self._routes.destination_proof(route)
        load = self._routes.load_ref(route, given.begun.load)
        if given.mode == "checksum" and alone:
            return await proof.digest_table(route.destination_table, method)
        if given.mode == "checksum" or route.load_mode == "upsert":
            return await proof.digest_load(route.destination_table, method, load)
        return Digest(rows=await proof.count_rows(route.destination_table) - given.begun.rows_before)

    def _compare_rows(self, given: ValidateInput, found: Digest) -> list[str]:
        if found.rows != given.extracted.rows:
            return [f"the destination holds {found.rows} rows, {given.extracted.rows} were extracted"]
        if given.mode == "checksum" and found.total != given.extracted.total:
            return [f"the destination holds as many rows ({found.rows}), but not the same values"]
        return []

    def _message(self, given: ValidateInput, findings: list[str], found: Digest | None) -> str:
        if findings:
            return "; ".join(findings)
        if given.mode == "none":
            return "not validated"
        by = "checksum" if given.mode == "checksum" else "row count"
        moment = "" if given.snapshot is not None else ", each batch as of its own reading"
        rejected = f", {given.rejected} rejected" if given.rejected else ""
        return f"{found.rows if found else 0} rows proved by {by}{moment}{rejected}"


def _extracted(given: ValidateInput) -> int:
    return given.extracted.rows + given.rejected


def _with_own_time(given: ValidateInput, seconds: float, spent: TimeSpent) -> ValidateInput:
    """The evidence is written by the last activity of a table: what it took itself belongs in it."""
    elapsed = seconds + outside(spent)
    timings = add_activity(given.timings, "validate", elapsed, seconds, spent)
    return given.model_copy(update={"timings": timings, "wall_seconds": given.wall_seconds + elapsed})
