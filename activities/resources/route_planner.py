"""Plans a table's way: columns, types, path, digest, DDL and ranges, from the catalogs of both sides."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from activities.resources.interchange_columns import InterchangeColumns
from activities.resources.naming import Naming
from activities.resources.native_columns import NativeColumns
from activities.resources.planned_table import ColumnPlan, Draft, PlannedTable, PlansColumns
from activities.transformations.base import TransformedColumn
from activities.transformations.chain import BoundChain
from connectors.base import Connector, CreatesTables, KeepsNativeText, WritesRows, capability
from core.errors import InvalidConfiguration, NotFound
from core.job_spec import JobSpec, LoadMode, TransformationSpec
from core.ranges import RangePlan
from core.route import ColumnRoute, TableRoute, endpoints
from core.schema import Column, TableDdl, TableSchema

BindChain = Callable[[Sequence[TransformationSpec], Sequence[TransformedColumn]], BoundChain]


class RoutePlanner:
    """Builds routes for one run. Pure: catalogs and range plans are given."""

    def __init__(
        self, job_id: str, run: int, job: JobSpec, source: Connector, destination: Connector, bind_chain: BindChain
    ) -> None:
        """The connectors are asked for what they can do; no session is opened."""
        self._job_id = job_id
        self._run = run
        self._job = job
        self._source_can, self._destination_can = source.capabilities, destination.capabilities
        self.naming = Naming(self._source_can, self._destination_can, source.default_schema, destination.default_schema)
        self._columns, self._judging = self._ways(destination)
        self._bind_chain = bind_chain

    @property
    def exports_snapshot(self) -> bool:
        """The source can keep one moment readable for many sessions."""
        return self._source_can.exports_snapshot

    def draft(self, table: PlannedTable) -> Draft:
        """Binds the table's transformations. Raises InvalidConfiguration, NotFound with table, column and remedy."""
        self.naming.check_table(table.destination_name)
        draft = self._bound(table, self._columns)
        _refuse_masked_keys(table, draft.chain)
        self.naming.check_columns(table.destination_name, draft.names)
        return draft

    def _bound(self, table: PlannedTable, way: PlansColumns) -> Draft:
        read = _read_columns(table)
        chain = self._bind_chain(table.spec.transformations, [way.before(column) for column in read])
        return Draft(table, read, chain, self.naming)

    def route(self, draft: Draft, plan: RangePlan, others: Sequence[Draft]) -> TableRoute:
        """The table's route; `others` are all tables of the job, for foreign keys. Raises as `draft`. Columns whose
        values would not arrive are named in `refusals`."""
        table = draft.table
        columns = self._plan_columns(draft)
        load_mode = self._load_mode(table)
        source, destination = endpoints(self._job)
        return TableRoute(
            job_id=self._job_id,
            table_id=table.table_id,
            run=self._run,
            source=source,
            destination=destination,
            source_table=table.source.name,
            destination_table=table.existing.name if table.existing else table.destination_name,
            source_schema=table.source,
            read_columns=[column.name for column in draft.read],
            columns=columns.columns,
            path=columns.path,
            as_text=columns.as_text,
            interchange=columns.interchange,
            native_format=columns.native_format,
            digest_algorithm=columns.digest_algorithm,
            transformations=table.spec.transformations,
            where_clause=table.spec.where_clause,
            load_mode=load_mode,
            upsert_keys=_upsert_keys(draft, load_mode),
            plan=plan,
            ddl=self._ddl(draft, columns.shaped, others, load_mode),
            create_table=table.existing is None,
            warnings=[*self._warnings(table), *columns.warnings, *_repeating_keys(draft, load_mode)],
            refusals=columns.refusals,
            key=self._comparison_key(draft, columns.columns, load_mode),
            heal=table.spec.heal,
        )

    def _comparison_key(self, draft: Draft, columns: Sequence[ColumnRoute], load_mode: str) -> str:
        """An upsert shares the destination's table with rows of others, so that nobody knows which are missing."""
        if load_mode == "upsert" or not (self._source_can.heals and self._destination_can.heals):
            return ""
        unchanged = {column.source for column in draft.chain.columns if not column.values_changed}
        carried = {column.source for column in columns if column.verdict == "EXACT"}
        names = (name for name in integer_keys(draft.table.source) if name in unchanged & carried)
        return next(names, "")

    def _ways(self, destination: Connector) -> tuple[PlansColumns, PlansColumns]:
        """The job's way, and the one on which values are judged; between engines they are the same."""
        can, creator = (self._source_can, self._destination_can), capability(destination, CreatesTables)
        judging = InterchangeColumns(self._job.options, can, capability(destination, WritesRows), creator)
        if not self.naming.keeps_native_text:
            return judging, judging
        return NativeColumns(self._job.options, can, capability(destination, KeepsNativeText), creator), judging

    def _plan_columns(self, draft: Draft) -> ColumnPlan:
        """A loss that the job accepts is changed and counted by those who judge values, so between databases of one
        dialect such a table travels as interchange text, where all of its columns can."""
        if self._columns is not self._judging and self._accepts_losses(draft.table):
            judged = self._judging.plan(self._bound(draft.table, self._judging))
            if not judged.refusals:
                return judged
        return self._columns.plan(draft)

    def _accepts_losses(self, table: PlannedTable) -> bool:
        named = f"{table.existing.name}." if table.existing is not None else None
        return named is not None and any(label.startswith(named) for label in self._job.options.accept_lossy)

    def _load_mode(self, table: PlannedTable) -> LoadMode:
        mode = table.spec.load_mode or self._job.options.load_mode
        if mode not in self._destination_can.load_modes:
            known = ", ".join(self._destination_can.load_modes)
            raise InvalidConfiguration(
                f"the destination of {table.destination_name} cannot {mode}", remedy=f"loadMode may be: {known}"
            )
        return mode

    def _ddl(self, draft: Draft, shaped: Sequence[Column], others: Sequence[Draft], load_mode: str) -> TableDdl:
        if not self._job.options.create_tables:
            return TableDdl()
        ddl = self._columns.ddl(draft, shaped, others)
        if load_mode == "upsert" and draft.table.existing is None:
            first = [statement for statement in ddl.keys if statement.purpose.startswith("primary key")]
            later = [statement for statement in ddl.keys if statement not in first]
            ddl = ddl.model_copy(update={"tables": [*ddl.tables, *first], "keys": later})
        return ddl

    def _warnings(self, table: PlannedTable) -> list[str]:
        warnings = []
        if table.existing is not None:
            warnings.append(f"{table.destination_name} exists already and is used as it is")
            warnings += [] if self.naming.keeps_native_text else _missing_keys(table, table.existing)
        if self._job.options.consistency == "snapshot" and not self._source_can.exports_snapshot:
            warnings.append(
                "the source cannot keep one moment readable for many sessions: consistency is batch, each batch is as "
                "of its own reading"
            )
        if self._job.options.consistency == "batch" and self._source_can.exports_snapshot:
            warnings.append(
                "consistency is batch, as the job asks: each batch is as of its own reading, and what writers do "
                "meanwhile may be read twice or not at all"
            )
        if self._destination_can.key_during_load and _has_unique_key(table.existing or table.source):
            warnings.append("keys exist while rows are loaded: a row that breaks one refuses its batch")
        if self._job.options.max_rejects and not self._destination_can.isolates_rejects:
            warnings.append("the destination cannot say which rows it refuses: one that it does parks its table")
        if self._destination_can.single_process_writer:
            warnings.append("one process at a time writes the destination: serve load and validate by one worker")
        if not self._destination_can.enforces_keys and _keys(table.source):
            warnings.append("the destination keeps keys as declarations and does not enforce them")
        return warnings


