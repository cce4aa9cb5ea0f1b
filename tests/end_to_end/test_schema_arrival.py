"""The schema arrives with the rows: compared in the catalogs of both sides by SQL that the product does not use."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.local.postgres_server import PostgresServer
from deploy.local.stack import LocalStack
from tests.conftest import NewDatabase
from tests.end_to_end.conftest import Databases, Jobs
from tests.independent_comparison import AnyConnection, assert_equal, assert_same_rows

RICH_SCHEMA = Path(__file__).parents[1] / "postgres" / "rich_schema.sql"
ROWS = """
INSERT INTO shop.customers (name, nick, mail, states, amount, "order", parent)
SELECT 'Name ' || i, 'nick ' || i, 'c' || i || '@example.org', '{new,naïve}', i, i, 10 + 2 * (20 - i)
FROM generate_series(1, 20) AS i;
INSERT INTO shop.eggs SELECT i FROM generate_series(1, 9) AS i;
INSERT INTO shop.hens SELECT i, i FROM generate_series(1, 9) AS i;
UPDATE shop.eggs SET hen = id;
INSERT INTO shop.heirs SELECT 100 + i, NULL, i FROM generate_series(1, 9) AS i;
INSERT INTO shop.events (at, region, customer)
SELECT timestamptz '2023-11-01' + i * interval '15 days', (ARRAY['eu', 'us', 'it''s'])[i % 3 + 1], 12
FROM generate_series(1, 60) AS i;
INSERT INTO shop.bookings SELECT int4range(i, i + 1), tstzrange(now(), NULL), int4range(i, i + 1)
FROM generate_series(1, 9) AS i;
INSERT INTO "Odd schéma"."Tä ""ble" SELECT i, 'ü' FROM generate_series(1, 9) AS i;
"""
IN_SCOPE = "n.nspname IN ('shop', 'Odd schéma') AND c.relname <> 'sterna_ledger' AND c.relkind IN ('r', 'p')"
# By what is compared: a query over a catalog that gives no object ids.
CATALOGS = {
    "columns": f"""
        SELECT n.nspname, c.relname, c.relkind::text, row_number() OVER (PARTITION BY c.oid ORDER BY a.attnum),
               a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity::text, a.attgenerated::text,
               pg_get_expr(d.adbin, d.adrelid), co.collname, col_description(c.oid, a.attnum)
        FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
        JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        LEFT JOIN pg_attrdef AS d ON d.adrelid = c.oid AND d.adnum = a.attnum
        LEFT JOIN pg_collation AS co ON co.oid = a.attcollation
        WHERE {IN_SCOPE}""",
    "constraints": f"""
        SELECT n.nspname, c.relname, k.conname, k.contype::text, pg_get_constraintdef(k.oid), k.convalidated,
               k.condeferrable, k.condeferred, obj_description(k.oid, 'pg_constraint')
        FROM pg_constraint AS k JOIN pg_class AS c ON c.oid = k.conrelid
        JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE {IN_SCOPE}""",
    "indexes": f"""
        SELECT n.nspname, c.relname, pg_get_indexdef(i.indexrelid), i.indisunique, i.indisprimary, i.indisvalid
        FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indrelid
        JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE {IN_SCOPE} AND c.relname <> 'events_rest'""",
    "partitions": f"""
        SELECT n.nspname, c.relname, pg_get_partkeydef(c.oid), pg_get_expr(c.relpartbound, c.oid),
               (SELECT inhparent::regclass::text FROM pg_inherits WHERE inhrelid = c.oid AND c.relispartition)
        FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE {IN_SCOPE}""",
    "sequences": """
        SELECT schemaname, sequencename, data_type::text, start_value, min_value, max_value, increment_by, cycle,
               cache_size, last_value
        FROM pg_sequences WHERE schemaname IN ('shop', 'Odd schéma')""",
    "types": """
        SELECT n.nspname, t.typname, t.typtype::text, format_type(t.typbasetype, t.typtypmod), t.typnotnull,
               t.typdefault,
               ARRAY(SELECT enumlabel::text FROM pg_enum WHERE enumtypid = t.oid ORDER BY enumsortorder),
               ARRAY(SELECT format('%s %s', attname, format_type(atttypid, atttypmod)) FROM pg_attribute
                     WHERE attrelid = t.typrelid AND attnum > 0 ORDER BY attnum),
               ARRAY(SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE contypid = t.oid ORDER BY 1)
        FROM pg_type AS t JOIN pg_namespace AS n ON n.oid = t.typnamespace LEFT JOIN pg_class AS c ON c.oid = t.typrelid
        WHERE n.nspname IN ('shop', 'Odd schéma') AND t.typtype IN ('d', 'e', 'c', 'r')
          AND (t.typrelid = 0 OR c.relkind = 'c')""",
    "comments": f"""
        SELECT n.nspname, c.relname, obj_description(c.oid, 'pg_class')
        FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE {IN_SCOPE}""",
}
TABLES = ["customers", "hens", "eggs", "heirs", "events", "bookings", "no_columns", "wide"]


@pytest.fixture(scope="module")
def rich(postgres: PostgresServer, new_database: NewDatabase, stack: LocalStack) -> Databases:
    """A rich schema, moved whole."""
    databases = Databases(postgres, new_database(), new_database())
    databases.prepare(RICH_SCHEMA.read_text())
    databases.prepare(ROWS)
    Jobs(stack).run(databases.spec({"include": ["shop.*", "Odd schéma.*"], "exclude": ["*.names", "*.totals"]}))
    return databases


def test_the_planner_knows_every_table_when_the_job_ends(rich: Databases) -> None:
    """Autovacuum leaves tables of so few rows alone."""
    known = "SELECT DISTINCT schemaname, tablename FROM pg_stats WHERE schemaname IN ('shop', 'Odd schéma')"
    with rich.connect_destination() as connection:
        found = {name for _, name in connection.execute(known).fetchall()}
    assert found >= {"customers", "hens", "eggs", "heirs", "events", "bookings", 'Tä "ble'}


def read(connection: AnyConnection, query: str) -> set[tuple[object, ...]]:
    """Expressions are deparsed under the same empty search path on both sides."""
    connection.execute("SET search_path = ''")
    return {
        tuple(tuple(value) if isinstance(value, list) else value for value in record)
        for record in connection.execute(query.encode()).fetchall()
    }


@pytest.mark.parametrize("what", CATALOGS)
def test_the_catalogs_say_the_same(rich: Databases, what: str) -> None:
    with rich.connect_source() as source, rich.connect_destination() as destination:
        expected, found = read(source, CATALOGS[what]), read(destination, CATALOGS[what])
    assert expected
    if what == "constraints":
        expected, found = without_inheritance(expected), without_inheritance(found)
    assert sorted(map(str, expected - found)) == []
    assert sorted(map(str, found - expected)) == []


def without_inheritance(constraints: set[tuple[object, ...]]) -> set[tuple[object, ...]]:
    """INHERITS is not carried, and PostgreSQL then names the NOT NULL constraint of the child after the child."""
    return {record for record in constraints if record[1] != "heirs"}


@pytest.mark.parametrize("table", [*(f"shop.{name}" for name in TABLES), 'Odd schéma.Tä "ble'])
def test_rows_of_the_rich_schema_arrive(rich: Databases, table: str) -> None:
    with rich.connect_source() as source, rich.connect_destination() as destination:
        assert_equal(source, destination, table)


def test_the_next_rows_get_numbers_past_the_data(rich: Databases) -> None:
    with rich.connect_destination() as destination:
        highest = destination.execute("SELECT max(id), max(legacy), max(ticket), max(shared) FROM shop.customers")
        before = highest.fetchone()
        with destination.transaction(force_rollback=True):
            inserted = destination.execute(
                "INSERT INTO shop.customers (name, mail, amount, \"order\") VALUES ('next', 'n@example.org', 1, 999) "
                "RETURNING id, legacy, ticket, shared"
            ).fetchone()
    assert before is not None
    assert inserted is not None
    assert all(int(str(new)) > int(str(old)) for new, old in zip(inserted, before, strict=True)), (before, inserted)


SALES = """
CREATE SCHEMA sales;
CREATE TABLE sales.users (
    id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, email text NOT NULL CONSTRAINT users_email_key UNIQUE,
    boss bigint CONSTRAINT boss_fk REFERENCES sales.users, age int CONSTRAINT adult CHECK (age >= 18 OR email = 'kid'),
    shown text GENERATED ALWAYS AS (lower(email)) STORED
);
CREATE INDEX by_lower ON sales.users (lower(email), age DESC) WHERE age > 20;
COMMENT ON COLUMN sales.users.email IS 'where to write to';
CREATE TABLE sales.orders (id int PRIMARY KEY, customer bigint NOT NULL, by_email text,
    CONSTRAINT of_user FOREIGN KEY (customer) REFERENCES sales.users (id) ON DELETE CASCADE,
    CONSTRAINT of_email FOREIGN KEY (by_email) REFERENCES sales.users (email) ON UPDATE CASCADE);
