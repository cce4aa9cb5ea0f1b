"""The sample request of the design, which must be accepted as it stands."""

from __future__ import annotations

from typing import Any

SAMPLE: dict[str, Any] = {
    "name": "Prod Customer Migration",
    "source": {
        "type": "POSTGRES",
        "host": "pg-db.example.com",
        "database": "customers",
        "secretsRef": "vault:/databases/pg-prod",
    },
    "destination": {
        "type": "ORACLE",
        "host": "oracle-db.example.com",
        "serviceName": "ORCL",
        "walletPath": "/secure/wallets/oracle",
    },
    "tables": [
        {
            "sourceSchema": "public",
            "sourceTable": "users",
            "destinationTable": "CUSTOMERS",
            "transformations": [
                {"type": "COLUMN_MAP", "mapping": {"id": "CUST_ID", "email": "EMAIL_ADDR"}},
                {"type": "DATA_MASK", "columns": ["ssn"], "maskChar": "X"},
            ],
        }
    ],
}
