"""Schedules of jobs: Temporal keeps them, the config store keeps what became of their times."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleDescription,
    ScheduleHandle,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
    ScheduleState,
    ScheduleUpdate,
)
from temporalio.common import SearchAttributePair, TypedSearchAttributes
from temporalio.service import RPCError, RPCStatusCode

from api.schemas import ScheduleView
from core.config_store.store import ConfigStore
from core.config_store.stored import Actor
from core.duration import duration_seconds
from core.errors import InvalidConfiguration, NotFound
from core.job_start import RPC_TIMEOUT
from core.schedule import ScheduledStartInput, ScheduleRequest
from core.search_attributes import JOB_ID
from core.temporal_client import schedule_id, schedule_prefix, task_queue

NEXT_TIMES = 5
LOOK_TIMEOUT = timedelta(seconds=1)
"""Where the schedule is shown beside other things, they do not wait longer for it."""


class Schedules:
    """Schedules by job. Every method raises NotFound for an unknown job, and RPCError where Temporal is away."""

    def __init__(self, store: ConfigStore, client: Client, task_queue_prefix: str) -> None:
        self._store = store
        self._client = client
        self._queue = task_queue(task_queue_prefix, "control")

    async def put(self, job_id: str, request: ScheduleRequest, actor: Actor) -> ScheduleView:
        """Gives the job this schedule, in place of the one that it has. Raises InvalidConfiguration."""
        job = await self._store.get_summary(job_id)
        schedule = self._schedule(job.job_id, request)
        before, after = await self._standing(job.job_id), _shown(request)
        async with self._store.recorded(job.job_id, "schedule", actor=actor, before=before, after=after):
            await self._write(job.job_id, schedule)
        return await self.get(job.job_id)

    async def _write(self, job_id: str, schedule: Schedule) -> None:
        with_id = TypedSearchAttributes([SearchAttributePair(JOB_ID, job_id)])
        try:
            try:
                await self._client.create_schedule(
                    schedule_id(job_id), schedule, search_attributes=with_id, rpc_timeout=RPC_TIMEOUT
                )
            except ScheduleAlreadyRunningError:
                await self._handle(job_id).update(lambda _: ScheduleUpdate(schedule), rpc_timeout=RPC_TIMEOUT)
        except RPCError as error:
            if error.status is not RPCStatusCode.INVALID_ARGUMENT:
                raise
            raise InvalidConfiguration(
                f"Temporal refuses the schedule: {error.message}", remedy="Correct 'cron', 'every' or 'timezone'"
            ) from error

    async def get(self, job_id: str, within: timedelta = RPC_TIMEOUT) -> ScheduleView:
        """The job's schedule, its next times, and what became of the last ones. Raises NotFound where it has none."""
        job = await self._store.get_summary(job_id)
        async with _none_is_not_found(job.job_id):
            found = await self._handle(job.job_id).describe(rpc_timeout=within)
        return await self._view(job.job_id, job.name, found)

    async def find(self, job_id: str) -> ScheduleView | None:
        """As `get`; None where there is none, or where Temporal is away."""
        try:
            return await self.get(job_id, LOOK_TIMEOUT)
        except (NotFound, RPCError):
            return None

    async def list(self) -> list[ScheduleView]:
        """The schedules of all jobs, by the job's name."""
        ids = [entry.id async for entry in await self._client.list_schedules(rpc_timeout=RPC_TIMEOUT)]
        jobs = [found.removeprefix(schedule_prefix()) for found in ids if found.startswith(schedule_prefix())]
        views = await asyncio.gather(*(self.find(job_id) for job_id in jobs))
        return sorted((view for view in views if view is not None), key=lambda view: (view.name, view.job_id))

    async def delete(self, job_id: str, actor: Actor) -> None:
        """Runs that were started go on."""
        job_id = await self._known(job_id)
        async with self._changing(job_id, "unschedule", actor):
            await self._handle(job_id).delete(rpc_timeout=RPC_TIMEOUT)

    async def forget(self, job_id: str) -> None:
        """Deletes the schedule of a job that is gone; none there is fine."""
        try:
            await self._handle(job_id).delete(rpc_timeout=RPC_TIMEOUT)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise

    async def pause(self, job_id: str, note: str | None, actor: Actor) -> ScheduleView:
        """Nothing starts by the schedule until it is resumed; a run that is active goes on."""
        job_id = await self._known(job_id)
        async with self._changing(job_id, "pause schedule", actor, {"note": note}):
            await self._handle(job_id).pause(note=note or "paused by an operator", rpc_timeout=RPC_TIMEOUT)
        return await self.get(job_id)

    async def resume(self, job_id: str, note: str | None, actor: Actor) -> ScheduleView:
        """Times that passed meanwhile are not made up for."""
        job_id = await self._known(job_id)
        async with self._changing(job_id, "resume schedule", actor, {"note": note}):
            await self._handle(job_id).unpause(note=note or "resumed by an operator", rpc_timeout=RPC_TIMEOUT)
        return await self.get(job_id)

    async def trigger(self, job_id: str, actor: Actor) -> ScheduleView:
        """One time more, now, under the same rules; also while it is paused."""
        job_id = await self._known(job_id)
        async with self._changing(job_id, "trigger schedule", actor):
            await self._handle(job_id).trigger(rpc_timeout=RPC_TIMEOUT)
        return await self.get(job_id)

    async def _known(self, job_id: str) -> str:
        """The id as it is stored."""
        return (await self._store.get_summary(job_id)).job_id

    def _handle(self, job_id: str) -> ScheduleHandle:
        return self._client.get_schedule_handle(schedule_id(job_id))

    @asynccontextmanager
    async def _changing(
        self, job_id: str, action: str, actor: Actor, after: dict[str, object] | None = None
    ) -> AsyncIterator[None]:
        """Around a change to a schedule that stands; one that is not there leaves no event."""
        before = await self._standing(job_id)
        if before is None:
            raise _no_schedule(job_id)
        recorded = self._store.recorded(job_id, action, actor=actor, before=before, after=after)
        async with recorded, _none_is_not_found(job_id):
            yield

    async def _standing(self, job_id: str) -> dict[str, object] | None:
        try:
            found = await self._handle(job_id).describe(rpc_timeout=RPC_TIMEOUT)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            return None
        return _shown(await self._request(found))

    async def _request(self, found: ScheduleDescription) -> ScheduleRequest:
        """The schedule as it would be asked for now."""
        action, state = found.schedule.action, found.schedule.state
        assert isinstance(action, ScheduleActionStartWorkflow)
        [given] = await self._client.data_converter.decode(list(action.args), [ScheduledStartInput])
        now = {"paused": state.paused, "note": state.note or None}
        request: ScheduleRequest = given.request.model_copy(update=now)
        return request

    def _schedule(self, job_id: str, request: ScheduleRequest) -> Schedule:
        """Whether a time is skipped is decided, and written down, in the config store; of times that wait for the end
        of a run Temporal lets one wait and counts the others."""
        waits = request.overlap == "wait"
        every = duration_seconds(request.every) if request.every is not None else None
        return Schedule(
            action=ScheduleActionStartWorkflow(
                "ScheduledStart",
                ScheduledStartInput(job_id=job_id, request=request),
                id=schedule_id(job_id),
                task_queue=self._queue,
                typed_search_attributes=TypedSearchAttributes([SearchAttributePair(JOB_ID, job_id)]),
            ),
            spec=ScheduleSpec(
                cron_expressions=[request.cron.strip()] if request.cron is not None else [],
                intervals=[ScheduleIntervalSpec(every=timedelta(seconds=every))] if every is not None else [],
                time_zone_name=request.timezone,
            ),
            policy=SchedulePolicy(
                overlap=ScheduleOverlapPolicy.SKIP if waits else ScheduleOverlapPolicy.ALLOW_ALL,
                catchup_window=timedelta(seconds=duration_seconds(request.catch_up) or 0),
            ),
            state=ScheduleState(note=request.note, paused=request.paused),
        )

    async def _view(self, job_id: str, name: str, found: ScheduleDescription) -> ScheduleView:
        request = await self._request(found)
        return ScheduleView(
            **request.model_dump(),
            job_id=job_id,
            name=name,
            next_times=[] if request.paused else list(found.info.next_action_times[:NEXT_TIMES]),
            skipped_while_one_waited=found.info.num_actions_skipped_overlap,
            missed=found.info.num_actions_missed_catchup_window,
            starts=await self._store.scheduled_starts(job_id),
        )


@asynccontextmanager
async def _none_is_not_found(job_id: str) -> AsyncIterator[None]:
    try:
        yield
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        raise _no_schedule(job_id) from error


def _no_schedule(job_id: str) -> NotFound:
    return NotFound(f"job {job_id} has no schedule", remedy="PUT …/schedule gives it one")


def _shown(request: ScheduleRequest) -> dict[str, object]:
    return request.model_dump(mode="json", by_alias=True)
