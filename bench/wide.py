"""A wide table of the types that tools get wrong: text, jsonb, bytea, uuid, numeric(38,10), timestamptz."""

from __future__ import annotations

from bench.contender import Contender, Failed, Role
from bench.programs import run_pipes
from bench.servers import Servers, psql
from bench.sides import PostgresSide
from bench.sterna_job import run_job

TABLE = """
CREATE TABLE wide (
  id bigint NOT NULL, title text, body text, document jsonb, payload bytea, token uuid,
  amount numeric(38,10), rate numeric(38,10), created timestamptz, changed timestamptz)"""
ROWS = """
INSERT INTO wide SELECT
  i, 'title é ' || i, CASE WHEN i % 10 > 0 THEN repeat(md5(i::text) || ' ', 8) END,
  jsonb_build_object('id', i, 'tags', jsonb_build_array('a', i % 7, md5(i::text)), 'in', jsonb_build_object('x', i)),
  decode(repeat(md5(i::text), 4), 'hex'), md5(i::text)::uuid,
  (i * 12345678901234567::numeric) / 10000000000, -i / 7.0, timestamptz '2020-01-01 00:00Z' + i * interval '1.234567 s',
  CASE WHEN i % 5 > 0 THEN timestamptz '1969-12-31 23:59Z' - i * interval '1 hour' END
FROM generate_series(1, {rows}::bigint) AS i
"""
FINGERPRINT = "SELECT count(*), sum(hashtextextended(wide::text, 0)::numeric) FROM wide"


class WideContender(Contender):
    """Copies the wide table into an existing one."""

    def __init__(self, source: PostgresSide, destination: PostgresSide) -> None:
        self.source, self.destination = source, destination

    def prepare(self) -> None:
        self.destination.clear()
        self.destination.execute(TABLE)

    def verify(self) -> None:
        if self.destination.execute(FINGERPRINT) != self.source.execute(FINGERPRINT):
            raise Failed("values differ from the source's")


class WideLimit(WideContender):
    """COPY | COPY."""

    role = Role.LIMIT
    settings = "psql | psql, binary, existing table without a key"

    def __init__(self, source: PostgresSide, destination: PostgresSide, streams: int) -> None:
        super().__init__(source, destination)
        self._streams = streams
        self.name = f"COPY | COPY, {streams} stream{'' if streams == 1 else 's'}"

    def run(self) -> None:
        size = "SELECT pg_relation_size('wide') / current_setting('block_size')::int"
        pages = int(self.source.execute(size)[0][0]) + 1
        write = psql(self.destination.server, self.destination.database, "COPY wide FROM STDIN (FORMAT binary)")
        pipes = []
        for number in range(self._streams):
            first, last = (pages * bound // self._streams for bound in (number, number + 1))
            query = f"SELECT * FROM wide WHERE ctid >= '({first},0)' AND ctid < '({last},0)'"
            read = psql(self.source.server, self.source.database, f"COPY ({query}) TO STDOUT (FORMAT binary)")
            pipes.append((read, write))
        run_pipes(pipes)


class SternaWide(WideContender):
    """One job."""

    role = Role.STERNA
    name = "Sterna"
    settings = "defaults of `sterna up`, createTables false, validation none"

    def __init__(self, servers: Servers, source: PostgresSide, destination: PostgresSide) -> None:
        super().__init__(source, destination)
        self._stack = servers.stack

    def run(self) -> None:
        options = {"createTables": False, "validation": "none"}
        run_job(self._stack, "wide", self.source, self.destination, [{"sourceTable": "wide"}], options)
