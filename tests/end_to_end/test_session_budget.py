from __future__ import annotations

import threading

from tests.conftest import connect
from tests.end_to_end.conftest import Databases, Jobs
from tests.independent_comparison import assert_equal

TABLES = ("numbers", "words", "others")
MOST = 3


class Watch(threading.Thread):
    """Counts Sterna's sessions on one database, again and again."""

    def __init__(self, databases: Databases, database: str) -> None:
        super().__init__(daemon=True)
        self._databases, self._database = databases, database
        self._ended = threading.Event()
        self.most = self.looks = 0

    def run(self) -> None:
        with connect(self._databases.server, "postgres") as connection:
            while not self._ended.wait(0.005):
                found = connection.execute(
                    "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND application_name LIKE 'sterna %%'",
                    (self._database,),
                ).fetchone()
                assert found is not None
                self.most, self.looks = max(self.most, int(str(found[0]))), self.looks + 1

    def end(self) -> int:
        self._ended.set()
        self.join()
        return self.most


def test_two_jobs_share_the_sessions_that_sterna_may_have_on_a_database(databases: Databases, jobs: Jobs) -> None:
    """Each keeps a snapshot, which is a session too."""
    for table in TABLES:
        databases.prepare(
            f"CREATE TABLE {table} AS SELECT i AS id, md5(i::text) AS word FROM generate_series(1, 4000) AS i;"
            f"CREATE INDEX ON {table} (id); CREATE INDEX ON {table} (word); ANALYZE {table}"
        )
    watches = [Watch(databases, databases.source), Watch(databases, databases.destination)]
    for watch in watches:
        watch.start()
    posted = []
    for prefix in ("a", "b"):
        tables = [{"sourceTable": name, "destinationSchema": prefix, "batchSize": 500} for name in TABLES]
        spec = databases.spec(tables)
        spec["source"]["maxConnections"] = spec["destination"]["maxConnections"] = MOST
        posted.append(jobs.post(spec))
    ended = [
        jobs.wait(job_id, lambda progress: progress["status"] == "COMPLETED" or bool(progress["attention"]))
        for job_id in posted
    ]
    assert [progress["status"] for progress in ended] == ["COMPLETED", "COMPLETED"], ended
    assert [watch.end() for watch in watches] == [MOST, MOST], "all of them are used, and no more"
    with databases.connect_source() as source, databases.connect_destination() as destination:
        assert_equal(source, destination, "public.words", "b.words")
