"""How much one batch may move, so that a job's rates are kept from one batch to the next."""

from __future__ import annotations

from core.job_spec import JobOptions
from core.schema import TableSchema

STEP_SECONDS = 2.0
"""A batch takes about this long at the rate that is left for one of the tables that run at once."""
SMALLEST_BYTES = 64 * 1024


def step_bytes(options: JobOptions, table: TableSchema) -> float:
    """By the catalog's estimates; infinite where the job begins without rates."""
    rates = [float("inf")]
    if options.max_bytes_per_second is not None:
        rates.append(options.max_bytes_per_second)
    if options.max_rows_per_second is not None and table.estimated_rows > 0:
        rates.append(options.max_rows_per_second * table.estimated_bytes / table.estimated_rows)
    return max(SMALLEST_BYTES, min(rates) * STEP_SECONDS / options.parallel_tables)
