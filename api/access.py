"""What the settings say about access: built once, or refused."""

from __future__ import annotations

from api.auth import BURST_SECONDS, Authenticator, is_loopback
from api.oidc import OidcTokens
from api.rate_limit import RateLimit
from api.roles import Role
from core.config_store.credentials import PREFIX
from core.config_store.store import ConfigStore
from core.errors import InvalidConfiguration
from core.settings import Settings

SHORTEST_KEY = len(PREFIX) + 32


def refuse_open_doors(settings: Settings) -> None:
    """Raises InvalidConfiguration where everybody in the network could ask without a login."""
    if settings.authentication == "off" and not is_loopback(settings.api_host):
        raise InvalidConfiguration(
            f"the API would listen on {settings.api_host} without asking anybody who he is",
            remedy="Leave STERNA_AUTHENTICATION at `required`, or set STERNA_API_HOST=127.0.0.1",
        )


def build_authenticator(settings: Settings, store: ConfigStore) -> Authenticator:
    """As the settings say. Raises InvalidConfiguration where the administrator's key cannot be read."""
    rate = settings.requests_per_second
    return Authenticator(
        store,
        required=settings.authentication == "required",
        admin_key=_admin_key(settings),
        tokens=_tokens(settings),
        limit=RateLimit(rate, rate * BURST_SECONDS),
    )


def _tokens(settings: Settings) -> OidcTokens | None:
    if settings.oidc_issuer is None or settings.oidc_audience is None:
        return None
    roles = {value: Role(role) for value, role in settings.oidc_roles.items()}
    return OidcTokens(settings.oidc_issuer, settings.oidc_audience, role_claim=settings.oidc_role_claim, roles=roles)


def _admin_key(settings: Settings) -> str | None:
    if settings.admin_key_file is None:
        return None
    try:
        key = settings.admin_key_file.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise InvalidConfiguration(
            f"STERNA_ADMIN_KEY_FILE cannot be read: {error}", remedy="Mount the file, readable by the API's user"
        ) from error
    if not key.startswith(PREFIX) or len(key) < SHORTEST_KEY:
        raise InvalidConfiguration(
            f"{settings.admin_key_file} holds no API key",
            remedy=f"Write {PREFIX} and at least 32 random characters into it",
        )
    return key
