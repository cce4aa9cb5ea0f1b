"""The number of batches that one activity takes follows the measured rate."""

from __future__ import annotations

import pytest

from workflows.span_size import batches_to_take


@pytest.mark.parametrize(
    ("planned", "left", "seconds_per_batch", "taken"),
    [
        (4, 1000, 0.0, 4),  # nothing measured yet
        (4, 3, 0.0, 3),
        (4, 1000, 0.3, 10),  # fast: more at once
        (3, 1000, 0.001, 12),  # but no more than lies in staging well
        (10, 1000, 0.001, 16),  # and no more than an activity's input names
        (4, 1000, 2.0, 1),  # slow: little at once
        (4, 1000, 60.0, 1),
        (4, 40, 0.3, 5),  # near the end all of four stay busy
        (4, 20, 0.3, 4),
        (4, 2, 0.3, 2),
    ],
)
def test_an_activity_takes_what_it_moves_in_a_few_seconds(
    planned: int, left: int, seconds_per_batch: float, taken: int
) -> None:
    assert batches_to_take(planned, left, 4, seconds_per_batch) == taken
