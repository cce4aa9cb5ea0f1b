"""Control: workflows, short activities around the config store, preflight, and the keepers of snapshots."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from activities.certificate import CertificateActivities
from activities.maintenance import MaintenanceActivities
from activities.notify import NotifyActivities
from activities.plan import PlanActivities
from activities.preflight import PreflightActivities
from activities.replay import ReplayBooks
from activities.resources.data_scan import DataScan
from activities.resources.evidence import Evidence
from activities.resources.notifiers import Notifiers
from activities.resources.reachability import Reachability
from activities.resources.row_changes import RowChanges
from activities.resources.survey import Survey
from activities.schedule import ScheduleActivities
from activities.snapshot import SnapshotActivities
from activities.status import StatusActivities
from activities.transformations.chain import bind_chain
from connectors.sql.where_clause import WhereClauses
from core.config_store.sessions import open_engine
from core.config_store.store import ConfigStore
from core.job_start import JobStarter
from core.notice_channels import NoticeChannels
from core.settings import Settings
from worker.parts import Activity, Parts, Service
from workflows.deliver_notice import DeliverNotice
from workflows.migration_job import MigrationJob
from workflows.plan_job import PlanJob
from workflows.replay_rejects import ReplayRejects
from workflows.scheduled_start import ScheduledStart
from workflows.table_migration import TableMigration

SLOTS = 50
KEEPERS_AT_ONCE = 1000
"""A keeper is one idle session; it has a queue of its own so that it takes no other activity's slot."""
KEEPER_THROTTLE = timedelta(milliseconds=50)
"""The keeper itself chooses how often it beats."""
WORKFLOWS = (MigrationJob, TableMigration, PlanJob, ScheduledStart, ReplayRejects, DeliverNotice)


@asynccontextmanager
async def services(parts: Parts) -> AsyncIterator[list[Service]]:
    """Migrations of the config store are applied before the first job is served. Raises InvalidConfiguration where the
    channels of notices are wrong."""
    NoticeChannels(parts.settings.notice_channels).read()
    logging.getLogger("httpx").setLevel(logging.WARNING)  # its INFO lines hold URLs, and Slack's are secret
    store = ConfigStore(open_engine(parts.settings.config_store))
    try:
        await store.upgrade()
        keeper = SnapshotActivities(parts.connections, parts.routes, parts.client)
        yield [
            Service("control", _activities(parts, store), SLOTS, WORKFLOWS),
            Service("snapshot", [keeper.keep_snapshot], KEEPERS_AT_ONCE, heartbeat_throttle=KEEPER_THROTTLE),
        ]
    finally:
        await store.close()


def _activities(parts: Parts, store: ConfigStore) -> list[Activity]:
    reachability = Reachability(parts.connections)
    survey = Survey(parts.connections, bind_chain, _where_clauses(parts.settings))
    evidence = Evidence(parts.documents, parts.routes)
    preflight = PreflightActivities(store, reachability, survey, parts.routes, evidence)
    status = StatusActivities(store, parts.documents, parts.routes, parts.staging)
    certificate = CertificateActivities(store, evidence, parts.connections)
    replay = ReplayBooks(store, parts.documents, evidence)
    data_scan = DataScan(parts.connections, parts.routes, RowChanges(parts.routes))
    schedule = ScheduleActivities(
        store,
        parts.client,
        JobStarter(store, parts.client, parts.settings.task_queue_prefix, all_wait=parts.settings.require_approval),
    )
    channels = NoticeChannels(parts.settings.notice_channels)
    notify = NotifyActivities(store, Notifiers(channels, parts.secrets, parts.settings.public_url))
    plan = PlanActivities(reachability, survey, data_scan, parts.documents, parts.fields)
    return [
        preflight.check_connections,
        preflight.survey_tables,
        status.record_status,
        status.record_outcome,
        status.recall_outcome,
        status.record_watermark,
        certificate.write_certificate,
        schedule.start_run,
        plan.plan_job,
        MaintenanceActivities().look_at_window,
        replay.find_rejects,
        replay.close_replay,
        notify.deliver_notice,
        notify.record_undelivered,
    ]


def _where_clauses(settings: Settings) -> WhereClauses:
    return WhereClauses(trusted=settings.where_clauses == "trusted", functions=settings.where_functions)