INSERT INTO sales.users (email, boss, age) SELECT 'u' || i, 31 - i, 18 + i FROM generate_series(1, 30) AS i;
INSERT INTO sales.orders SELECT i, i, 'u' || i FROM generate_series(1, 30) AS i;
"""
RENAMED = {
    "adult": """CHECK ((("AGE" >= 18) OR ("EMAIL_ADDR" = 'kid'::text)))""",
    "boss_fk": 'FOREIGN KEY ("BOSS") REFERENCES crm."CUSTOMERS"("CUST_ID")',
    "of_email": 'FOREIGN KEY (by_email) REFERENCES crm."CUSTOMERS"("EMAIL_ADDR") ON UPDATE CASCADE',
    "of_user": 'FOREIGN KEY (buyer) REFERENCES crm."CUSTOMERS"("CUST_ID") ON DELETE CASCADE',
    "users_email_key": 'UNIQUE ("EMAIL_ADDR")',
    "users_pkey": 'PRIMARY KEY ("CUST_ID")',
}


def test_renames_follow_into_everything_that_names_a_column_or_table(databases: Databases, jobs: Jobs) -> None:
    databases.prepare(SALES)
    mapping = {"id": "CUST_ID", "email": "EMAIL_ADDR", "boss": "BOSS", "age": "AGE"}
    to_crm = {"sourceSchema": "sales", "destinationSchema": "crm", "batchSize": 7}
    tables = [
        {
            **to_crm,
            "sourceTable": "orders",
            "transformations": [{"type": "COLUMN_MAP", "mapping": {"customer": "buyer"}}],
        },
        {
            **to_crm,
            "sourceTable": "users",
            "destinationTable": "CUSTOMERS",
            "transformations": [{"type": "COLUMN_MAP", "mapping": mapping}],
        },
    ]
    jobs.run(databases.spec(tables))
    with databases.connect_source() as source, databases.connect_destination() as destination:
        moved = 'SELECT "CUST_ID", "EMAIL_ADDR", "BOSS", "AGE", shown FROM crm."CUSTOMERS"'
        assert assert_same_rows(source, "SELECT id, email, boss, age, shown FROM sales.users", destination, moved) == 30
        destination.execute("SET search_path = ''")
        constraints = dict(
            destination.execute(
                "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint "
                "WHERE contype <> 'n' AND conrelid::regclass::text LIKE 'crm.%' AND conname <> 'orders_pkey'"
            ).fetchall()
        )
        assert constraints == RENAMED
        index = destination.execute("SELECT indexdef FROM pg_indexes WHERE indexname = 'by_lower'").fetchone()
        assert index is not None
        assert str(index[0]).endswith('USING btree (lower("EMAIL_ADDR"), "AGE" DESC) WHERE ("AGE" > 20)')
        comment = destination.execute("SELECT col_description('crm.\"CUSTOMERS\"'::regclass, 2)").fetchone()
        assert comment == ("where to write to",)
        next_id = destination.execute(
            'INSERT INTO crm."CUSTOMERS" ("EMAIL_ADDR", "AGE") VALUES (\'New\', 40) RETURNING "CUST_ID", shown'
        ).fetchone()
        assert next_id == (31, "new")
