"""A connection that holds a secret is refused, wherever it holds it, and the refusal does not repeat it."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from core.job_spec import ConnectionSpec


@pytest.mark.parametrize(
    "options",
    [
        {"password": "hunter2"},
        {"tls": {"keyPassword": "hunter2"}},
        {"connect": [{"args": {"password": "hunter2"}}]},
        {"url": "postgresql://u:hunter2@h/d"},
        {"url": "oracle://u:hun/ter2@h/d"},
        {"hosts": ["postgresql://u:hunter2@h/d"]},
        {"url": "mssql://h/d?password=hunter2"},
        {"secretsRef": "postgresql://u:hunter2@h/d"},
    ],
)
def test_an_inline_secret_is_refused_with_what_to_do(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as refused:
        ConnectionSpec.model_validate({"type": "SQLALCHEMY", **options})
    [error] = refused.value.errors()
    assert "env:" in error["msg"]
    assert "ter2" not in error["msg"]


@pytest.mark.parametrize(
    "options",
    [
        {"url": "postgresql://u@h:5432/d?sslmode=verify-full"},
        {"tls": {"certificate": "/x.pem"}},
        {"secretsRef": "vault:/databases/pg#batch"},
        {"secretsRef": "file:/run/secrets/pg"},
    ],
)
def test_references_and_urls_without_passwords_are_accepted(options: dict[str, Any]) -> None:
    ConnectionSpec.model_validate({"type": "SQLALCHEMY", **options})
