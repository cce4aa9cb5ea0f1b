"""What of a job's specification may be values of rows: it travels through Temporal as one sealed field."""

from __future__ import annotations

from pydantic import Field

from core.base_model import Model
from core.encryption.field_cipher import FieldCipher
from core.encryption.sealed import Sealed
from core.job_spec import JobSpec, TableSpec, TransformationSpec


class _Withheld(Model):
    """Of one table."""

    where_clause: str | None
    transformations: list[TransformationSpec] = Field(default_factory=list)


class _Tables(Model):
    """By position."""

    tables: dict[int, _Withheld]


def withhold(spec: JobSpec, fields: FieldCipher, place: str) -> tuple[JobSpec, Sealed | None]:
    """The specification without predicates and transformations, which quote values, and those, sealed (None where the
    tables have none)."""
    if not isinstance(spec.tables, list):
        return spec, None
    kept = {
        position: _Withheld(where_clause=table.where_clause, transformations=table.transformations)
        for position, table in enumerate(spec.tables)
        if table.where_clause is not None or table.transformations
    }
    if not kept:
        return spec, None
    shown = [table.model_copy(update={"where_clause": None, "transformations": []}) for table in spec.tables]
    return spec.model_copy(update={"tables": shown}), fields.seal(_Tables(tables=kept).model_dump_json(), place)


def restore(spec: JobSpec, sealed: Sealed | None, fields: FieldCipher, place: str) -> JobSpec:
    """The specification as it was. Raises SecretMissing, Damaged."""
    if sealed is None or not isinstance(spec.tables, list):
        return spec
    kept = _Tables.model_validate_json(fields.open(sealed, place)).tables
    return spec.model_copy(update={"tables": [_whole(table, kept.get(at)) for at, table in enumerate(spec.tables)]})


def _whole(table: TableSpec, kept: _Withheld | None) -> TableSpec:
    return table if kept is None else table.model_copy(update=dict(kept))
