"""Routes: what is fixed about one table of one run, kept as a document so that payloads stay small."""

from __future__ import annotations

from typing import Any

from connectors.contract import (
    CANONICAL_DIGEST,
    DigestColumn,
    DigestMethod,
    LoadRef,
    LoadTarget,
    Selection,
    WatermarkRange,
    WrittenColumn,
)
from core.documents import DocumentStore, table_folder
from core.errors import NotFound
from core.route import Repair, TableRoute
from core.watermark import PassBounds


class Routes:
    """Reads and writes routes, and says what a route means to a connector.

    Nothing is kept between calls: a table that is planned again (after parking, or when a failed job is retried) gets
    a new route under the same reference, and every worker must see it.
    """

    def __init__(self, documents: DocumentStore) -> None:
        self._documents = documents

    def write(self, route: TableRoute) -> str:
        """Stores a route and returns its reference."""
        reference = f"{self.folder(route)}/route.json"
        return self._documents.write(reference, route.model_dump_json(by_alias=True, indent=1))

    def read(self, reference: str) -> TableRoute:
        """The route as it was written last. Raises NotFound."""
        return TableRoute.model_validate_json(self._documents.read(reference))

    def keep_refusal(self, route: TableRoute, number: int, evidence: dict[str, Any]) -> str:
        """Stores what is known of a value that was refused, and returns the reference. It may be personal."""
        return self._documents.write_json(f"{self.folder(route)}/refused-{number}.json", evidence)

    def write_repair(self, route: TableRoute, repair: Repair) -> str:
        """Stores what is to be loaded anew and returns the reference."""
        reference = f"{self.folder(route)}/repair-{repair.first}.json"
        return self._documents.write(reference, repair.model_dump_json(by_alias=True))

    def repair(self, reference: str | None) -> Repair | None:
        """The repair as it was written. Raises NotFound."""
        return Repair.model_validate_json(self._documents.read(reference)) if reference else None

    def write_differing_keys(self, route: TableRoute, name: str, listed: dict[str, Any]) -> str:
        """Stores keys of rows that differ and returns the reference. They may be personal."""
        return self._documents.write_json(f"{self.folder(route)}/differing-keys-{name}.json", listed)

    def folder(self, route: TableRoute) -> str:
        """Below it lie all documents of one table of one run."""
        return table_folder(route.job_id, route.run, route.table_id)

    def staged(self, route: TableRoute, token: str, number: int, stage: str) -> str:
        """The deterministic name of a batch that is staged for the load of this token, whose number need not be known
        yet."""
        return f"{self.staging_folder(route)}/{token}/{number:08d}.{stage}"

    def staging_folder(self, route: TableRoute) -> str:
        """Below it lies all that is staged for one table of one run."""
        return f"{route.job_id}/{route.run}/{route.table_id}"

    def write_bounds(self, route: TableRoute, token: str, bounds: PassBounds) -> str:
        """Stores which rows a pass takes and returns the reference. What is there already stays."""
        reference = f"{self.folder(route)}/bounds-{token}.json"
        try:
            self.read_bounds(reference)
        except NotFound:
            self._documents.write(reference, bounds.model_dump_json(by_alias=True, indent=1))
        return reference

    def read_bounds(self, reference: str) -> PassBounds:
        """Which rows a pass takes. Raises NotFound."""
        return PassBounds.model_validate_json(self._documents.read(reference))

    def selection(self, route: TableRoute, bounds: str | None = None) -> Selection:
        """What is read at the source, within the bounds of a pass where there are such."""
        return Selection(
            route.source_schema,
            route.read_columns,
            route.where_clause,
            as_text=route.as_text,
            interchange=route.interchange,
            native_format=route.native_format,
            watermark=None if bounds is None else _watermark_range(self.read_bounds(bounds)),
        )

    def target(self, route: TableRoute) -> LoadTarget:
        """Where rows go."""
        return LoadTarget(
            route.destination_table,
            [column.destination for column in route.columns],
            tuple(route.upsert_keys),
            as_text=route.as_text,
            written=tuple(
                WrittenColumn(column.destination, column.value, column.destination_type)
                for column in route.columns
                if column.value is not None
            ),
            native_format=route.native_format,
        )

    def load_ref(self, route: TableRoute, load: int) -> LoadRef:
        """The load in the ledger's words."""
        return LoadRef(route.job_id, route.table_id, load)

    def destination_proof(self, route: TableRoute) -> DigestMethod:
        """How the destination's rows are hashed."""
        columns = tuple(
            DigestColumn(column.destination, column.form, column.value, column.destination_type)
            for column in route.columns
        )
        return DigestMethod(route.digest_algorithm, columns)

    def source_proof(self, route: TableRoute) -> DigestMethod:
        """How the source's rows are hashed by their own database; only where no transformation changes values."""
        columns = []
        for column in route.columns:
            origin = route.source_schema.column(column.source or column.destination)
            value = origin.value if origin is not None and route.interchange else None
            columns.append(DigestColumn(column.source or column.destination, column.form, value, column.source_type))
        return DigestMethod(route.digest_algorithm, tuple(columns))

    def staged_proof(self, route: TableRoute) -> DigestMethod:
        """How rows are hashed in staging, where every value is text in its output form already."""
        columns = tuple(
            DigestColumn(column.destination, "text" if column.form == "output" else column.form)
            for column in route.columns
        )
        return DigestMethod(CANONICAL_DIGEST, columns)


def _watermark_range(bounds: PassBounds) -> WatermarkRange:
    return WatermarkRange(bounds.column, bounds.after, bounds.through, bounds.nulls)
