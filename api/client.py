"""The REST API from the outside: what the command line and the demo talk to it with."""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Iterator
from types import TracebackType
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

import httpx
from pydantic import BaseModel, ValidationError

from api.client_key import find_key
from api.job_profile import JobProfile
from core.progress import JobProgress

M = TypeVar("M", bound=BaseModel)

AUDIT_PAGE = 1000
TIMEOUT_SECONDS = 30.0
PLAN_SECONDS = 600.0
SCAN_SECONDS = 3700.0
POLL_SECONDS = 1.0
OUTAGE_SECONDS = 60.0
LOOPBACK = ("127.0.0.1", "::1", "localhost")


class ApiUnreachable(Exception):
    """Nobody answers at the address, or what answers is not Sterna."""


class ApiProblem(Exception):
    """The API refused, with a problem document (RFC 9457)."""

    def __init__(self, status: int, document: dict[str, Any]) -> None:
        super().__init__(document.get("detail") or document.get("title") or f"HTTP status {status}")
        self.status = status
        self.document = document

    def lines(self) -> list[str]:
        """For people: what is wrong, then one line for each wrong field with its remedy, or the one remedy."""
        errors = self.document.get("errors") or []
        remedy = self.document.get("remedy")
        lines = [str(self)]
        for error in errors:
            line = f"  {error.get('field') or 'request'}: {error.get('message', '')}"
            lines.append(f"{line}. {error['remedy']}" if error.get("remedy") else line)
        return lines if errors or not remedy else [*lines, f"  {remedy}"]


class JobNotFound(Exception):
    """No job, or more than one, is meant by what the operator wrote."""


