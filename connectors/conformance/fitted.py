"""What the limits of an arrival make of a value: held, changed or refused, as the transform stage judges it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from connectors.conformance.copying import Sent
from connectors.fitting import FittedColumn, fit
from core.errors import DataRejected
from core.value_type import Arrival


@dataclass(frozen=True)
class Fate:
    """What becomes of one value."""

    text: str
    arrives: str | None
    refused: bool
    changed: bool

    @property
    def held(self) -> bool:
        """It arrives as it is."""
        return not (self.refused or self.changed)


def fate_of(text: str, column: Sent, arrival: Arrival) -> Fate:
    """Judges one value."""
    return fates_of((text,), column, arrival)[0]


def fates_of(texts: Sequence[str], column: Sent, arrival: Arrival, *, accepted: bool = False) -> list[Fate]:
    """Judges values. `accepted`: the job accepts by name what limits would refuse."""
    limits = [limit.model_copy(update={"refuse": False}) if accepted else limit for limit in arrival.limits]
    fitted = FittedColumn(column.name, f"matrix.{column.name}", arrival.value, limits, column.value.spelled)
    try:
        if not _fit(texts, fitted)[1]:
            return [Fate(text, text, refused=False, changed=False) for text in texts]
    except DataRejected:
        pass
    return [_judge(text, fitted) for text in texts]


def _judge(text: str, fitted: FittedColumn) -> Fate:
    try:
        fitting, changed = _fit([text], fitted)
    except DataRejected:
        return Fate(text, None, refused=True, changed=False)
    return Fate(text, fitting.column(0)[0].as_py(), refused=False, changed=bool(changed))


def _fit(texts: Sequence[str], fitted: FittedColumn) -> tuple[pa.RecordBatch, Mapping[str, object]]:
    return fit(pa.RecordBatch.from_arrays([pa.array(texts, pa.string())], names=[fitted.name]), [fitted])
