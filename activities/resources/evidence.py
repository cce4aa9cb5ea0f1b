"""Evidence: a table's part of the certificate, and the certificate made of the parts. Holds no value of any row."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from activities.resources.routes import Routes
from connectors.contract import LedgerRow
from core.changed_values import Changed
from core.documents import (
    DocumentStore,
    certificate_document,
    evidence_document,
    not_carried_document,
    proof_document,
    run_folder,
)
from core.errors import NotFound
from core.healing import DifferingRows
from core.job_spec import JobSpec
from core.limit_words import beyond, change
from core.models import CertificateInput
from core.progress import JobProgress
from core.rejects import TableRejects
from core.replay import ReplayClose
from core.route import TableRoute
from core.schema import Digest, NotCarried
from core.stage_models import Difference, ValidateInput


class Evidence:
    """Writes and gathers evidence documents."""

    def __init__(self, documents: DocumentStore, routes: Routes) -> None:
        self._documents = documents
        self._routes = routes

    def write(
        self,
        route: TableRoute,
        given: ValidateInput,
        ledger: list[LedgerRow],
        found: Digest | None,
        proved: bool,
        message: str,
        differences: list[Difference],
        differing: DifferingRows | None = None,
    ) -> str:
        """Stores what is known about one table and returns the reference."""
        evidence = {
            "tableId": route.table_id,
            "source": str(route.source_table),
            "destination": str(route.destination_table),
            "proved": proved,
            "message": message,
            "validation": given.mode,
            "algorithm": route.digest_algorithm if given.mode == "checksum" else None,
            "moment": given.snapshot.model_dump(mode="json", by_alias=True) if given.snapshot else None,
            "path": route.path,
            "loadMode": route.load_mode,
            "load": given.begun.load,
            "rowsBefore": given.begun.rows_before,
            "copies": given.copies,
            "rows": {
                "extracted": given.extracted.rows + given.rejected,
                "loaded": given.extracted.rows,
                "countedAtSource": given.counted_rows,
                "inLedger": sum(row.digest.rows for row in ledger),
                "atDestination": found.rows if found else None,
                "rejected": given.rejected,
            },
            "digests": {
                "source": given.extracted.total if given.mode == "checksum" else None,
                "destination": found.total if found and given.mode == "checksum" else None,
            },
            "whereClause": route.where_clause,
            "incremental": self._describe_pass(route, given.bounds),
            "transformations": [step.model_dump(mode="json", by_alias=True) for step in route.transformations],
            "columns": [column.model_dump(mode="json", by_alias=True) for column in route.columns],
            "changedValues": _changed_values(route, given.changed),
            "createdBySterna": route.create_table,
            "ddl": route.statements(),
            "notCarried": [item.model_dump(mode="json", by_alias=True) for item in route.ddl.not_carried],
            "warnings": route.warnings,
            "plan": route.plan.method,
            "batches": _batches(ledger),
            "differingRows": differing.model_dump(mode="json", by_alias=True) if differing else None,
            "healed": [healed.model_dump(mode="json", by_alias=True) for healed in given.healed],
            "differences": [difference.model_dump(mode="json", by_alias=True) for difference in differences],
            "seconds": {part: round(seconds, 6) for part, seconds in given.timings.items()},
            "wallSeconds": round(given.wall_seconds, 3),
        }
        if given.rejected or given.max_rejects:
            self._documents.write(
                proof_document(route.job_id, route.run, route.table_id), given.model_dump_json(by_alias=True, indent=1)
            )
        return self._documents.write_json(evidence_document(route.job_id, route.run, route.table_id), evidence)

    def _describe_pass(self, route: TableRoute, bounds: str | None) -> dict[str, Any] | None:
        """Watermarks are values of rows: they lie in the document that is named."""
        if route.incremental is None:
            return None
        told = {"column": route.incremental.column, "overlap": route.incremental.overlap}
        return {**told, "pass": route.incremental.number, "bounds": bounds}

    def kept_rejects(self, route: TableRoute) -> int:
        """How many rows are kept as rejects of a table."""
        return TableRejects(self._documents, route.job_id, route.run, route.table_id).count()

    def write_not_carried(self, job_id: str, run: int, items: Sequence[NotCarried]) -> None:
        """Keeps what the run leaves behind, for the certificate; a source may have thousands of views."""
        listed = [item.model_dump(mode="json", by_alias=True) for item in items]
        self._documents.write_json(not_carried_document(job_id, run), listed)

    def write_certificate(self, given: CertificateInput, spec: JobSpec, settings: dict[str, Any]) -> tuple[str, bool]:
        """Gathers the tables' evidence; the verdict is proved only where every table is."""
        tables = [
            json.loads(self._documents.read(result.evidence))
            if result.evidence
            else {"tableId": result.table_id, "proved": False, "message": result.message}
            for result in given.results
        ]
        proved = bool(tables) and all(table["proved"] for table in tables)
        certificate = {
            "certificate": "sterna/1",
            "jobId": given.job_id,
            "name": spec.name,
            "run": given.run,
            "specificationSha256": specification_hash(spec),
            "verdict": "PROVED" if proved else "NOT PROVED",
            "approval": given.approval.model_dump(mode="json", by_alias=True) if given.approval else None,
            "startedAt": given.started_at.isoformat(),
            "finishedAt": given.finished_at.isoformat(),
            "source": spec.source.model_dump(mode="json", by_alias=True, exclude={"secrets_ref"}),
            "destination": spec.destination.model_dump(mode="json", by_alias=True, exclude={"secrets_ref"}),
            "options": spec.options.model_dump(mode="json", by_alias=True),
            "snapshots": [snapshot.model_dump(mode="json", by_alias=True) for snapshot in given.snapshots],
            "moments": len({json.dumps(table.get("moment")) for table in tables}),
            "sessionSettings": settings,
            "rows": sum(result.rows for result in given.results),
            "rejected": sum(result.rejected for result in given.results),
            "tables": tables,
            "notCarried": json.loads(self._documents.read(not_carried_document(given.job_id, given.run))),
        }
        reference = certificate_document(given.job_id, given.run)
        return self._documents.write_json(reference, certificate), proved

    def amend_certificate(self, given: ReplayClose, progress: JobProgress) -> bool:
        """The run's certificate after a replay, with the tables' new evidence; the one before it is kept beside it. A
        run that was cancelled has none. Whether every table is proved. Idempotent."""
        reference, finished = certificate_document(given.job_id, given.run), given.finished_at.isoformat()
        try:
            before = self._documents.read(reference)
        except NotFound:
            return all(table.proved for table in progress.tables)
        certificate = json.loads(before)
        replays = certificate.get("replays", [])
        if not replays or replays[-1]["finishedAt"] != finished:
            former = f"{run_folder(given.job_id, given.run)}/certificate-{len(replays)}.json"
            replays.append({"finishedAt": finished, "before": self._documents.write(former, before)})
        evidence = {result.table_id: result.evidence for result in given.tables if result.evidence}
        tables = [
            json.loads(self._documents.read(evidence[table["tableId"]])) if table["tableId"] in evidence else table
            for table in certificate["tables"]
        ]
        proved = bool(tables) and all(table["proved"] for table in tables)
        certificate |= {
            "verdict": "PROVED" if proved else "NOT PROVED",
            "rows": progress.rows,
            "rejected": progress.rejected,
            "tables": tables,
            "replays": replays,
        }
        self._documents.write_json(reference, certificate)
        return proved


def _batches(ledger: list[LedgerRow]) -> list[dict[str, Any]]:
    return [
        {
            "number": row.number,
            "rows": row.digest.rows,
            "digest": row.digest.total,
            "rejected": row.rejected,
            "loadedAt": row.loaded_at.isoformat(),
        }
        for row in ledger
    ]


def _changed_values(route: TableRoute, changed: Changed) -> list[dict[str, Any]]:
    """One line for each column and limit, in the columns' order."""
    return [
        {
            "column": column.destination,
            "limit": limit.kind,
            "count": count,
            "reason": f"a value that {beyond(limit)}: {change(limit)}",
        }
        for column in route.columns
        for limit in {limit.kind: limit for limit in column.limits}.values()
        if (count := changed.get(column.destination, {}).get(limit.kind))
    ]


def specification_hash(spec: JobSpec) -> str:
    """SHA-256 of the job as posted, in canonical JSON (sorted keys, no blanks)."""
    text = json.dumps(spec.model_dump(mode="json", by_alias=True), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