class ApiClient:
    """One connection to one API. Every method raises ApiUnreachable and ApiProblem."""

    def __init__(self, address: str, key: str | None = None) -> None:
        """`key` is an API key; None: the one that `api.client_key` finds."""
        self.address = address.rstrip("/")
        loopback = urlsplit(self.address).hostname in LOOPBACK
        key = key or find_key(self.address)
        # By OpenSSL's own trust: the system's authorities, or those of SSL_CERT_FILE.
        trusting = ssl.create_default_context() if self.address.startswith("https:") else True
        self._http = httpx.Client(
            base_url=self.address,
            timeout=TIMEOUT_SECONDS,
            trust_env=not loopback,
            verify=trusting,
            headers={"Authorization": f"Bearer {key}"} if key else {},
        )

    def __enter__(self) -> ApiClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def submit(self, spec: dict[str, Any], idempotency_key: str | None = None) -> dict[str, Any]:
        """Saves a job and starts it (saves only, where the spec says draft); the job as stored."""
        headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
        return self._object("POST", "/api/jobs", json=spec, headers=headers)

    def plan(self, spec: dict[str, Any], *, scan: bool = False) -> dict[str, Any]:
        """The dry run of a job."""
        parameters, longest = ({"scan": "true"}, SCAN_SECONDS) if scan else (None, PLAN_SECONDS)
        return self._object("POST", "/api/jobs/plan", json=spec, params=parameters, timeout=longest)

    def jobs(self, *, status: str | None = None, name: str | None = None) -> Iterator[dict[str, Any]]:
        """All jobs, newest first, page by page."""
        parameters = {key: value for key, value in {"status": status, "name": name}.items() if value}
        while True:
            page = self._object("GET", "/api/jobs", params=parameters)
            yield from page["jobs"]
            if not page.get("nextCursor"):
                return
            parameters["cursor"] = page["nextCursor"]

    def find_job(self, meant: str) -> dict[str, Any]:
        """The job with this id, a unique beginning of an id, or this name. Raises JobNotFound."""
        found = [job for job in self.jobs() if job["jobId"].startswith(meant.lower()) or job["name"] == meant]
        exact = [job for job in found if job["jobId"] == meant.lower()]
        if exact or len(found) == 1:
            return (exact or found)[0]
        if not found:
            raise JobNotFound(f"no job has the id or name '{meant}'. `sterna jobs` lists them")
        listed = ", ".join(f"{job['jobId'][:8]} ({job['name']}, {job['status']})" for job in found[:5])
        raise JobNotFound(f"'{meant}' may be any of {len(found)} jobs: {listed}. Write more of the id")

    def job(self, job_id: str) -> dict[str, Any]:
        """One job in full."""
        return self._object("GET", f"/api/jobs/{job_id}")

    def progress(self, job_id: str) -> JobProgress:
        """Where a job is now."""
        return self._parse(JobProgress, self._request("GET", f"/api/jobs/{job_id}/progress").text)

    def profile(self, job_id: str) -> JobProfile:
        """Where a job's time went."""
        return self._parse(JobProfile, self._request("GET", f"/api/jobs/{job_id}/profile").text)

    def control(self, job_id: str, action: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """`start`, `approve`, `pause`, `resume`, `cancel` or `retry`."""
        return self._object("POST", f"/api/jobs/{job_id}/{quote(action)}", json=body or {})

    def set_limits(self, job_id: str, limits: dict[str, Any]) -> dict[str, Any]:
        """Changes the limits that are named."""
        return self._object("PATCH", f"/api/jobs/{job_id}/limits", json=limits)

    def schedule(self, job_id: str) -> dict[str, Any]:
        """A job's schedule."""
        return self._object("GET", f"/api/jobs/{job_id}/schedule")

    def schedules(self) -> list[dict[str, Any]]:
        """The schedules of all jobs."""
        listed: list[dict[str, Any]] = self._object("GET", "/api/schedules")["schedules"]
        return listed

    def put_schedule(self, job_id: str, request: dict[str, Any]) -> dict[str, Any]:
        """Gives a job a schedule, in place of the one that it has."""
        return self._object("PUT", f"/api/jobs/{job_id}/schedule", json=request)

    def delete_schedule(self, job_id: str) -> None:
        """Takes a job's schedule away."""
        self._request("DELETE", f"/api/jobs/{job_id}/schedule")

    def tell_schedule(self, job_id: str, action: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """`pause`, `resume` or `trigger`."""
        return self._object("POST", f"/api/jobs/{job_id}/schedule/{quote(action)}", json=body or {})

    def certificate(self, job_id: str) -> str:
        """The proof of the newest run, as JSON text."""
        return self._request("GET", f"/api/jobs/{job_id}/certificate").text

    def rejects(self, job_id: str, table: str | None, limit: int, run: int | None = None) -> dict[str, Any]:
        """Rows that were refused, and how many there are."""
        parameters = {"limit": str(limit), **({"table": table} if table else {}), **({"run": str(run)} if run else {})}
        return self._object("GET", f"/api/jobs/{job_id}/rejects", params=parameters)

    def replay(self, job_id: str, tables: list[str], run: int | None = None) -> dict[str, Any]:
        """Begins to load rejects again."""
        request = {"tables": tables, **({"run": run} if run else {})}
        return self._object("POST", f"/api/jobs/{job_id}/rejects/replay", json=request)

    def last_replay(self, job_id: str) -> dict[str, Any]:
        """How that stands."""
        return self._object("GET", f"/api/jobs/{job_id}/rejects/replay")

    def create_key(self, request: dict[str, Any]) -> dict[str, Any]:
        """Makes an API key; its `secret` is told this once."""
        return self._object("POST", "/api/keys", json=request)

    def keys(self) -> list[dict[str, Any]]:
        """All API keys, without their secrets."""
        found: list[dict[str, Any]] = self._request("GET", "/api/keys").json()
        return found

    def revoke_key(self, key_id: str) -> dict[str, Any]:
        """A key is no longer good."""
        return self._object("DELETE", f"/api/keys/{quote(key_id)}")

    def login_link(self, name: str, role: str) -> str:
        """An address that logs a browser in, once."""
        made = self._object("POST", "/api/login-codes", json={"name": name, "role": role})
        return f"{self.address}/login#{made['code']}"

    def audit_events(self, wanted: dict[str, str], limit: int) -> Iterator[dict[str, Any]]:
        """The newest events that match, newest first."""
        parameters = {**wanted, "limit": str(min(limit, AUDIT_PAGE))}
        while limit > 0:
            page = self._object("GET", "/api/audit", params=parameters)
            yield from page["events"][:limit]
            limit -= len(page["events"])
            if not page.get("nextCursor"):
                return
            parameters["cursor"] = page["nextCursor"]

    def export_audit(self, wanted: dict[str, str], form: str) -> Iterator[str]:
        """All events that match, oldest first, as text in pieces of any length."""
        try:
            with self._http.stream("GET", "/api/audit/export", params={**wanted, "format": form}) as response:
                if not response.is_success:
                    response.read()
                    raise _problem(response)
                yield from response.iter_text()
        except httpx.TransportError as error:
            raise ApiUnreachable(f"{self.address} did not end its answer ({error})") from error

    def connectors(self) -> list[dict[str, Any]]:
        """Connector types with capabilities and option schemas."""
        answer = self._request("GET", "/api/connectors").json()
        listed: list[dict[str, Any]] = answer if isinstance(answer, list) else answer["connectors"]
        return listed

    def queues(self) -> dict[str, Any]:
        """What waits in each stage's queue, with advice."""
        return self._object("GET", "/api/queues")

    def watch(self, job_id: str) -> Iterator[JobProgress]:
        """Each newer state, the last one final. Outlives an API that is away for a minute."""
        reached = time.monotonic()
        while True:
            try:
                for progress in self._events(job_id):
                    reached = time.monotonic()
                    yield progress
                progress = self.progress(job_id)
                reached = time.monotonic()
                yield progress
                if progress.status.final:
                    return
            except ApiUnreachable:
                if time.monotonic() - reached > OUTAGE_SECONDS:
                    raise
            time.sleep(POLL_SECONDS)

    def _events(self, job_id: str) -> Iterator[JobProgress]:
        """Progress from the event stream until it ends, however it ends; none where the API has no such stream."""
        try:
            with self._http.stream("GET", f"/api/jobs/{job_id}/events") as response:
                if not response.is_success:
                    return
                for data in server_sent_data(response.iter_lines()):
                    yield self._parse(JobProgress, data)
        except httpx.TransportError:
            return

    def _parse(self, model: type[M], text: str) -> M:
        try:
            return model.model_validate_json(text)
        except ValidationError as error:
            raise ApiUnreachable(f"{self.address} does not speak this version of Sterna: {error}") from error

    def _object(self, method: str, path: str, **arguments: Any) -> dict[str, Any]:
        response = self._request(method, path, **arguments)
        value = response.json() if response.content else {}
        return value if isinstance(value, dict) else {"value": value}

    def _request(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        try:
            response = self._http.request(method, path, **arguments)
        except httpx.TransportError as error:
            raise ApiUnreachable(
                f"no answer from {self.address} ({error}). Start Sterna with `sterna up`, or say where it is with "
                "--api or STERNA_API"
            ) from error
        if response.is_success:
            return response
        raise _problem(response)


def _problem(response: httpx.Response) -> ApiProblem:
    try:
        document = response.json()
    except json.JSONDecodeError:
        document = None
    return ApiProblem(response.status_code, document if isinstance(document, dict) else {})


def server_sent_data(lines: Iterator[str]) -> Iterator[str]:
    """Data of each `progress` and `done` event of a stream of lines (WHATWG HTML, section 9.2)."""
    event, data = "", []
    for line in lines:
        field, _, value = line.partition(":")
        if field == "event":
            event = value.strip()
        elif field == "data":
            data.append(value.removeprefix(" "))
        elif not line:
            if event in ("progress", "done") and data:
                yield "\n".join(data)
            event, data = "", []
