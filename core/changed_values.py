"""How many values were changed on their way because a destination column cannot hold them."""

from __future__ import annotations

Changed = dict[str, dict[str, int]]
"""By destination column and kind of limit (core.value_type.Limit); only numbers above zero."""


def add_changed(some: Changed, others: Changed) -> Changed:
    """The sum of both."""
    total = {column: dict(counts) for column, counts in some.items()}
    for column, counts in others.items():
        known = total.setdefault(column, {})
        for kind, count in counts.items():
            known[kind] = known.get(kind, 0) + count
    return total
