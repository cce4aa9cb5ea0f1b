"""What a SQLALCHEMY url may say beside where the database is."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from connectors.sqlalchemy.options import SqlalchemyOptions


@pytest.mark.parametrize(
    "query",
    [
        "read_default_file=/etc/my.cnf",
        "local_infile=1",
        "unix_socket=/run/mysqld.sock",
        "host=evil.example.com",
        "passfile=/x",
        "service=x",
        "options=-c%20x",
        "init_command=DROP%20TABLE%20x",
        "odbc_connect=x",
        "plugin_dir=/tmp",
        "driver=/tmp/evil.so",
        "uri=true",
        "charset=utf8#&read_default_file=/etc/my.cnf",
        "charset=utf8&charset=utf8&host=a&host=b",
        "Read_Default_File=/x",
    ],
)
def test_parameters_that_lead_elsewhere_are_refused(query: str) -> None:
    with pytest.raises(ValidationError, match="parameter"):
        SqlalchemyOptions(url=f"mysql+pymysql://db.example.com/shop?{query}")


def test_hosts_and_files_are_those_that_the_driver_will_use() -> None:
    options = SqlalchemyOptions(url="postgresql+psycopg://db/shop?sslmode=verify-full&sslrootcert=/etc/ca.pem")
    assert (options.hosts(), options.files()) == ({"url": "db"}, {"url?sslrootcert": "/etc/ca.pem"})
    assert SqlalchemyOptions(url="sqlite:////data/shop.db").files() == {"url": "/data/shop.db"}
    assert SqlalchemyOptions(url="sqlite:///file:shop.db").files() == {"url": "shop.db"}
    assert SqlalchemyOptions(url="firebird+firebird://db:3050//data/shop.fdb").files() == {}
