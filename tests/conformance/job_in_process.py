"""A job without Temporal: the real activities, called one after another as the workflow would."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from temporalio.testing import ActivityEnvironment

from activities.ddl import DdlActivities
from activities.extract import ExtractActivities
from activities.load import LoadActivities
from activities.replay import ReplayActivities
from activities.resources.connections import Connections
from activities.resources.data_scan import DataScan
from activities.resources.difference_count import DifferenceCount
from activities.resources.difference_search import DifferenceSearch
from activities.resources.evidence import Evidence
from activities.resources.foreign_keys import ForeignKeys
from activities.resources.key_comparison import KeyComparison
from activities.resources.multiset_difference import MultisetDifference
from activities.resources.refused_values import RefusedValues
from activities.resources.reject_isolation import RejectIsolation
from activities.resources.reject_replay import RejectReplay
from activities.resources.routes import Routes
from activities.resources.row_changes import RowChanges
from activities.resources.secrets import Secrets
from activities.resources.staging import LocalStaging
from activities.resources.survey import Survey, Surveyed
from activities.resources.violations import Violations
from activities.transform import TransformActivities
from activities.transformations.chain import bind_chain
from activities.validate import ValidateActivities
from connectors.conformance.harness import Harness
from core.documents import DocumentStore
from core.job_spec import JobSpec
from core.models import RoutesInput
from core.rejects import Reject, TableRejects
from core.replay import Replayed, ReplayInput
from core.route import TableRoute
from core.schema import Digest
from core.stage_models import (
    BatchSpan,
    ExtractInput,
    FinishInput,
    LoadInput,
    LoadStart,
    StagedBatches,
    TransformInput,
    ValidateInput,
    ValidationResult,
)


@dataclass(frozen=True)
class Outcome:
    """What became of one table."""

    route: TableRoute
    result: ValidationResult
    staged: StagedBatches


class JobInProcess:
    """Source and destination of two harnesses, documents and staging in a folder."""

    def __init__(self, source: Harness, destination: Harness, folder: Path) -> None:
        self._source, self._destination = source, destination
        secrets = {"memory": lambda place: _secret({"source": source, "destination": destination}[place])}
        self._connections = Connections(Secrets(secrets))
        self.folder = folder
        self._documents = DocumentStore(folder / "documents")
        self._routes = Routes(self._documents)
        self._staging = LocalStaging(folder / "staging")
        self._activity = ActivityEnvironment()
        self._job_id = f"job-{uuid4()}"

    def spec(self, tables: list[Mapping[str, Any]], **options: Any) -> JobSpec:
        """A job between the two."""
        return JobSpec.model_validate(
            {
                "name": "in process",
                "source": _side(self._source, "source"),
                "destination": _side(self._destination, "destination"),
                "tables": tables,
                "options": {"consistency": "batch", **options},
            }
        )

    async def survey(self, job: JobSpec) -> Surveyed:
        """What preflight finds."""
        assert isinstance(job.tables, list)
        tables = {str(position): table for position, table in enumerate(job.tables)}
        return await Survey(self._connections, bind_chain).look(self._job_id, 1, job, tables)

    async def scan(self, route: TableRoute) -> dict[str, Any]:
        """What a plan that looks at the data says of a table."""
        return await DataScan(self._connections, self._routes, RowChanges(self._routes)).scan(route)

    def evidence(self, result: ValidationResult) -> dict[str, Any]:
        """The table's part of the certificate."""
        found: dict[str, Any] = json.loads(self._documents.read(result.evidence))
        return found

    async def run(self, job: JobSpec) -> list[Outcome]:
        """Moves and proves every table. Raises what an activity raises."""
        surveyed = await self.survey(job)
        assert surveyed.parked == []
        assert [route.refusals for route in surveyed.routes if route.refusals] == []
        references = [self._routes.write(route) for route in surveyed.routes]
        ddl = self._ddl()
        prepared = await self._activity.run(
            ddl.prepare_tables, RoutesInput(job_id=self._job_id, run=1, routes=references)
        )
        assert prepared.parked == {}
        outcomes = [
            await self._move(route, reference, job.options.max_rejects or None)
            for route, reference in zip(surveyed.routes, references, strict=True)
        ]
        built = await self._activity.run(
            ddl.build_foreign_keys, RoutesInput(job_id=self._job_id, run=1, routes=references)
        )
        assert built.parked == {}
        return outcomes

    async def replay(self, route: TableRoute, replay: int) -> Replayed:
        """Loads the rejects of a table's first load again, by what the route says now."""
        given = ReplayInput(route=self._routes.write(route), load=1, replay=replay, digests=True)
        row_changes = RowChanges(self._routes)
        replays = RejectReplay(self._connections, self._routes, row_changes, self._documents)
        found: Replayed = await self._activity.run(ReplayActivities(self._routes, replays).replay_table, given)
        return found

    def rejects(self, route: TableRoute) -> list[Reject]:
        """The table's rejects now."""
        return list(TableRejects(self._documents, route.job_id, route.run, route.table_id).read())

    def validator(self) -> ValidateActivities:
        """The stage that proves."""
        changes = RowChanges(self._routes)
        differences = DifferenceSearch(self._connections, self._routes, changes, self._documents)
        keys = KeyComparison(self._connections, self._routes, changes)
        multisets = MultisetDifference(self._connections, self._routes, changes)
        counts = DifferenceCount(keys, multisets, self._routes)
        evidence = Evidence(self._documents, self._routes)
        return ValidateActivities(self._connections, self._routes, evidence, differences, counts)

    def _ddl(self) -> DdlActivities:
        violations = Violations(self._connections, self._routes, self._documents)
        foreign_keys = ForeignKeys(self._connections, self._routes, self._documents, violations)
        return DdlActivities(self._connections, self._routes, violations, foreign_keys)

    async def _move(self, route: TableRoute, reference: str, allowed: int | None) -> Outcome:
        refused = RefusedValues(self._routes)
        extract = ExtractActivities(self._connections, self._routes, self._staging, refused)
        isolation = RejectIsolation(self._connections, self._routes, self._documents)
        transform = TransformActivities(self._routes, self._staging, RowChanges(self._routes), refused, isolation)
        load = LoadActivities(self._connections, self._routes, self._staging, refused, isolation)
        begun = await self._activity.run(load.begin_load, LoadStart(route=reference, token="1"))
        staged = await self._activity.run(
            extract.extract_batches,
            ExtractInput(
                route=reference,
                token="1",
                span=BatchSpan(first=0, count=route.plan.batches),
                snapshot=None,
                digests=True,
            ),
        )
        if route.path == "arrow":
            staged = await self._activity.run(
                transform.transform_batches,
                TransformInput(
                    route=reference,
                    token="1",
                    batches=staged.batches,
                    digests=True,
                    allowed_rejects=allowed,
                    load=begun.load,
                ),
            )
        loaded = await self._activity.run(
            load.load_batches,
            LoadInput(route=reference, load=begun.load, batches=staged.batches, allowed_rejects=allowed),
        )
        await self._activity.run(
            self._ddl().finish_table,
            FinishInput(route=reference),
        )
        result = await self._activity.run(
            self.validator().validate_table,
            ValidateInput(
                route=reference,
                extracted=loaded.digest if allowed else sum((batch.digest for batch in staged.batches), Digest()),
                counted_rows=None,
                begun=begun,
                mode="checksum",
                snapshot=None,
                copies=1,
                changed=loaded.changed,
                rejected=loaded.rejected,
            ),
        )
        return Outcome(route, result, staged)


def _side(harness: Harness, word: str) -> dict[str, Any]:
    secret = {"secretsRef": f"memory:{word}"} if harness.credentials.password is not None else {}
    return {"type": harness.type_name, **harness.options, **secret}


def _secret(harness: Harness) -> str:
    return json.dumps({"username": harness.credentials.username, "password": harness.credentials.password})
