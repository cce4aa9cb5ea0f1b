"""Validate: proving the destination."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from activities.compare import CompareActivities
from activities.resources.difference_count import DifferenceCount
from activities.resources.difference_search import DifferenceSearch
from activities.resources.evidence import Evidence
from activities.resources.key_comparison import KeyComparison
from activities.resources.multiset_difference import MultisetDifference
from activities.resources.row_changes import RowChanges
from activities.validate import ValidateActivities
from worker.parts import Parts, Service


@asynccontextmanager
async def services(parts: Parts) -> AsyncIterator[list[Service]]:
    """The queue `validate`."""
    differences = DifferenceSearch(parts.connections, parts.routes, RowChanges(parts.routes), parts.documents)
    evidence = Evidence(parts.documents, parts.routes)
    keys = KeyComparison(parts.connections, parts.routes, RowChanges(parts.routes))
    multisets = MultisetDifference(parts.connections, parts.routes, RowChanges(parts.routes))
    counts = DifferenceCount(keys, multisets, parts.routes)
    validate = ValidateActivities(parts.connections, parts.routes, evidence, differences, counts)
    compare = CompareActivities(parts.connections, parts.routes, keys)
    yield [Service("validate", [validate.validate_table, compare.compare_table], parts.settings.validate_slots)]
