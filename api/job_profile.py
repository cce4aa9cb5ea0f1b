"""Where the time of a run went: the arithmetic, from what the tables' activities measured."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from pydantic import Field

from core.base_model import Model
from core.job_spec import JobOptions, JobStatus
from core.time_spent import HOPS, QUEUE, RETRIES, TimeSpent

STAGES = ("begin", "extract", "transform", "load", "finish", "validate")
IN_PARALLEL = ("extract", "transform", "load")
"""Stages that take several batches of one table at once, and overlap."""
MOVING = "moving the rows"
UNMEASURED = "unmeasured"
WORDS = {
    "source": "waiting for the source server",
    "digest": "the source server's digest of the rows",
    "count": "the source server's count of the rows",
    "destination": "waiting for the destination server",
    "differences": "looking for what differs",
    "staging": "reading and writing staging",
    "worker": "the workers' own work",
    QUEUE: "waiting for a worker to take it",
    HOPS: "Temporal and the workflow",
    RETRIES: "failed attempts and the waits after them",
    UNMEASURED: "measured as a whole only, by an earlier release",
}
PLACES = {
    "the source server": ("source", "digest", "count"),
    "the destination server": ("destination",),
    "staging": ("staging",),
    "the workers' own work": ("worker",),
    "waiting for a worker": (QUEUE,),
    "Temporal and the workflow": (HOPS,),
    "failed attempts": (RETRIES,),
    "looking for differences": ("differences",),
    "what was not measured": (UNMEASURED,),
}
"""Whose time the parts are."""
NOTICEABLE = 0.01
"""Share of a stage that may be missing from its parts by rounding."""


class PartTime(Model):
    """One part of a stage's time."""

    part: str = Field(examples=list(WORDS))
    meaning: str
    seconds: float
    """Summed over batches, which run side by side: more than the wall clock's."""
    share: float
    """Of all seconds, from 0 to 1."""
    micros_per_row: float


class StageTime(Model):
    """One stage."""

    stage: str = Field(examples=list(STAGES))
    seconds: float
    share: float
    micros_per_row: float
    parts: list[PartTime]
    """Longest first."""


class Profile(Model):
    """Where time went."""

    rows: int
    wall_seconds: float
    """By the clock on the wall, pauses included."""
    rows_per_second: float
    seconds: float
    """Summed over batches and stages."""
    stages: list[StageTime]
    """In the order in which rows pass them."""
    places: dict[str, float] = Field(examples=[dict.fromkeys(PLACES, 0.0)])
    """Seconds of all stages by whose time they are, longest first."""
    bound: str
    """Which part holds the run up, in words."""


class TableProfile(Profile):
    """Of one table."""

    table_id: str
    name: str


class JobProfile(Profile):
    """Of all tables of a job's newest run."""

    job_id: str
    run: int
    status: JobStatus
    tables: list[TableProfile]
    unmeasured: list[str]
    """Tables that nothing is known of: not begun, or ended without leaving evidence."""


@dataclass(frozen=True)
class TableTimes:
    """What is known of one table."""

    table_id: str
    name: str
    rows: int
    batches: int
    wall_seconds: float
    timings: TimeSpent = field(default_factory=dict)


def profile_tables(tables: Sequence[TableTimes], options: JobOptions) -> list[TableProfile]:
    """Each table by itself."""
    return [
        TableProfile(
            table_id=table.table_id,
            name=table.name,
            **_profile([table], options, table.wall_seconds),
        )
        for table in tables
    ]


def profile_job(
    job_id: str,
    run: int,
    status: JobStatus,
    options: JobOptions,
    wall_seconds: float,
    tables: Sequence[TableTimes],
    unmeasured: Iterable[str],
) -> JobProfile:
    """The job from its tables."""
    return JobProfile(
        job_id=job_id,
        run=run,
        status=status,
        tables=profile_tables(tables, options),
        unmeasured=list(unmeasured),
        **_profile(tables, options, wall_seconds),
    )


def _profile(tables: Sequence[TableTimes], options: JobOptions, wall_seconds: float) -> dict[str, object]:
    rows = sum(table.rows for table in tables)
    stages = stage_times(_sum(table.timings for table in tables), rows)
    return {
        "rows": rows,
        "wall_seconds": wall_seconds,
        "rows_per_second": rows / wall_seconds if wall_seconds > 0 else 0.0,
        "seconds": sum(stage.seconds for stage in stages),
        "stages": stages,
        "places": _places(stages),
        "bound": describe_bound(stages, _by_the_clock(tables, options), wall_seconds),
    }


