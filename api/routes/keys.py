"""API keys: made, listed, revoked by administrators; login codes too."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, status
from pydantic import Field

from api.dependencies import GivenActor, GivenParts
from api.roles import Role
from core.base_model import Model
from core.config_store.credentials import CredentialKind, StoredCredential

CODE_LIFETIME = timedelta(minutes=10)
Name = Annotated[str, Field(min_length=1, max_length=255, pattern=r"^[^\x00-\x1f]+$")]

router = APIRouter(prefix="/api", tags=["access"])


class KeyRequest(Model):
    """Whom a key is for."""

    name: Name
    """What the audit trail calls its holder."""
    role: Role = Role.OPERATOR
    days: int | None = Field(default=None, ge=1, le=3660)
    """How long it is good; without: until it is revoked."""


class KeyView(Model):
    """A key without its secret."""

    key_id: str
    name: str
    role: Role
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    last_used_at: datetime | None
    """To a minute."""
    revoked_at: datetime | None


class NewKey(KeyView):
    """A key that was just made."""

    secret: str
    """Shown this once."""


class LoginCodeRequest(Model):
    """For whom a browser is to be logged in."""

    name: Name
    role: Role = Role.ADMIN


class LoginCode(Model):
    """Opens one session: at `/login#` and the code."""

    code: str
    expires_at: datetime


def key_view(stored: StoredCredential) -> KeyView:
    """What the API shows of a key."""
    return KeyView(
        key_id=stored.credential_id,
        name=stored.name,
        role=Role(stored.role),
        created_at=stored.created_at,
        created_by=stored.created_by,
        expires_at=stored.expires_at,
        last_used_at=stored.last_used_at,
        revoked_at=stored.revoked_at,
    )


@router.post("/keys", status_code=status.HTTP_201_CREATED)
async def create_key(request: KeyRequest, parts: GivenParts, actor: GivenActor) -> NewKey:
    """Makes a key. Its secret is in this answer and nowhere else."""
    lifetime = None if request.days is None else timedelta(days=request.days)
    issued = await parts.store.issue_credential(
        CredentialKind.KEY, request.name, request.role, actor=actor, lifetime=lifetime
    )
    return NewKey(**key_view(issued.stored).model_dump(), secret=issued.secret)


@router.get("/keys")
async def list_keys(parts: GivenParts) -> list[KeyView]:
    """All keys, revoked ones too, oldest first."""
    return [key_view(stored) for stored in await parts.store.list_keys()]


@router.delete("/keys/{key_id}")
async def revoke_key(key_id: str, parts: GivenParts, actor: GivenActor) -> KeyView:
    """The key is no longer good; 404 where there is none."""
    return key_view(await parts.store.revoke_credential(key_id, actor=actor))


@router.post("/login-codes", status_code=status.HTTP_201_CREATED)
async def create_login_code(request: LoginCodeRequest, parts: GivenParts, actor: GivenActor) -> LoginCode:
    """Makes a code that opens one session of a browser, within ten minutes."""
    issued = await parts.store.issue_credential(
        CredentialKind.LOGIN_CODE, request.name, request.role, actor=actor, lifetime=CODE_LIFETIME
    )
    assert issued.stored.expires_at is not None
    return LoginCode(code=issued.secret, expires_at=issued.stored.expires_at)
