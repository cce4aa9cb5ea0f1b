"""What a worker must be told about Vault, from the variables of Vault's own tools."""

from __future__ import annotations

from typing import Any

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from core.errors import InvalidConfiguration, SecretMissing


class VaultSettings(BaseSettings):
    """VAULT_* variables; those of logins are Sterna's own."""

    model_config = SettingsConfigDict(env_prefix="VAULT_", use_attribute_docstrings=True)

    addr: str = ""
    """URL of the server."""
    namespace: str | None = None
    """Of Vault Enterprise."""
    token: SecretStr | None = None
    """A token, used as it is."""
    token_file: str | None = None
    """A file with a token, read at each use: what Vault Agent writes."""
    role_id: str | None = None
    """AppRole: the role."""
    secret_id: SecretStr | None = None
    """AppRole: the role's secret."""
    secret_id_file: str | None = None
    """A file with the role's secret, read at each use."""
    approle_mount: str = "approle"
    """Where the AppRole method is mounted."""
    kv_version: int | None = Field(default=None, ge=1, le=2)
    """Version of the key-value engines; default: each mount is asked."""
    cacert: str | None = None
    """File with the certificates that the server's is checked against."""
    capath: str | None = None
    """Folder with them; `cacert` goes first."""
    client_cert: str | None = None
    """File with a certificate to show to the server."""
    client_key: str | None = None
    """File with its key."""
    kubernetes_role: str | None = None
    """Kubernetes: the role that the pod's service account may log in as."""
    kubernetes_mount: str = "kubernetes"
    """Where the Kubernetes method is mounted."""
    kubernetes_token_file: str = "/var/run/secrets/kubernetes.io/serviceaccount/token"  # noqa: S105, a path
    """The service account's token, read at each login."""
    skip_verify: bool = False
    """Does not check the server's certificate."""
    client_timeout: float = Field(default=10.0, gt=0)
    """Seconds for one request."""

    @field_validator("client_timeout", mode="before")
    @classmethod
    def _without_unit(cls, value: Any) -> Any:
        return value.removesuffix("s") if isinstance(value, str) else value


def vault_settings() -> VaultSettings:
    """Those of this worker. Raises InvalidConfiguration, SecretMissing where Vault is not known."""
    try:
        settings = VaultSettings()
    except ValidationError as error:
        wrong = sorted({f"VAULT_{str(problem['loc'][0]).upper()}" for problem in error.errors()})
        raise InvalidConfiguration(
            f"the worker's {', '.join(wrong)} cannot be read", remedy="Mend it, then retry"
        ) from None
    if not settings.addr:
        raise SecretMissing(
            "'vault:' secrets cannot be resolved: the worker does not know where Vault is",
            remedy="Set VAULT_ADDR on every worker and restart them, then retry",
        )
    return settings
