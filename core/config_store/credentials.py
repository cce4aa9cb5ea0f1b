"""API keys, login codes and sessions in the config store: their hashes, never themselves."""

from __future__ import annotations

import hashlib
import secrets
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from sqlalchemy import ColumnElement, delete, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from core.config_store.audit_events import audit
from core.config_store.sessions import Transactions
from core.config_store.stored import Actor
from core.config_store.tables import Credential
from core.errors import NotFound

PREFIX = "sterna_"
SECRET_BYTES = 32
SEEN_EVERY = timedelta(minutes=1)
"""`last_used_at` is not written more often."""


class CredentialKind(StrEnum):
    """What a secret is for."""

    KEY = "KEY"
    """Of a program or a person; lives until it expires or is revoked."""
    LOGIN_CODE = "LOGIN_CODE"
    """Is exchanged once for a session."""
    SESSION = "SESSION"
    """Of a browser."""


@dataclass(frozen=True)
class StoredCredential:
    """What is known of a credential."""

    credential_id: str
    kind: CredentialKind
    name: str
    role: str
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True)
class IssuedCredential:
    """A new credential with its secret, which cannot be had again."""

    stored: StoredCredential
    secret: str


def new_secret() -> str:
    """A secret nobody can guess (256 bits), with a beginning that scanners of repositories can know."""
    return PREFIX + secrets.token_urlsafe(SECRET_BYTES)


def hash_of(secret: str) -> str:
    """SHA-256: as the secret is random, no slow hash has to hide it (NIST SP 800-63B, 5.1.1.2, is about passwords)."""
    return hashlib.sha256(secret.encode()).hexdigest()


class Credentials(Transactions):
    """The part of the config store about who may ask."""

    async def issue_credential(
        self, kind: CredentialKind, name: str, role: str, *, actor: Actor, lifetime: timedelta | None
    ) -> IssuedCredential:
        """Makes one; `lifetime` None: until it is revoked."""
        async with self.transaction() as session:
            await _forget_those_that_are_over(session)
            issued = await _issue(session, kind, name, role, actor.name, lifetime)
            audit(session, actor, f"create {_WORDS[kind]}", None, after=_shown(issued.stored))
            return issued

    async def find_credential(self, secret: str, *kinds: CredentialKind) -> StoredCredential | None:
        """The valid credential with this secret, which is marked as used; None where there is none."""
        async with self.transaction() as session:
            row = await session.scalar(select(Credential).where(*_valid(secret, kinds)))
            if row is None:
                return None
            now = datetime.now(UTC)
            if row.last_used_at is None or now - row.last_used_at > SEEN_EVERY:
                row.last_used_at = now
            return _read(row)

    async def exchange_code(self, code: str, *, address: str | None, lifetime: timedelta) -> IssuedCredential | None:
        """A session for a login code, which is used up by it; None where the code is not, or no longer, good. `address`
        is where it is asked from."""
        async with self.transaction() as session:
            used = update(Credential).where(*_valid(code, (CredentialKind.LOGIN_CODE,)))
            row = await session.scalar(used.values(revoked_at=datetime.now(UTC)).returning(Credential))
            if row is None:
                return None
            issued = await _issue(session, CredentialKind.SESSION, row.name, row.role, row.created_by, lifetime)
            audit(session, Actor(row.name, address), "log in", None, after=_shown(issued.stored))
            return issued

    async def revoke_credential(self, credential_id: str, *, actor: Actor) -> StoredCredential:
        """It is no longer good from now on. Raises NotFound."""
        async with self.transaction() as session:
            row = await session.get(Credential, credential_id) if _is_id(credential_id) else None
            if row is None:
                raise NotFound(f"there is no key {credential_id}", remedy="`sterna api-keys list` lists them")
            row.revoked_at = row.revoked_at or datetime.now(UTC)
            audit(session, actor, "revoke key", None, before=_shown(_read(row)))
            return _read(row)

    async def close_session(self, secret: str, *, address: str | None) -> None:
        """The session with this secret, where there is one, is no longer good."""
        async with self.transaction() as session:
            row = await session.scalar(select(Credential).where(*_valid(secret, (CredentialKind.SESSION,))))
            if row is not None:
                row.revoked_at = datetime.now(UTC)
                audit(session, Actor(row.name, address), "log out", None, before=_shown(_read(row)))

    async def list_keys(self) -> list[StoredCredential]:
        """All API keys, revoked ones too, oldest first."""
        query = select(Credential).where(Credential.kind == CredentialKind.KEY).order_by(Credential.created_at)
        async with self.transaction() as session:
            return [_read(row) for row in await session.scalars(query)]


async def _forget_those_that_are_over(session: AsyncSession) -> None:
    """Keys are kept: administrators want to see what they revoked."""
    over = or_(Credential.expires_at < datetime.now(UTC), Credential.revoked_at.is_not(None))
    await session.execute(delete(Credential).where(Credential.kind != CredentialKind.KEY, over))


async def _issue(
    session: AsyncSession, kind: CredentialKind, name: str, role: str, by: str, lifetime: timedelta | None
) -> IssuedCredential:
    secret = new_secret()
    now = datetime.now(UTC)
    row = Credential(
        credential_id=str(uuid.uuid4()),
        kind=kind,
        name=name,
        role=role,
        secret_hash=hash_of(secret),
        created_at=now,
        created_by=by,
        expires_at=None if lifetime is None else now + lifetime,
    )
    session.add(row)
    await session.flush()
    return IssuedCredential(_read(row), secret)


_WORDS = {CredentialKind.KEY: "key", CredentialKind.LOGIN_CODE: "login code", CredentialKind.SESSION: "session"}


def _shown(stored: StoredCredential) -> dict[str, str | None]:
    """For the audit trail."""
    until = stored.expires_at
    shown = {"id": stored.credential_id, "name": stored.name, "role": stored.role}
    return {**shown, "expiresAt": None if until is None else until.isoformat()}


def _is_id(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True


def _valid(secret: str, kinds: tuple[CredentialKind, ...]) -> tuple[ColumnElement[bool], ...]:
    return (
        Credential.secret_hash == hash_of(secret),
        Credential.kind.in_(kinds),
        Credential.revoked_at.is_(None),
        or_(Credential.expires_at.is_(None), Credential.expires_at > datetime.now(UTC)),
    )


def _read(row: Credential) -> StoredCredential:
    return StoredCredential(
        credential_id=row.credential_id,
        kind=CredentialKind(row.kind),
        name=row.name,
        role=row.role,
        created_at=row.created_at,
        created_by=row.created_by,
        expires_at=row.expires_at,
        last_used_at=row.last_used_at,
        revoked_at=row.revoked_at,
    )
