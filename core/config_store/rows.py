"""Between a job's specification and its rows, both ways and without loss."""

from __future__ import annotations

import uuid

from core.config_store.stored import JobSummary, StoredJob, StoredRun, StoredTable
from core.config_store.tables import (
    ConnectorConfig,
    MigrationJob,
    MigrationRun,
    TableConfig,
    TransformationConfig,
)
from core.job_spec import (
    ConnectionSpec,
    IncrementalSpec,
    JobOptions,
    JobSpec,
    JobStatus,
    TableSelection,
    TableSpec,
    TransformationSpec,
)


def new_id() -> str:
    """A fresh id for any row."""
    return str(uuid.uuid4())


def write_spec(row: MigrationJob, spec: JobSpec) -> None:
    """Puts the specification into the job's row and its children, in place of what was there."""
    row.name = spec.name
    row.description = spec.description
    row.priority = spec.priority
    row.options_json = spec.options.model_dump(mode="json", by_alias=True)
    row.connectors = [_connector_row("SOURCE", spec.source), _connector_row("DESTINATION", spec.destination)]
    if isinstance(spec.tables, TableSelection):
        row.tables_selection = spec.tables.model_dump(mode="json", by_alias=True)
        row.tables = []
    else:
        row.tables_selection = None
        row.tables = [table_row(table, sequence) for sequence, table in enumerate(spec.tables)]


def table_row(spec: TableSpec, sequence: int) -> TableConfig:
    """A new row, with a new id, for one table and its transformations."""
    incremental = spec.incremental
    return TableConfig(
        table_id=new_id(),
        source_schema=spec.source_schema,
        source_table=spec.source_table,
        destination_schema=spec.destination_schema,
        destination_table=spec.destination_table,
        batch_size=spec.batch_size,
        where_clause=spec.where_clause,
        priority=spec.priority,
        columns_json=spec.columns,
        load_mode=spec.load_mode,
        incremental_json=None if incremental is None else incremental.model_dump(mode="json", by_alias=True),
        heal=spec.heal,
        sequence=sequence,
        transformations=[
            TransformationConfig(transform_id=new_id(), type=step.type, config_json=step.options, sequence=place)
            for place, step in enumerate(spec.transformations)
        ],
    )


def read_job(row: MigrationJob) -> StoredJob:
    """The job with everything that was loaded beside it."""
    tables = [read_table(table) for table in row.tables]
    return StoredJob(
        **read_summary(row).model_dump(),
        spec=_read_spec(row, tables),
        tables=tables,
        runs=[read_run(run) for run in row.runs],
    )


def read_summary(row: MigrationJob) -> JobSummary:
    """The job's line in a list."""
    return JobSummary(
        job_id=row.job_id,
        name=row.name,
        description=row.description,
        status=JobStatus(row.status),
        attention=row.attention,
        priority=row.priority,
        run=row.current_run,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def read_run(row: MigrationRun) -> StoredRun:
    """One run."""
    return StoredRun(
        job_id=row.job_id,
        run=row.run,
        status=JobStatus(row.status),
        start_token=row.start_token,
        only_tables=row.only_tables,
        workflow_run_id=row.workflow_run_id,
        started_at=row.started_at,
        finished_at=row.finished_at,
        certificate=row.certificate,
        attention=row.attention,
    )


def read_table(row: TableConfig) -> StoredTable:
    """One table with its transformations in order."""
    return StoredTable(
        table_id=row.table_id,
        spec=TableSpec(
            source_schema=row.source_schema,
            source_table=row.source_table,
            destination_schema=row.destination_schema,
            destination_table=row.destination_table,
            columns=row.columns_json,
            batch_size=row.batch_size,
            where_clause=row.where_clause,
            priority=row.priority,
            load_mode=row.load_mode,
            incremental=None if row.incremental_json is None else IncrementalSpec.model_validate(row.incremental_json),
            heal=row.heal,
            transformations=[
                TransformationSpec.model_validate({**step.config_json, "type": step.type})
                for step in row.transformations
            ],
        ),
    )


def _read_spec(row: MigrationJob, tables: list[StoredTable]) -> JobSpec:
    sides = {side.type: side for side in row.connectors}
    selection = row.tables_selection
    return JobSpec(
        name=row.name,
        description=row.description,
        priority=row.priority,
        source=_read_connection(sides["SOURCE"]),
        destination=_read_connection(sides["DESTINATION"]),
        tables=[table.spec for table in tables] if selection is None else TableSelection.model_validate(selection),
        options=JobOptions.model_validate(row.options_json),
    )


def _connector_row(side: str, spec: ConnectionSpec) -> ConnectorConfig:
    return ConnectorConfig(
        config_id=new_id(),
        type=side,
        connector_type=spec.type,
        config_json=spec.options,
        secrets_ref=spec.secrets_ref,
    )


def _read_connection(row: ConnectorConfig) -> ConnectionSpec:
    return ConnectionSpec.model_validate({**row.config_json, "type": row.connector_type, "secretsRef": row.secrets_ref})
