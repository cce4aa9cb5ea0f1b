"""What PostgreSQL's types cannot hold."""

from __future__ import annotations

from core.value_type import Limit

NO_NUL = Limit(kind="no_nul", loud=True)
"""Of text, and of jsonb, which refuses the escape of it too; json keeps that."""
DATE_YEARS = Limit(kind="years", low=-4712, high=5_874_897, infinite=True, loud=True)
TIMESTAMP_YEARS = Limit(kind="years", low=-4712, high=294_276, infinite=True, loud=True)
PLAIN_ARRAY = Limit(kind="plain_array", loud=True)
"""json refuses PostgreSQL's own text of an array."""


def fraction_limit(digits: int) -> Limit:
    """Not loud: the server rounds."""
    return Limit(kind="fraction", scale=digits)
