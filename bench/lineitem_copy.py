"""Copying lineitem from one side to another: how the destination is found and how the outcome is verified."""

from __future__ import annotations

from dataclasses import dataclass, field

from bench import lineitem
from bench.contender import Contender, Failed, Role
from bench.sides import Fingerprint, PostgresSide, Side


@dataclass
class Copying:
    """One source with lineitem, one destination that is emptied before every run."""

    source: Side
    destination: Side
    rows: int
    _expected: list[Fingerprint] = field(default_factory=list)

    def expect_rows(self) -> None:
        """Raises Failed where the destination's table does not hold the source's rows."""
        portable = self.source.type != self.destination.type
        if not self._expected:
            self._expected.append(self.source.fingerprint(portable=portable))
        found = self.destination.fingerprint(portable=portable)
        if found.rows != self._expected[0].rows:
            raise Failed(f"{self._expected[0].rows:,} rows were to come, {found.rows:,} are there")
        if found != self._expected[0]:
            raise Failed("values differ from the source's")

    @property
    def between_postgres(self) -> bool:
        """Both sides are PostgreSQL."""
        return isinstance(self.source, PostgresSide) and isinstance(self.destination, PostgresSide)


class CopyContender(Contender):
    """Copies the rows into an empty table, or makes the table itself."""

    makes_table = False
    """The destination is an empty database, not an empty table."""
    table_has_key = False
    """The empty table has its primary key while rows come in."""
    leaves_key = False
    """The work is done only when the table has its primary key."""

    def __init__(self, copying: Copying) -> None:
        self.copying = copying
        self.rows = copying.rows

    def prepare(self) -> None:
        self.copying.destination.clear()
        if not self.makes_table:
            self.copying.destination.execute(lineitem.table(key=self.table_has_key))

    def verify(self) -> None:
        self.copying.expect_rows()
        if self.leaves_key and not self.copying.destination.has_key("lineitem"):
            raise Failed("the primary key is missing")


class Peer(CopyContender):
    """Another tool, which makes the table as it thinks best."""

    role = Role.PEER
    makes_table = True
