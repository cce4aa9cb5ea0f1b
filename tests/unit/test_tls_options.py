"""Which mode of TLS holds, by what the job says and by the host."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from connectors.tls import TlsOptions


@pytest.mark.parametrize(
    ("host", "mode"),
    [
        ("db.example.com", "verify-full"),
        ("10.0.0.7", "verify-full"),
        ("localhost.example.com", "verify-full"),
        ("127.0.0.1", "prefer"),
        ("127.0.0.9", "prefer"),
        ("::1", "prefer"),
        ("LocalHost", "prefer"),
        ("/run/postgresql", "prefer"),
    ],
)
def test_a_server_elsewhere_must_prove_who_it_is_unless_the_job_says_otherwise(host: str, mode: str) -> None:
    assert TlsOptions().mode_for(host) == mode
    assert TlsOptions(mode="disable").mode_for(host) == "disable"
    assert TlsOptions(ca_file="ca.pem").mode_for(host) == "verify-full"


@pytest.mark.parametrize(
    "wrong",
    [
        {"keyFile": "key.pem"},
        {"caFile": "ca.pem", "mode": "require"},
        {"certFile": "c.pem", "mode": "prefer"},
        {"sslMode": "disable"},
    ],
)
def test_files_that_would_have_no_effect_are_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        TlsOptions.model_validate(wrong)