def integer_keys(table: TableSchema) -> Iterator[str]:
    """Columns that hold another integer in every row, by a key or unique index of their own."""
    for columns in table.row_keys():
        column = table.column(columns[0]) if len(columns) == 1 else None
        if column is not None and not column.nullable and column.value.kind == "integer":
            yield column.name


def _read_columns(table: PlannedTable) -> list[Column]:
    stored = [column for column in table.source.columns if column.generated is None]
    if table.spec.columns is None:
        return stored
    by_name = {column.name: column for column in table.source.columns}
    for name in table.spec.columns:
        if name not in by_name:
            raise NotFound(
                f"table {table.source.name} has no column {name}",
                remedy=f"Correct 'columns'. It has: {', '.join(by_name)}",
            )
    return [column for column in stored if column.name in table.spec.columns]


def _refuse_masked_keys(table: PlannedTable, chain: BoundChain) -> None:
    keys = {name: label for label, columns in _keys(table.source) for name in columns}
    for column in chain.columns:
        if column.masked and column.source in keys:
            raise InvalidConfiguration(
                f"DATA_MASK on {table.source.name}.{column.source} would break its {keys[column.source]}: "
                "different values become equal",
                remedy="Leave it out of DATA_MASK, or use CUSTOM_FUNCTION sha256_hex on every side of the key",
            )


