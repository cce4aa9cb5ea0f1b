"""Which tables a job's patterns mean."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Sequence

from core.schema import TableName

LEDGER_TABLE = "sterna_ledger"


def matching(
    names: Iterable[TableName], include: Sequence[str], exclude: Sequence[str], default_schema: str
) -> list[TableName]:
    """Those whose `schema.table` matches a pattern of `include` and none of `exclude`, sorted; never the ledger. A
    pattern without a dot means the default schema."""
    wanted = [_pattern(pattern, default_schema) for pattern in include]
    unwanted = [_pattern(pattern, default_schema) for pattern in exclude]
    return sorted(
        (
            name
            for name in names
            if name.name.lower() != LEDGER_TABLE
            and any(pattern.fullmatch(str(name)) for pattern in wanted)
            and not any(pattern.fullmatch(str(name)) for pattern in unwanted)
        ),
        key=lambda name: (name.schema_name, name.name),
    )


def _pattern(pattern: str, default_schema: str) -> re.Pattern[str]:
    """Only `*` and `?` are special."""
    full = f"{default_schema}.{pattern}" if default_schema and "." not in pattern else pattern
    return re.compile(fnmatch.translate(full.replace("[", "[[]")))
