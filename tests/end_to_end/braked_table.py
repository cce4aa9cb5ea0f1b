"""A table whose loading the test can slow down, so that it can act in the middle of a batch's transaction for sure."""

from __future__ import annotations

from dataclasses import dataclass

from tests.end_to_end.conftest import Databases

SOURCE = """
CREATE TABLE public.{name} (id bigint NOT NULL{key}, word text);
INSERT INTO public.{name} SELECT i, md5(i::text) FROM generate_series(1, {rows}) AS i;
ANALYZE public.{name};
"""
DESTINATION = """
CREATE TABLE IF NOT EXISTS public.brake (seconds float NOT NULL);
CREATE OR REPLACE FUNCTION public.brake() RETURNS trigger LANGUAGE plpgsql AS
  'BEGIN PERFORM pg_sleep(seconds) FROM public.brake; RETURN NULL; END';
CREATE TABLE public.{name} (id bigint NOT NULL, word text);
CREATE TRIGGER brake AFTER INSERT ON public.{name} FOR EACH STATEMENT EXECUTE FUNCTION public.brake();
"""


@dataclass
class BrakedTable:
    """`name` in the source's schema public, and its empty twin in the destination. The brake holds for all of them."""

    databases: Databases
    name: str
    rows: int
    keyed: bool = False

    def create(self, seconds: float) -> None:
        """Every batch takes that long, inside its transaction, after its rows."""
        key = " PRIMARY KEY" if self.keyed else ""
        self.databases.prepare(SOURCE.format(name=self.name, rows=self.rows, key=key))
        with self.databases.connect_destination() as connection:
            connection.execute(DESTINATION.format(name=self.name))
            connection.execute("DELETE FROM public.brake")
            connection.execute("INSERT INTO public.brake VALUES (%s)", (seconds,))

    def brake(self, seconds: float) -> None:
        """From the next batch on."""
        with self.databases.connect_destination() as connection:
            connection.execute("UPDATE public.brake SET seconds = %s", (seconds,))

    def braked(self) -> list[int]:
        """Server processes that are in the middle of a batch."""
        with self.databases.connect_destination() as connection:
            found = connection.execute(
                "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep' "
                "AND application_name LIKE 'sterna load %'"
            ).fetchall()
        return [int(str(pid)) for (pid,) in found]
