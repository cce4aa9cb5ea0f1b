"""What columns of MySQL and MariaDB do not hold. `loud`: LOAD DATA warns of such a value, and is rolled back."""

from __future__ import annotations

from core.value_type import Limit

LONGEST_FRACTION = 6
FINITE = Limit(kind="finite", loud=True)
NO_MINUS_ZERO = Limit(kind="no_minus_zero")
"""MariaDB stores 0."""
YEARS = Limit(kind="years", low=1, high=9999, loud=True)
"""Earlier years than 1000 work, though the manuals do not promise it ("The DATE, DATETIME, and TIMESTAMP Types")."""
TIMESTAMP_YEARS = Limit(kind="years", low=1971, high=2037)
"""The type begins a second after 1970-01-01 and ends on 2038-01-19."""
FRACTION = Limit(kind="fraction", scale=LONGEST_FRACTION)
HOURS = Limit(kind="hours", high=838, loud=True)
