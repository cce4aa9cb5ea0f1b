"""Judges requests before anything parses them for good: size, depth, and characters that nobody can keep."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from http import HTTPStatus
from urllib.parse import parse_qsl

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.field_errors import FieldError, Location, join_path
from api.problems import Problem, invalid_fields, render

DEEPEST = 32
MOST_WRONG = 20
LONGEST_QUERY = 8192
NUL = b"%00"


class RequestLimits:
    """ASGI middleware. A body is read whole, up to its limit, so that nobody behind it meets a longer one."""

    def __init__(self, app: ASGIApp, most_bytes: int) -> None:
        self._app = app
        self._most_bytes = most_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers with a problem document, or passes the request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            _check_address(scope)
            messages = await self._read(scope, receive)
        except Problem as problem:
            await render(problem)(scope, receive, send)
            return

        async def replay() -> Message:
            return messages.pop(0) if messages else await receive()

        await self._app(scope, replay, send)

    async def _read(self, scope: Scope, receive: Receive) -> list[Message]:
        """One message with the whole body; raises Problem."""
        headers = dict(scope["headers"])
        if int(headers.get(b"content-length", b"0")) > self._most_bytes:
            raise self._too_large()
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] != "http.request":
                return [{"type": "http.request", "body": bytes(body), "more_body": True}, message]
            body += message.get("body", b"")
            if len(body) > self._most_bytes:
                raise self._too_large()
            if not message.get("more_body", False):
                break
        if b"json" in headers.get(b"content-type", b"").lower():
            check_json(bytes(body))
        return [{"type": "http.request", "body": bytes(body), "more_body": False}]

    def _too_large(self) -> Problem:
        return Problem(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            "too-large",
            f"the body is larger than {self._most_bytes:,} bytes",
            remedy="Name tables by pattern, split the job, or raise STERNA_MAX_BODY_BYTES of the API",
        )


def check_json(body: bytes) -> None:
    """Raises Problem (422) for what is nested too deeply, for numbers that are none, and for characters that neither
    PostgreSQL nor Temporal keeps: NUL and halves of surrogate pairs. What is no JSON is left to its reader."""
    try:
        value = json.loads(body)
    except RecursionError:
        raise _too_deep(()) from None
    except ValueError:
        return
    wrong = []
    for location, leaf in _leaves(value):
        if isinstance(leaf, float) and not math.isfinite(leaf):
            wrong.append(
                FieldError(field=join_path("", location), message="is not a finite number", remedy="Write a number")
            )
        elif isinstance(leaf, str) and not is_storable(leaf):
            wrong.append(
                FieldError(
                    field=join_path("", location),
                    message="holds a NUL character or half a surrogate pair",
                    remedy="Remove the character",
                )
            )
        if len(wrong) == MOST_WRONG:
            break
    if wrong:
        raise invalid_fields(wrong)


def is_storable(text: str) -> bool:
    """Databases, Temporal and files can hold the text."""
    return "\x00" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def _leaves(value: object) -> Iterator[tuple[Location, object]]:
    """Every value that holds no others, and every name; without recursion. Raises Problem."""
    left: list[tuple[Location, object]] = [((), value)]
    while left:
        location, found = left.pop()
        if len(location) > DEEPEST:
            raise _too_deep(location[:3])
        if isinstance(found, dict):
            for name, below in found.items():
                yield location, name
                left.append(((*location, name) if is_storable(name) else location, below))
        elif isinstance(found, list):
            left += [((*location, number), below) for number, below in enumerate(found)]
        else:
            yield location, found


def _too_deep(location: Location) -> Problem:
    message = f"is nested more than {DEEPEST} deep"
    return invalid_fields([FieldError(field=join_path("", location), message=message, remedy="Write it flatter")])


def _check_address(scope: Scope) -> None:
    if len(scope["query_string"]) > LONGEST_QUERY:
        raise Problem(
            HTTPStatus.REQUEST_URI_TOO_LONG, "too-long", f"the query is longer than {LONGEST_QUERY:,} characters"
        )
    fields = [name for name, value in parse_qsl(scope["query_string"].decode("latin-1")) if "\x00" in name + value]
    if fields or NUL in scope.get("raw_path", b""):
        field = fields[0].replace("\x00", "") if fields else ""
        message = "holds a NUL character"
        raise invalid_fields([FieldError(field=field, message=message, remedy="Remove %00 from the address")])
