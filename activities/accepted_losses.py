"""What `acceptLossy` names: a name that means no column accepts nothing, which nobody would see."""

from __future__ import annotations

from collections.abc import Sequence

from core.models import ParkedTable
from core.route import TableRoute


def refuse_unknown(accepted: Sequence[str], routes: Sequence[TableRoute]) -> list[TableRoute]:
    """The routes; a table of which a column is named that it has not cannot begin."""
    return [route.model_copy(update={"refusals": [*route.refusals, *_refusals(accepted, route)]}) for route in routes]


def nameless(accepted: Sequence[str], routes: Sequence[TableRoute], parked: Sequence[ParkedTable]) -> dict[str, str]:
    """Names whose table is none of the job's, each with why it is wrong."""
    tables = [str(route.destination_table) for route in routes]
    tables += [table.name.rpartition(" → ")[2] for table in parked]
    return {
        label: f"acceptLossy names {label}, and no table of the job has that column at the destination"
        for label in accepted
        if not any(label.startswith(f"{table}.") for table in tables)
    }


def _refusals(accepted: Sequence[str], route: TableRoute) -> list[str]:
    columns = [column.destination for column in route.columns]
    known = {f"{route.destination_table}.{column}" for column in columns}
    return [
        f"acceptLossy names {label}, which {route.destination_table} has not. It has: {', '.join(columns)}"
        for label in accepted
        if label.startswith(f"{route.destination_table}.") and label not in known
    ]
