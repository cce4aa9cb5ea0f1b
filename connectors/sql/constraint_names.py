"""Names of keys, indexes, checks and foreign keys at the destination."""

from __future__ import annotations

import hashlib
import re

from connectors.sql.dialect import SqlDialect

MADE_UP = re.compile(
    r"PRIMARY|sqlite_autoindex_.*|SYS_[A-Z]*_?\w*\d+.*|INTEG_\d+|RDB\$.*|CONSTRAINT_\d+", re.IGNORECASE
)
DIGEST_CHARACTERS = 8


def is_made_up(name: str) -> bool:
    """A database gave the name where nobody chose one: another table may have it elsewhere."""
    return MADE_UP.fullmatch(name) is not None


class ConstraintNames:
    """Those of one table. The same table gets the same names every time, so that what stands is recognised.

    Some databases know such names once for each table, others once for each schema: a name that does not hold its
    table's gets it in front. Names that are too long are cut, and end with a digest of the whole.
    """

    def __init__(self, dialect: SqlDialect, table: str, *, kept: bool) -> None:
        """`kept`: names that somebody chose stay exactly as they are, which they cannot beside the table that they come
        from."""
        self._dialect = dialect
        self._table = table
        self._kept = kept
        self._taken: set[str] = set()

    def take(self, name: str, what: str) -> str:
        """The name for the destination, unique within the table. `what` ends the name of one that has none."""
        if self._kept and name and not is_made_up(name):
            self._taken.add(name.casefold())
            return name
        wanted = self._qualified(name, what)
        chosen, number = self._short(wanted), 2
        while chosen.casefold() in self._taken:
            chosen, number = self._short(f"{wanted}_{number}"), number + 1
        self._taken.add(chosen.casefold())
        return chosen

    def _qualified(self, name: str, what: str) -> str:
        table = self._table
        if not name or is_made_up(name):
            return self._folded(f"{table}_{what}", like=table)
        named = re.search(rf"(^|_){re.escape(table)}(_|$)", name, re.IGNORECASE)
        return self._folded(name if named else f"{table}_{name}", like=table)

    def _folded(self, name: str, *, like: str) -> str:
        """In the case of the table's name, where that has one."""
        if like == like.upper() != like.lower():
            return name.upper()
        return name.lower() if like == like.lower() != like.upper() else name

    def _short(self, name: str) -> str:
        most = self._dialect.capabilities.identifier_bytes
        if len(name.encode()) <= most:
            return name
        digest = hashlib.blake2b(f"{self._table}.{name}".encode(), digest_size=DIGEST_CHARACTERS // 2).hexdigest()
        kept = name.encode()[: most - DIGEST_CHARACTERS - 1].decode(errors="ignore")
        return f"{kept}_{digest}"
