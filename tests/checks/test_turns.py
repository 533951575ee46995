"""The questions within the lectures: their checks say right or not yet, and name the mistakes that are known."""

import random

import pytest

from course_utils import lesson
from course_utils.checks import registry
from course_utils.checks.probing import load_probe, probe_task, report_unjudged
from course_utils.notebooks import TURN, blanked, source
from course_utils.staff.authoring.notebook_files import lessons, read
from course_utils.staff.judging.judging import report
from course_utils.staff.judging.registry import load_mutants, total_points

from .solved import ROOT, TASKS, lecture_cells, run, verdict

TURNS = [task for number in registry.lessons() for task in registry.turns(number)]
WRONG = [
    pytest.param(task, answer, id=f"{task}-{number}-{answer.misconception}")
    for task in TURNS
    for number, answer in enumerate(load_mutants(task[:2]).MUTANTS.wrong_answers[task])
]
RIGHT = [
    pytest.param(task, answer, id=f"{task}-{answer.note}")
    for task in TURNS
    for answer in load_mutants(task[:2]).MUTANTS.right_answers.get(task, [])
]


def lecture_of(task: str) -> str:
    return next(name for name in lessons(ROOT, "notebooks") if name.startswith(task[:2]))


def cell(task: str) -> str:
    """The cell of the lecture, solved, its check among it."""
    return lecture_cells(lecture_of(task), "no such tag")[f"turn-{task.replace('.', '-')}"]


def setup(task: str) -> dict:
    names = run(lecture_cells(lecture_of(task), "no such tag")["setup"], {"__name__": "__main__"})
    return names | {"check": lesson.check}


def test_they_are_no_tasks_and_give_no_points():
    assert len(TURNS) >= 8 and not set(TURNS) & set(TASKS)
    assert registry.tasks("00") == [] and total_points("00") == 0 and total_points("01") == 11


@pytest.mark.parametrize("task", TURNS)
def test_the_cell_is_right_as_it_stands_and_runs_as_it_is_handed_out(task, capsys):
    names, name = setup(task), load_probe(task).function
    exec(cell(task), names)
    assert capsys.readouterr().out == f"{task} {name}: right\n"
    exec(blanked(cell(task)), names)
    assert capsys.readouterr().out == f"{task} {name}: not answered yet\n"
    assert eval(f"check({task!r})", names) is None  # no number stands below the cell


@pytest.mark.parametrize(("task", "answer"), WRONG)
def test_a_known_mistake_is_named(task, answer):
    result = verdict(task, answer.names)
    assert not result.right
    assert (result.misconception, result.message) == (answer.misconception, answer.message)
    assert report(task, result).startswith(f"{task} {load_probe(task).function}: not yet\n  {answer.message}")


@pytest.mark.parametrize(("task", "answer"), RIGHT)
def test_an_unusual_right_answer_is_right(task, answer):
    assert verdict(task, answer.names).right


@pytest.mark.parametrize("task", TURNS)
def test_the_inputs_follow_from_the_seed_and_every_seed_tells_mistakes_apart(task):
    calls = [[case.call("f") for case in load_probe(task).cases(random.Random(seed))] for seed in (1, 1, 2)]
    assert calls[0] == calls[1] != calls[2]
    for answer in load_mutants(task[:2]).MUTANTS.wrong_answers[task]:
        assert not any(verdict(task, answer.names, seed, explain=False).right for seed in range(5))


def test_without_judges_it_says_whether_it_runs():
    data = probe_task("01.c", {"count_leaves": lambda symbols, length: 1}, 0)
    assert "this copy of the course cannot say" in report_unjudged("01.c", data)


def test_no_other_lecture_has_a_cell_that_no_check_knows():
    known = {f"turn-{task.replace('.', '-')}" for task in TURNS}
    for name in lessons(ROOT, "notebooks"):
        ids = {one["id"] for one in read(ROOT, "notebooks", name).code_cells if TURN.fullmatch(one["id"])}
        assert ids <= known
        assert all("YOUR CODE HERE" not in source(one) for one in read(ROOT, "notebooks", name).code_cells)
