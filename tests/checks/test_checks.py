"""Every task's check: right answers get all points, known mistakes none of them, each under its own name."""

from __future__ import annotations

import random

import pytest

from course_utils.checks import registry
from course_utils.checks.probing import load_probe, probe_task
from course_utils.staff.judging.judging import judge_task, report
from course_utils.staff.judging.registry import load_mutants, max_points

from .solved import TASKS, answer_source, names, verdict

WRONG = [
    pytest.param(task, answer, id=f"{task}-{number}-{answer.misconception}")
    for task in TASKS
    for number, answer in enumerate(load_mutants(registry.lesson_of(task)).MUTANTS.wrong_answers.get(task, []))
]
RIGHT = [
    pytest.param(task, answer, id=f"{task}-{answer.note}")
    for task in TASKS
    for answer in load_mutants(registry.lesson_of(task)).MUTANTS.right_answers.get(task, [])
]


@pytest.mark.parametrize("task", TASKS)
def test_the_solution_gets_all_points(task):
    result = verdict(task, names(task))
    assert (result.points, result.status) == (max_points(task), "graded"), result.message
    lines = report(task, result).splitlines()
    assert lines == [f"{task} {load_probe(task).function}: {result.points:g} of {result.points:g} points"]


@pytest.mark.parametrize("task", TASKS)
def test_the_stub_is_not_answered_yet(task):
    head = answer_source(task).split("### BEGIN SOLUTION")[0]
    indent = " " * (len(head) - len(head.rstrip(" ")))
    stub = verdict(task, names(task, f"{head}raise NotImplementedError\n{indent}"))
    nothing = verdict(task, {})
    assert (stub.points, stub.status, stub.message) == (0, "missing", "not answered yet")
    assert (nothing.points, nothing.status) == (0, "missing")
    assert report(task, stub).endswith(": not answered yet")


@pytest.mark.parametrize(("task", "answer"), WRONG)
def test_a_known_mistake_is_named(task, answer):
    result = verdict(task, answer.names)
    assert result.points < result.max_points
    assert (result.misconception, result.message) == (answer.misconception, answer.message)


@pytest.mark.parametrize(("task", "answer"), RIGHT)
def test_an_unusual_right_answer_gets_all_points(task, answer):
    result = verdict(task, answer.names)
    assert result.right, result.message


@pytest.mark.parametrize("task", TASKS)
def test_every_task_has_mistakes_and_variants(task):
    mutants = load_mutants(registry.lesson_of(task)).MUTANTS
    assert len(mutants.wrong_answers.get(task, [])) >= 2
    assert len(mutants.right_answers.get(task, [])) >= 1


@pytest.mark.parametrize("task", TASKS)
def test_the_inputs_follow_from_the_seed(task):
    probe = load_probe(task)
    first, again, other = ([case.call("f") for case in probe.cases(random.Random(seed))] for seed in (1, 1, 2))
    assert first == again
    if len(first) > 1:
        assert first != other, "every case is the same for every seed: a table of answers would pass"


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        {},
        {"state": "answered"},
        {"state": "answered", "seen": []},
        {"state": "answered", "seen": "all right"},
        {"state": "answered", "seen": [{"value": {"t": "float", "v": "1e999"}}]},
        {"state": "answered", "seen": [{"value": {"t": "array", "shape": [-1], "v": []}}] * 30},
        {"state": "right", "points": 99},
    ],
)
def test_forged_data_earns_nothing(task, data):
    if isinstance(data, dict):
        data = {"task": task, "seed": 0, **data}
    assert judge_task(task, data, 0).points == 0


@pytest.mark.parametrize("task", TASKS)
def test_data_of_another_seed_or_task_earns_nothing_where_inputs_are_random(task):
    data = probe_task(task, names(task), 1)
    if len(load_probe(task).cases(random.Random(0))) > 1:
        assert judge_task(task, data, 2).points < max_points(task)
    assert judge_task(task, {**data, "task": "E99.9"}, 1).points == 0


def test_what_stands_beside_a_wrong_value_may_be_anything():
    data = probe_task("E01.4", {"e01_4": lambda: "B"}, 0)
    data["seen"][0]["beside"] = {"t": "list", "v": "not a list"}
    assert judge_task("E01.4", data, 0).points == 0


def test_a_slip_is_not_named_after_another_one():
    """That the model was given lists is an AttributeError too: a name that is misspelt has to keep its own text."""
    result = verdict("E09.2", {"token_log_probs": lambda model, ids: ids.log_sofmax()})
    assert result.misconception is None
    assert "log_sofmax" in result.message


def test_an_unknown_task_is_refused():
    with pytest.raises(ValueError, match="there is no task 'E01.99'"):
        probe_task("E01.99", {}, 0)
