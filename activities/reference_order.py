"""The order of tables by their foreign keys."""

from __future__ import annotations

from collections.abc import Sequence

from core.route import TableRoute
from core.schema import TableName


def referred_first(routes: Sequence[TableRoute]) -> list[TableRoute]:
    """Tables that others refer to come before these, except in circles."""
    names = {route.source_table: route.table_id for route in routes}
    left, ordered = list(routes), list[TableRoute]()
    while left:
        waiting = {route.table_id for route in left}
        ready = [route for route in left if not _referred(route, names) & waiting] or left[:1]
        ordered += ready
        left = [route for route in left if route not in ready]
    return ordered


def _referred(route: TableRoute, names: dict[TableName, str]) -> set[str]:
    """Ids of the other tables that it refers to."""
    found = {names[key.referenced] for key in route.source_schema.foreign_keys if key.referenced in names}
    return found - {route.table_id}
