from __future__ import annotations

from tests.end_to_end.conftest import Databases, Jobs
from tests.independent_comparison import assert_equal

TABLES = ("apples", "pears", "plums")


def test_tables_of_a_failed_run_are_done_again_one_by_one_and_none_is_forgotten(
    databases: Databases, jobs: Jobs
) -> None:
    for name in TABLES:
        databases.prepare(f"CREATE TABLE {name} (id int, word text); INSERT INTO {name} VALUES (1, 'a'), (2, 'b')")
    with databases.connect_destination() as destination:
        destination.execute(
            "CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN NEW.word := NEW.word || '!'; RETURN NEW; END $$"
        )
        for name in ("apples", "pears"):
            destination.execute(f"CREATE TABLE {name} (id int, word text)")
            destination.execute(f"CREATE TRIGGER spoil BEFORE INSERT ON {name} FOR EACH ROW EXECUTE FUNCTION spoil()")
    job_id = jobs.post(databases.spec([{"sourceTable": name} for name in TABLES]))
    assert jobs.wait(job_id)["status"] == "FAILED"
    assert verdicts(jobs, job_id) == ("NOT PROVED", {"apples": False, "pears": False, "plums": True})

    with databases.connect_destination() as destination:
        destination.execute("DROP TRIGGER spoil ON apples")
    jobs.command(job_id, "retry", {"tables": ["apples"]})
    assert jobs.wait(job_id, lambda progress: progress["status"] == "FAILED")["status"] == "FAILED"
    assert verdicts(jobs, job_id) == ("NOT PROVED", {"apples": True, "pears": False, "plums": True})

    with databases.connect_destination() as destination:
        destination.execute("DROP TRIGGER spoil ON pears")
    jobs.command(job_id, "retry")
    assert jobs.wait(job_id, lambda progress: progress["status"] == "COMPLETED")["status"] == "COMPLETED"
    assert verdicts(jobs, job_id) == ("PROVED", dict.fromkeys(TABLES, True))
    with databases.connect_source() as source, databases.connect_destination() as destination:
        for name in TABLES:
            assert assert_equal(source, destination, f"public.{name}") == 2


def test_two_tables_for_one_destination_park(databases: Databases, jobs: Jobs) -> None:
    databases.prepare("CREATE TABLE numbers (id int); CREATE TABLE others (id int); CREATE TABLE alone (id int)")
    job_id = jobs.post(
        databases.spec(
            [
                {"sourceTable": "numbers"},
                {"sourceSchema": "public", "sourceTable": "others", "destinationTable": "numbers"},
                {"sourceTable": "alone"},
            ]
        )
    )
    progress = jobs.wait(job_id, lambda found: len([t for t in found["tables"] if t["status"] == "COMPLETED"]) == 1)
    parked = [table for table in progress["tables"] if table["status"] == "PARKED"]
    assert len(parked) == 2
    assert all("two tables of the job go to public.numbers" in table["message"] for table in parked)
    jobs.command(job_id, "cancel")
    jobs.wait(job_id, lambda found: found["status"] == "CANCELLED")


def verdicts(jobs: Jobs, job_id: str) -> tuple[str, dict[str, bool]]:
    certificate = jobs.certificate(job_id)
    tables = {table["destination"].removeprefix("public."): table["proved"] for table in certificate["tables"]}
    return certificate["verdict"], tables
