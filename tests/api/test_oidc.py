"""Bearer tokens of an identity provider: a real HTTP server on loopback that has discovery and keys."""

from __future__ import annotations

import hmac
import json
import threading
import time
from collections.abc import AsyncIterator, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from temporalio.client import Client

from core.config_store.store import ConfigStore
from core.settings import Settings
from tests.api.conftest import running_api

AUDIENCE = "sterna"


class Provider:
    """Signs tokens; its keys can change."""

    def __init__(self) -> None:
        provider = self
        self.keys: dict[str, rsa.RSAPrivateKey] = {}
        self.asked = 0
        self.add_key("first")

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = json.dumps(provider.answer(self.path)).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Nothing."""

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.http.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.http.server_address[1]}/realm"

    def add_key(self, name: str) -> None:
        self.keys[name] = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def answer(self, path: str) -> dict[str, Any]:
        if path.endswith("openid-configuration"):
            return {"issuer": self.issuer, "jwks_uri": f"{self.issuer}/keys"}
        self.asked += 1
        numbers = {
            name: json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key())) for name, key in self.keys.items()
        }
        return {"keys": [{**number, "kid": name, "alg": "RS256", "use": "sig"} for name, number in numbers.items()]}

    def token(self, key: str = "first", **changes: Any) -> str:
        claims = {
            "iss": self.issuer, "aud": AUDIENCE, "sub": "42", "exp": time.time() + 60,
            "preferred_username": "ann", "roles": ["sterna-viewer"], **changes,
        }  # fmt: skip
        return jwt.encode({k: v for k, v in claims.items() if v is not None}, self.keys[key], "RS256", {"kid": key})


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    serving = Provider()
    yield serving
    serving.http.shutdown()
    serving.http.server_close()


@pytest.fixture
async def api(
    settings: Settings, store: ConfigStore, client: Client, provider: Provider
) -> AsyncIterator[httpx.AsyncClient]:
    believing = settings.model_copy(update={"oidc_issuer": provider.issuer, "oidc_audience": AUDIENCE})
    async with running_api(believing, store, client) as http:
        yield http


async def asked_with(
    api: httpx.AsyncClient, token: str, method: str = "GET", path: str = "/api/session"
) -> httpx.Response:
    body = {} if method == "POST" else None
    return await api.request(method, path, headers={"Authorization": f"Bearer {token}"}, json=body)


async def test_a_good_token_names_its_holder_and_gives_the_highest_of_its_roles(
    api: httpx.AsyncClient, provider: Provider
) -> None:
    assert (await asked_with(api, provider.token())).json() == {"name": "ann", "role": "viewer"}
    both = provider.token(roles=["sterna-viewer", "sterna-operator", "other"], preferred_username=None)
    assert (await asked_with(api, both)).json() == {"name": "42", "role": "operator"}
    assert (await asked_with(api, provider.token(), "POST", "/api/jobs")).status_code == 403
    none = await asked_with(api, provider.token(roles=["other"]))
    assert (none.status_code, none.json()["detail"]) == (403, "the token gives ann no role here")


async def test_a_token_that_is_not_good_is_refused(api: httpx.AsyncClient, provider: Provider) -> None:
    good = provider.token()
    public = provider.keys["first"].public_key()
    shared = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    claims = jwt.decode(good, options={"verify_signature": False})
    head = jwt.utils.base64url_encode(b'{"alg":"HS256","kid":"first"}').decode()
    body = good.split(".")
    wrong = {
        "expired": provider.token(exp=time.time() - 120),
        "for another": provider.token(aud="other"),
        "of another": provider.token(iss="https://evil.example"),
        "without an end": provider.token(exp=None),
        "not yet": provider.token(nbf=time.time() + 600),
        "unsigned": jwt.encode(claims, None, "none", {"kid": "first"}),
        "signed with the public key": f"{head}.{body[1]}.{_hmac(shared, f'{head}.{body[1]}')}",
        "changed": f"{body[0]}.{body[1][:-2]}AA.{body[2]}",
        "no token": "a.b.c",
    }
    answers = {name: (await asked_with(api, token)).status_code for name, token in wrong.items()}
    assert answers == dict.fromkeys(wrong, 401)


def _hmac(key: bytes, text: str) -> str:
    return jwt.utils.base64url_encode(hmac.digest(key, text.encode(), "sha256")).decode()


async def test_a_new_key_of_the_provider_is_found_and_made_up_ones_do_not_make_it_be_asked(
    api: httpx.AsyncClient, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (await asked_with(api, provider.token())).status_code == 200
    provider.add_key("second")
    before = provider.asked
    for _ in range(3):
        assert (await asked_with(api, provider.token("second"))).status_code == 401
    assert provider.asked == before
    monkeypatch.setattr("api.oidc.ASK_AGAIN_SECONDS", 0.0)
    assert (await asked_with(api, provider.token("second"))).status_code == 200
    assert provider.asked == before + 1


async def test_a_provider_that_is_away_is_an_outage_and_keys_go_on(
    settings: Settings, store: ConfigStore, client: Client, provider: Provider
) -> None:
    away = settings.model_copy(update={"oidc_issuer": "http://127.0.0.1:1/realm", "oidc_audience": AUDIENCE})
    async with running_api(away, store, client) as api:
        assert (await asked_with(api, provider.token())).status_code == 503
        assert (await api.get("/api/session")).status_code == 200
