"""Metrics of this process and of the installation, for Prometheus."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Response

from api.dependencies import GivenParts
from core.meters import CONTENT_TYPE

router = APIRouter(tags=["health"])


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
async def show_metrics(parts: GivenParts) -> Response:
    """Metrics of this process, jobs and queues of the installation, in Prometheus's text format."""
    await parts.observer.look()
    return Response(await asyncio.to_thread(parts.meters.text), media_type=CONTENT_TYPE)
