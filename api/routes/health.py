"""For load balancers and orchestrators: is the process alive, can it do its work."""

from __future__ import annotations

from datetime import timedelta

from fastapi import APIRouter, Response, status
from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.client import Client
from temporalio.service import RPCError

from api.dependencies import GivenParts
from api.schemas import Health
from core import search_attributes
from core.config_store.store import ConfigStore
from core.errors import Unavailable

RPC_TIMEOUT = timedelta(seconds=3)
OK = "ok"

router = APIRouter(tags=["health"])


@router.get("/healthz")
async def is_alive() -> Health:
    """The process answers."""
    return Health(status=OK)


@router.get("/readyz", responses={503: {"model": Health}})
async def is_ready(parts: GivenParts, response: Response) -> Health:
    """Config store and Temporal answer and have what jobs need."""
    found = {"configStore": await _config_store(parts.store), "temporal": await _temporal(parts.client)}
    if all(state == OK for state in found.values()):
        return Health(status=OK, parts=found)
    response.status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    return Health(status="not ready", parts=found)


async def _config_store(store: ConfigStore) -> str:
    try:
        await store.check()
    except Unavailable as error:
        return str(error)
    return OK


async def _temporal(client: Client) -> str:
    request = ListSearchAttributesRequest(namespace=client.namespace)
    try:
        known = await client.operator_service.list_search_attributes(request, timeout=RPC_TIMEOUT)
    except RPCError as error:
        return f"Temporal does not answer: {error.message}"
    missing = [key.name for key in search_attributes.ALL if key.name not in known.custom_attributes]
    if not missing:
        return OK
    return f"the namespace lacks search attributes of type Keyword: {', '.join(missing)}"
