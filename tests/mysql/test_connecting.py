"""A server that cannot be reached is said to be so, in time and in words."""

from __future__ import annotations

import socket

import pytest
from pymysql.err import OperationalError

from connectors.contract import Credentials
from connectors.mysql.connector import Mysql
from connectors.mysql.errors import translate
from connectors.mysql.options import MysqlOptions
from core.errors import NotFound, Unavailable


def connector(port: int) -> Mysql:
    options = {"host": "127.0.0.1", "port": port, "database": "d", "connect_timeout": 0.3}
    return Mysql(MysqlOptions.model_validate(options), Credentials("u", "secret"), "test")


async def test_a_server_that_accepts_and_says_nothing_is_unavailable() -> None:
    unavailable = pytest.raises(Unavailable, match=r"connecting to 127\.0\.0\.1")
    with socket.create_server(("127.0.0.1", 0)) as silent, unavailable:
        await connector(silent.getsockname()[1]).check()


async def test_why_a_server_cannot_be_reached_is_in_the_message() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(Unavailable, match="refused") as caught:
        await connector(port).check()
    assert "secret" not in str(caught.value)


def test_a_certificate_that_is_not_trusted_is_in_the_message() -> None:
    error = OperationalError(2003, "Can't connect to MySQL server on 'db' ([SSL: CERTIFICATE_VERIFY_FAILED] expired)")
    assert "CERTIFICATE_VERIFY_FAILED" in str(translate(error))


def test_a_foreign_key_that_mysql_does_not_find_is_gone() -> None:
    """MySQL has a number of its own for DROP CONSTRAINT."""
    found = translate(OperationalError(3940, "Constraint 'c_p_fkey' does not exist."))
    assert isinstance(found, NotFound)
    assert "c_p_fkey" in str(found)