def _upsert_keys(draft: Draft, load_mode: str) -> list[str]:
    if load_mode != "upsert":
        return []
    table = draft.table
    key = (table.existing or table.source).primary_key
    if key is None:
        raise InvalidConfiguration(
            f"loadMode upsert needs a primary key on {table.destination_name}", remedy="Use append or replace"
        )
    if table.existing is not None:
        return key.columns
    left_out = [name for name in key.columns if name not in draft.renames]
    if left_out:
        raise InvalidConfiguration(
            f"loadMode upsert needs the key column {left_out[0]} of {table.source.name}", remedy="Add it to 'columns'"
        )
    return [draft.renames[name] for name in key.columns]


def _repeating_keys(draft: Draft, load_mode: str) -> list[str]:
    """An upsert by a key that the source, or what becomes of it on its way, may repeat."""
    keys = _upsert_keys(draft, load_mode)
    names = zip(draft.chain.columns, draft.names, strict=True)
    folded = {key.lower() for key in keys}  # an existing table may spell them in another case
    unchanged = {column.source for column, name in names if name.lower() in folded and not column.values_changed}
    if not keys or any(set(columns) <= unchanged for columns in draft.table.source.row_keys()):
        return []
    return [
        f"nobody keeps the key ({', '.join(keys)}) unique on its way: of rows of one batch with the same key all but "
        "the first are refused, of rows of different batches the last one stays and the proof may fail"
    ]


def _keys(table: TableSchema) -> list[tuple[str, Sequence[str]]]:
    keys: list[tuple[str, Sequence[str]]] = [(f"foreign key {key.name}", key.columns) for key in table.foreign_keys]
    keys += [(f"unique key {key.name}", key.columns) for key in table.unique_keys]
    keys += [(f"unique index {index.name}", index.columns) for index in table.indexes if index.unique]
    if table.primary_key is not None:
        keys.append(("primary key", table.primary_key.columns))
    return keys


def _has_unique_key(table: TableSchema) -> bool:
    return table.primary_key is not None or bool(table.unique_keys) or any(index.unique for index in table.indexes)


def _missing_keys(table: PlannedTable, existing: TableSchema) -> list[str]:
    """What the source has and an existing table of another kind lacks, which nobody adds."""
    lacking = []
    if table.source.primary_key is not None and existing.primary_key is None:
        lacking.append("a primary key")
    if len(existing.unique_keys) + sum(index.unique for index in existing.indexes) < len(table.source.unique_keys):
        lacking.append("unique keys")
    if len(existing.foreign_keys) < len(table.source.foreign_keys):
        lacking.append("foreign keys")
    return [f"{table.destination_name} lacks {what} that the source has" for what in lacking]
