"""What activities are given, built once for each process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from temporalio.client import Client

from activities.resources.connections import Connections
from activities.resources.routes import Routes
from activities.resources.secrets import Secrets, read_environment, read_file, with_other_stores
from activities.resources.session_budget import SessionBudget
from activities.resources.staging import LocalStaging
from activities.resources.vault import Vault
from core.documents import DocumentStore
from core.encryption.data_keys import DataKeys
from core.encryption.field_cipher import FieldCipher
from core.encryption.key_ring import KeyRing
from core.meters import Meters
from core.reach import Reach
from core.redaction import ResolvedSecrets
from core.settings import Settings
from core.temporal_client import Stage

Activity = Callable[..., Any]


@dataclass(frozen=True)
class Parts:
    """Shared by all stages of one process."""

    client: Client
    settings: Settings
    documents: DocumentStore
    connections: Connections
    routes: Routes
    meters: Meters
    sessions: SessionBudget
    staging: LocalStaging
    fields: FieldCipher
    vault: Vault
    secrets: Secrets

    @classmethod
    def build(
        cls,
        client: Client,
        settings: Settings,
        meters: Meters,
        keys: KeyRing,
        resolved: ResolvedSecrets | None = None,
    ) -> Parts:
        """All parts of one process."""
        fields = FieldCipher(keys)
        data_keys = DataKeys(settings.documents, fields)
        documents = DocumentStore(settings.documents, data_keys)
        staging = LocalStaging(settings.staging, data_keys if settings.encrypt_staging else None)
        vault = Vault()
        secrets = known_secrets(vault, resolved)
        sessions = SessionBudget(settings.leases, settings.max_connections)
        connections = Connections(secrets, sessions, Reach.of(settings))
        routes = Routes(documents)
        return cls(client, settings, documents, connections, routes, meters, sessions, staging, fields, vault, secrets)


def known_secrets(vault: Vault, resolved: ResolvedSecrets | None = None) -> Secrets:
    """Every scheme of secret references that a worker resolves. The caller closes `vault`."""
    return Secrets(with_other_stores({"env": read_environment, "file": read_file, "vault": vault.read}), resolved)


@dataclass(frozen=True)
class Service:
    """What one task queue of a process serves."""

    queue: Stage
    """Without the prefix."""
    activities: list[Activity]
    slots: int
    """Activities at once."""
    workflows: tuple[type, ...] = ()
    heartbeat_throttle: timedelta = timedelta(seconds=2)
    """Pause and cancel travel on the answers to heartbeats, so they must not be held back for long."""
