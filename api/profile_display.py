"""Shows a profile: a table with a bar for each part on a terminal, plain lines elsewhere."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console, Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from api.job_profile import Profile
from api.progress_text import format_rate, format_rows

BAR_WIDTH = 24
SMALLEST_SHARE = 0.001
"""Parts below it are not shown to people."""
SMALLEST_PLACE = 0.005
"""It rounds to one in a hundred."""


def show_profile(console: Console, title: str, profile: Profile, unmeasured: int = 0) -> None:
    """For people."""
    if console.is_terminal:
        console.print(render(title, profile, unmeasured))
        return
    for line in profile_lines(title, profile, unmeasured):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def profile_lines(title: str, profile: Profile, unmeasured: int = 0) -> Iterator[str]:
    """The profile as text: a line for each stage and, below it, one for each part."""
    yield _heading(title, profile)
    for stage in profile.stages:
        yield f"{stage.stage}: {_numbers(stage.seconds, stage.share, stage.micros_per_row)}"
        for part in stage.parts:
            if part.share >= SMALLEST_SHARE:
                yield f"  {part.meaning}: {_numbers(part.seconds, part.share, part.micros_per_row)}"
    yield from _ending(profile, unmeasured)


def render(title: str, profile: Profile, unmeasured: int = 0) -> RenderableType:
    """The profile as a drawing."""
    grid = Table(box=None, pad_edge=False)
    grid.add_column("stage", no_wrap=True)
    grid.add_column("what its time went to", no_wrap=True, overflow="ellipsis")
    grid.add_column("seconds", justify="right", no_wrap=True)
    grid.add_column("share", justify="right", no_wrap=True)
    grid.add_column("", width=BAR_WIDTH)
    grid.add_column("µs/row", justify="right", no_wrap=True)
    for stage in profile.stages:
        grid.add_row(
            stage.stage,
            "",
            f"{stage.seconds:.2f}",
            f"{stage.share:.1%}",
            "",
            f"{stage.micros_per_row:.2f}",
            style="bold",
        )
        for part in stage.parts:
            if part.share >= SMALLEST_SHARE:
                bar = ProgressBar(total=1.0, completed=part.share, width=BAR_WIDTH)
                numbers = f"{part.seconds:.2f}", f"{part.share:.1%}"
                grid.add_row("", part.meaning, *numbers, bar, f"{part.micros_per_row:.2f}")
    ending = [Text(line) for line in _ending(profile, unmeasured)]
    return Group(Text(_heading(title, profile), style="bold"), grid, *ending)


def _heading(title: str, profile: Profile) -> str:
    rate = format_rate(profile.rows_per_second)
    facts = [format_rows(profile.rows), f"{profile.wall_seconds:.1f} s by the clock", rate]
    return f"{title}: {', '.join(fact for fact in facts if fact)}"


def _numbers(seconds: float, share: float, micros_per_row: float) -> str:
    return f"{seconds:.3f} s, {share:.1%}, {micros_per_row:.2f} µs per row"


def _ending(profile: Profile, unmeasured: int) -> Iterator[str]:
    if profile.stages:
        yield "Seconds are summed over batches, which run side by side."
        shares = {place: seconds / profile.seconds for place, seconds in profile.places.items()}
        shown = (f"{place} {share:.0%}" for place, share in shares.items() if share >= SMALLEST_PLACE)
        yield f"In all: {', '.join(shown)}."
    yield profile.bound
    if unmeasured:
        yield f"Nothing is known of {unmeasured} more table{'' if unmeasured == 1 else 's'} (sterna profile --json)."