def stage_times(timings: Mapping[str, float], rows: int) -> list[StageTime]:
    """Stages and their parts; what a stage does not account for is UNMEASURED."""
    parts = {stage: _parts(timings, stage) for stage in STAGES}
    total = sum(sum(found.values()) for found in parts.values())

    def facts(seconds: float) -> dict[str, float]:
        return {
            "seconds": seconds,
            "share": seconds / total if total else 0.0,
            "micros_per_row": seconds / rows * 1e6 if rows else 0.0,
        }

    return [
        StageTime(
            stage=stage,
            parts=[
                PartTime(part=part, meaning=WORDS.get(part, part), **facts(seconds))
                for part, seconds in sorted(found.items(), key=lambda item: -item[1])
            ],
            **facts(sum(found.values())),
        )
        for stage, found in parts.items()
        if found
    ]


def describe_bound(stages: Sequence[StageTime], clock: Mapping[str, float], wall_seconds: float) -> str:
    """The phase that took longest by the clock, and where its time went."""
    found = {stage.stage: stage for stage in stages if stage.seconds > 0}
    if not found:
        return "Nothing has been measured yet."
    longest = max((found[stage] for stage in IN_PARALLEL if stage in found), key=_seconds, default=None)
    phases = [phase for phase in clock if phase in found or (phase == MOVING and longest)]
    phase = max(phases, key=clock.__getitem__)
    inside = _moving_in_words(longest) if phase == MOVING and longest else _place_in_words(found[phase], "it")
    whole = max(wall_seconds, sum(clock.values()))
    outside = whole - sum(clock.values())
    name = phase.capitalize()
    if outside > clock[phase]:
        return (
            f"{outside / whole:.0%} of the clock's time passed outside the tables (connecting, catalogs, snapshot, "
            f"certificate, pauses). {name} took most of the rest: {inside}."
        )
    return f"{name} bounds the run: it took {clock[phase] / whole:.0%} of the clock's time, {inside}."


def _moving_in_words(longest: StageTime) -> str:
    return f"{longest.stage} is its busiest stage, and {_place_in_words(longest, 'that')}"


def _place_in_words(stage: StageTime, called: str) -> str:
    place, seconds = next(iter(_places([stage]).items()))
    return f"{seconds / stage.seconds:.0%} of {called} went to {place}"


def _seconds(stage: StageTime) -> float:
    return stage.seconds


def _by_the_clock(tables: Sequence[TableTimes], options: JobOptions) -> dict[str, float]:
    """How long each phase must have lasted, as if tables that may run side by side had done so all the time.

    Stages that move rows overlap: together they took what the others left of the table's time.
    """
    side_by_side = max(1, min(options.parallel_tables, len(tables)))
    clock = dict.fromkeys(("begin", MOVING, "finish", "validate"), 0.0)
    for table in tables:
        seconds = {stage: sum(_parts(table.timings, stage).values()) for stage in STAGES}
        alone = {stage: seconds[stage] for stage in STAGES if stage not in IN_PARALLEL}
        batches = max(1, min(options.parallel_batches, table.batches))
        moving = max(table.wall_seconds - sum(alone.values()), *(seconds[stage] / batches for stage in IN_PARALLEL))
        for phase, took in {**alone, MOVING: moving}.items():
            clock[phase] += took / side_by_side
    return clock


def _places(stages: Sequence[StageTime]) -> dict[str, float]:
    seconds = {
        place: sum(part.seconds for stage in stages for part in stage.parts if part.part in names)
        for place, names in PLACES.items()
    }
    return {place: spent for place, spent in sorted(seconds.items(), key=lambda item: -item[1]) if spent > 0}


def _parts(timings: Mapping[str, float], stage: str) -> dict[str, float]:
    """Parts of a stage by name, without those that took nothing."""
    parts = {key.removeprefix(f"{stage}."): seconds for key, seconds in timings.items() if key.startswith(f"{stage}.")}
    inside = sum(seconds for part, seconds in parts.items() if part not in (QUEUE, RETRIES, HOPS))
    missing = timings.get(stage, 0.0) - inside
    if missing > NOTICEABLE * timings.get(stage, 0.0):
        parts[UNMEASURED] = missing
    return {part: seconds for part, seconds in parts.items() if seconds > 0}


def _sum(several: Iterable[TimeSpent]) -> TimeSpent:
    total: TimeSpent = {}
    for timings in several:
        for key, seconds in timings.items():
            total[key] = total.get(key, 0.0) + seconds
    return total
