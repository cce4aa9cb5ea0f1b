from __future__ import annotations

from core.read_pressure import ReadPressure
from workflows.governor import Governor

MB = 1_000_000
LIMIT = 8


def after(*seconds: float, size: int = MB, state: ReadPressure | None = None) -> tuple[int, ReadPressure]:
    """Extracts at once after extracts that took so long."""
    state = state or ReadPressure()
    governor = Governor(state)
    for taken in seconds:
        governor.observe(taken, size, LIMIT)
    return governor.allowed(LIMIT), state


def test_a_source_that_answers_as_ever_is_read_as_fast_as_allowed() -> None:
    allowed, state = after(*([1.0, 1.4, 2.5, 0.8] * 20))
    assert (allowed, state.in_words()) == (LIMIT, "")


def test_several_slow_answers_in_a_row_halve_what_is_read_at_once_and_say_so() -> None:
    allowed, state = after(1, 1, 1, 5, 5)
    assert (allowed, state.in_words()) == (8, "")
    allowed, state = after(5, state=state)
    assert (allowed, state.in_words()) == (4, "reading slower: the source answers 5 × slower than at the start")
    assert after(*[5.0] * 30, state=state)[0] == 1


def test_slow_answers_that_are_not_in_a_row_change_nothing() -> None:
    assert after(1, 1, 1, *([9, 9, 1] * 10))[0] == LIMIT


def test_one_lucky_answer_does_not_make_the_others_look_slow() -> None:
    assert after(1, 1, 0.01, 1, 1, 1, 1, 1, 1)[0] == LIMIT


def test_recovery_goes_step_by_step_until_nothing_is_held_back() -> None:
    allowed, state = after(1, 1, 1, 5, 5, 5, 5, 5, 5)
    assert allowed == 2
    allowed, _ = after(1, 1, 1, state=state)
    assert allowed == 3
    allowed, _ = after(*[1.0] * 15, state=state)
    assert (allowed, state.in_words()) == (8, "")


def test_a_lower_limit_counts_too() -> None:
    _, state = after(1, 1, 1, 5, 5, 5)
    assert [Governor(state).allowed(limit) for limit in (8, 3)] == [4, 3]


def test_short_waits_and_small_batches_are_not_judged_by_their_size() -> None:
    assert after(0.01, 0.01, 0.01, 0.4, 0.4, 0.4)[0] == LIMIT
    _, state = after(1, 1, 1, size=MB)
    assert after(1, 1, 1, size=1000, state=state)[0] == LIMIT


def test_what_was_seen_survives_the_next_execution() -> None:
    _, state = after(1, 1, 1, 5, 5)
    carried = ReadPressure.model_validate_json(state.model_dump_json())
    assert after(5, state=carried)[0] == 4
