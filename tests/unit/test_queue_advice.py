from __future__ import annotations

from api.queue_advice import advise
from api.queue_models import QueueView, QueueWorker


def queue(
    stage: str, *, waits: int = 0, age: float = 0.0, workers: list[tuple[int | None, int]] | None = None
) -> QueueView:
    served = [(4, 0)] if workers is None else workers
    return QueueView.model_validate(
        {
            "name": f"sterna-{stage}",
            "stage": stage,
            "kind": "activities",
            "backlog": waits,
            "backlogAgeSeconds": age,
            "addedPerSecond": 1.0,
            "takenPerSecond": 1.0,
            "workers": [
                QueueWorker(identity=str(n), slots=slots, slots_used=used) for n, (slots, used) in enumerate(served)
            ],
        }
    )


def said(*queues: QueueView) -> list[str]:
    return [f"{advice.level}: {advice.text}" for advice in advise(queues)]


def test_nothing_is_said_where_all_stages_are_served_and_none_is_held_up() -> None:
    assert said(queue("control"), queue("extract", waits=3, age=1.5, workers=[(4, 4)]), queue("load")) == []


def test_work_that_nobody_takes_is_critical_and_names_the_command() -> None:
    assert said(queue("extract"), queue("transform", waits=12, age=40, workers=[])) == [
        "critical: no worker serves sterna-transform, and 12 tasks wait, the oldest for 40 s: "
        "start one with `sterna worker --stages transform`"
    ]


def test_a_stage_without_workers_is_a_note_while_nothing_waits_there() -> None:
    [text] = said(queue("validate", workers=[]))
    assert text.startswith("note: no worker serves sterna-validate. Nothing waits there now")


def test_without_control_workers_no_job_goes_on_even_if_nothing_waits_yet() -> None:
    [text] = said(queue("control", workers=[]))
    assert text.startswith("critical:")
    assert "sterna worker --stages control" in text


def test_keepers_of_snapshots_are_served_by_control_workers() -> None:
    [text] = said(queue("snapshot", waits=1, age=2, workers=[]))
    assert "1 task waits" in text
    assert "sterna worker --stages control" in text


def test_the_stage_with_the_longest_wait_is_the_bottleneck() -> None:
    assert said(
        queue("extract", waits=90, age=9, workers=[(4, 4)]),
        queue("load", waits=40, age=75, workers=[(4, 4), (4, 4)]),
    ) == [
        "warning: load is the bottleneck: 40 tasks wait, the oldest for 1 min 15 s, 2 workers are busy (8 of 8 slots): "
        "add load workers, or raise STERNA_LOAD_SLOTS where machine and databases have room",
        "warning: extract is held up too: 90 tasks wait, the oldest for 9 s, 1 worker is busy (4 of 4 slots): "
        "add extract workers, or raise STERNA_EXTRACT_SLOTS where machine and databases have room",
    ]


def test_slots_that_a_worker_has_not_told_are_not_counted_as_free() -> None:
    [text] = said(queue("load", waits=40, age=20, workers=[(None, 0), (4, 4)]))
    assert "40 tasks wait, the oldest for 20 s, 2 workers are busy: add load workers" in text


def test_work_that_waits_beside_free_slots_for_long_points_to_the_workers() -> None:
    assert said(queue("load", waits=5, age=10, workers=[(4, 2)])) == []
    [text] = said(queue("load", waits=5, age=31, workers=[(4, 2)]))
    assert "although 2 of 4 slots are free" in text


def test_what_stands_still_is_said_before_what_is_slow() -> None:
    levels = [
        advice.level
        for advice in advise(
            [
                queue("load", waits=40, age=20, workers=[(4, 4)]),
                queue("extract", waits=1, age=9, workers=[]),
                queue("validate", workers=[]),
            ]
        )
    ]
    assert levels == ["critical", "warning", "note"]
