"""Bearer tokens of an OpenID Connect provider (RFC 9068, OpenID Connect Discovery 1.0)."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

import httpx
import jwt

from api.problems import Problem
from api.roles import Principal, Role
from core.errors import Unavailable

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""With a key pair only: a token must not choose `none`, nor be signed with the public key as a shared secret."""
LEEWAY_SECONDS = 30
KEYS_SECONDS = 600.0
"""How long the provider's keys are believed without asking again."""
ASK_AGAIN_SECONDS = 10.0
"""Unknown key ids, which anybody can write, do not make more requests than that."""
TIMEOUT_SECONDS = 5.0
NAME_CLAIMS = ("preferred_username", "email", "sub")
log = logging.getLogger(__name__)
REQUIRED = ("exp", "iss", "aud", "sub")


class OidcTokens:
    """Verifies tokens of one issuer for one audience; keys are fetched when the first token comes."""

    def __init__(
        self,
        issuer: str,
        audience: str,
        *,
        role_claim: str,
        roles: Mapping[str, Role],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`role_claim` may be a path, e.g. `realm_access.roles`; `roles` says which role each of its values gives."""
        self._issuer = issuer
        self._audience = audience
        self._role_claim = role_claim.split(".")
        self._roles = dict(roles)
        self._clock = clock
        self._keys: dict[str, jwt.PyJWK] = {}
        self._asked_at = float("-inf")
        self._asking = asyncio.Lock()

    async def identify(self, token: str) -> Principal | None:
        """Who holds the token; None where it is not good. Raises Unavailable, and Problem 403 where the token is good
        and gives no role."""
        try:
            header = jwt.get_unverified_header(token)
        except jwt.InvalidTokenError:
            return None
        if header.get("alg") not in ALGORITHMS:
            return None
        key = await self._key(str(header.get("kid", "")))
        if key is None:
            return None
        try:
            claims = jwt.decode(
                token,
                key.key,
                algorithms=[header["alg"]],
                audience=self._audience,
                issuer=self._issuer,
                leeway=LEEWAY_SECONDS,
                options={"require": list(REQUIRED)},
            )
        except (jwt.InvalidTokenError, jwt.InvalidKeyError):
            return None
        return Principal(_name(claims), "token", self._role(claims))

    async def _key(self, key_id: str) -> jwt.PyJWK | None:
        async with self._asking:
            age = self._clock() - self._asked_at
            if age > KEYS_SECONDS or (key_id not in self._keys and age > ASK_AGAIN_SECONDS):
                self._keys = await self._newest()
                self._asked_at = self._clock()
        return self._keys.get(key_id)

    async def _newest(self) -> dict[str, jwt.PyJWK]:
        """Keys that were known stay good while the provider is away."""
        try:
            return await self._fetch()
        except Unavailable as error:
            if not self._keys:
                raise
            log.warning("%s", error)
            return self._keys

    async def _fetch(self) -> dict[str, jwt.PyJWK]:
        try:
            async with httpx.AsyncClient(timeout=TIMEOUT_SECONDS) as http:
                address = f"{self._issuer.rstrip('/')}/.well-known/openid-configuration"
                configuration = (await http.get(address)).raise_for_status().json()
                if configuration.get("issuer") != self._issuer:
                    raise Unavailable(
                        f"{address} names another issuer: STERNA_OIDC_ISSUER must be written as it is there"
                    )
                found = (await http.get(configuration["jwks_uri"])).raise_for_status().json()
            keys = jwt.PyJWKSet.from_dict(found).keys
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError, jwt.PyJWTError) as error:
            raise Unavailable(
                f"the keys of {self._issuer} cannot be had: {type(error).__name__}",
                remedy="Check that the API reaches the provider, and STERNA_OIDC_ISSUER",
            ) from error
        return {str(key.key_id): key for key in keys if key.key_id is not None}

    def _role(self, claims: Mapping[str, Any]) -> Role:
        value: Any = claims
        for part in self._role_claim:
            value = value.get(part) if isinstance(value, Mapping) else None
        given = value if isinstance(value, list) else str(value or "").split()
        found = [self._roles[each] for each in given if isinstance(each, str) and each in self._roles]
        if not found:
            raise Problem(
                HTTPStatus.FORBIDDEN,
                "forbidden",
                f"the token gives {_name(claims)} no role here",
                remedy=f"Its claim {'.'.join(self._role_claim)} must have one of: {', '.join(self._roles)}",
            )
        return max(found, key=list(Role).index)


def _name(claims: Mapping[str, Any]) -> str:
    return next(str(claims[claim]) for claim in NAME_CLAIMS if claims.get(claim))
