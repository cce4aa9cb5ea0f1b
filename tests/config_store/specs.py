"""Job specifications that the tests of the config store share."""

from __future__ import annotations

from typing import Any

from core.job_spec import JobSpec

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


def sample(**changes: Any) -> JobSpec:
    """DESIGN's sample request, with changes."""
    return JobSpec.model_validate({**SAMPLE, **changes})
