"""What routes are given. `api.app` puts the parts into the application's state, once per process."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from temporalio.client import Client

from api.auth import principal_of
from api.job_control import JobControl
from api.job_progress import ProgressReader
from api.job_rejects import JobRejects
from api.observer import Observer
from api.profile_reader import ProfileReader
from api.queues import QueueReader
from api.schedules import Schedules
from core.config_store.store import ConfigStore
from core.config_store.stored import Actor
from core.documents import DocumentStore
from core.encryption.field_cipher import FieldCipher
from core.meters import Meters
from core.settings import Settings


@dataclass(frozen=True)
class Parts:
    """The process's parts."""

    settings: Settings
    store: ConfigStore
    client: Client
    documents: DocumentStore
    control: JobControl
    progress: ProgressReader
    profiles: ProfileReader
    schedules: Schedules
    rejects: JobRejects
    queues: QueueReader
    observer: Observer
    meters: Meters
    fields: FieldCipher


def _parts(request: Request) -> Parts:
    parts = request.app.state.parts
    assert isinstance(parts, Parts)
    return parts


def _actor(request: Request) -> Actor:
    return Actor(principal_of(request).name, request.client.host if request.client else None)


GivenParts = Annotated[Parts, Depends(_parts)]
GivenActor = Annotated[Actor, Depends(_actor)]
