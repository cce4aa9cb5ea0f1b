"""Which workflows and activities each stage serves: one list of all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from temporalio.client import Client

from activities.certificate import CertificateActivities
from activities.ddl import DdlActivities
from activities.extract import ExtractActivities
from activities.load import LoadActivities
from activities.plan import PlanActivities
from activities.preflight import PreflightActivities
from activities.resources.connections import Connections
from activities.resources.difference_search import DifferenceSearch
from activities.resources.evidence import Evidence
from activities.resources.reachability import Reachability
from activities.resources.routes import Routes
from activities.resources.row_changes import RowChanges
from activities.resources.secrets import Secrets, read_environment, read_file
from activities.resources.staging import LocalStaging
from activities.resources.survey import Survey
from activities.snapshot import SnapshotActivities
from activities.status import StatusActivities
from activities.transform import TransformActivities
from activities.transformations.chain import bind_chain
from activities.validate import ValidateActivities
from core.config_store.store import ConfigStore
from core.documents import DocumentStore
from core.settings import Settings
from workflows.migration_job import MigrationJob
from workflows.plan_job import PlanJob
from workflows.table_migration import TableMigration

STAGES = ("control", "extract", "transform", "load", "validate")
WORKFLOWS: Sequence[type] = (MigrationJob, TableMigration, PlanJob)


@dataclass(frozen=True)
class Parts:
    """What activities are given, built once for each process."""

    client: Client
    settings: Settings
    documents: DocumentStore
    staging: LocalStaging
    connections: Connections
    routes: Routes

    @classmethod
    def build(cls, client: Client, settings: Settings) -> Parts:
        """All parts of one process."""
        documents = DocumentStore(settings.documents)
        return cls(
            client=client,
            settings=settings,
            documents=documents,
            staging=LocalStaging(settings.staging),
            connections=Connections(Secrets({"env": read_environment, "file": read_file})),
            routes=Routes(documents),
        )


Activity = Callable[..., Any]


def control_activities(parts: Parts, store: ConfigStore) -> list[Activity]:
    """Short activities around the config store, and preflight."""
    reachability = Reachability(parts.connections)
    survey = Survey(parts.connections, bind_chain)
    preflight = PreflightActivities(store, parts.connections, reachability, survey, parts.routes)
    status = StatusActivities(store, parts.documents, parts.routes, parts.staging)
    certificate = CertificateActivities(store, Evidence(parts.documents, parts.routes), parts.connections)
    plan = PlanActivities(reachability, survey, parts.documents)
    return [
        preflight.check_connections,
        preflight.survey_tables,
        status.record_status,
        status.record_outcome,
        certificate.write_certificate,
        plan.plan_job,
    ]


def snapshot_activities(parts: Parts) -> list[Activity]:
    """The snapshot's keepers."""
    return [SnapshotActivities(parts.connections, parts.routes, parts.client).keep_snapshot]


def extract_activities(parts: Parts) -> list[Activity]:
    """Reading the source."""
    extract = ExtractActivities(parts.connections, parts.routes, parts.staging)
    return [extract.extract_batches, extract.count_source]


def transform_activities(parts: Parts) -> list[Activity]:
    """Changing rows in staging."""
    return [TransformActivities(parts.routes, parts.staging, RowChanges(parts.routes)).transform_batches]


def load_activities(parts: Parts) -> list[Activity]:
    """Writing the destination, DDL included."""
    load = LoadActivities(parts.connections, parts.routes, parts.staging)
    ddl = DdlActivities(parts.connections, parts.routes)
    return [load.begin_load, load.load_batches, ddl.prepare_tables, ddl.finish_table, ddl.build_foreign_keys]


def validate_activities(parts: Parts) -> list[Activity]:
    """Proving the destination."""
    differences = DifferenceSearch(parts.connections, parts.routes, RowChanges(parts.routes), parts.documents)
    evidence = Evidence(parts.documents, parts.routes)
    return [ValidateActivities(parts.connections, parts.routes, evidence, differences).validate_table]
