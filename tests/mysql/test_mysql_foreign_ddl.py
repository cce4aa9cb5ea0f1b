"""A table of another database, with one of everything, made by a real MariaDB."""

from __future__ import annotations

import pymysql
import pytest

from deploy.local.mariadb_server import MariadbServer
from tests.unit.test_sql_ddl import built, customers


def test_mariadb_takes_it_all_cyclic_foreign_keys_too(mariadb: MariadbServer) -> None:
    tables = [built("mysql"), built("mysql", customers())]
    session = pymysql.connect(host="127.0.0.1", port=mariadb.port, user=mariadb.user, autocommit=True)
    with session, session.cursor() as cursor:
        for part in ("schemas", "tables", "keys", "checks", "foreign_keys", "sequences", "comments"):
            for ddl in tables:
                for statement in getattr(ddl, part):
                    cursor.execute(statement.sql)
        try:
            cursor.execute("INSERT INTO shop.orders (state, mood) VALUES ('x', 'sad')")
            cursor.execute("SELECT id, twice FROM shop.orders")
            assert [(row[0], str(row[1])) for row in cursor.fetchall()] == [(42, "1.00")]
            for wrong in ("(price) VALUES (1000)", "(customer) VALUES (5)", "(mood) VALUES ('glad')"):
                with pytest.raises(pymysql.MySQLError):
                    cursor.execute(f"INSERT INTO shop.orders {wrong}")
            cursor.execute("INSERT INTO shop.customers (id) VALUES (5)")
            cursor.execute("UPDATE shop.orders SET customer = 5")
            cursor.execute("DELETE FROM shop.customers")
            cursor.execute("SELECT customer FROM shop.orders")
            assert cursor.fetchall() == ((None,),)
        finally:
            cursor.execute("DROP DATABASE shop")
