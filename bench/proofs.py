"""Proving that a copied lineitem equals its source: the servers' own record hash as the limit, other tools as peers."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from bench import lineitem
from bench.contender import Contender, Failed, Role
from bench.copy_limits import CopyLimit
from bench.lineitem_copy import Copying

RECORD_HASH = "SELECT count(*), sum(hash_record_extended(t, 0)::numeric) FROM lineitem AS t"
HASH_LIMIT = "hash_record_extended, both sides at once"


class ProofContender(Contender):
    """Finds a destination that is equal; every other outcome is a failure."""

    compared_with = Role.PROOF_LIMIT

    def __init__(self, copying: Copying) -> None:
        self.copying = copying

    def prepare(self) -> None:
        destination = self.copying.destination
        there = destination.execute("SELECT to_regclass('lineitem') IS NOT NULL")[0][0]
        if there and destination.has_key("lineitem"):
            return  # what an earlier contender copied was verified
        copy = CopyLimit(self.copying, 1, key_after=True)
        for step in (copy.prepare, copy.run, copy.verify):
            step()
        destination.execute("ANALYZE lineitem")

    def verify(self) -> None:
        """`run` raises where it sees a difference."""


class HashLimit(ProofContender):
    """Each side sums its own record hash, both at once."""

    role = Role.PROOF_LIMIT
    name = HASH_LIMIT
    settings = "sum(hash_record_extended(row, 0)), one session a side, settings of the server"

    def run(self) -> None:
        with ThreadPoolExecutor(2) as threads:
            sides = (self.copying.source, self.copying.destination)
            found = list(threads.map(lambda side: side.execute(RECORD_HASH), sides))
        if found[0] != found[1]:
            raise Failed("the sides differ")


class ProofPeer(ProofContender):
    """Another tool."""

    role = Role.PEER
    key_columns = lineitem.KEY.split(", ")
