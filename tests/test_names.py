"""A lesson's number means that lesson, in every command that takes one."""

from pathlib import Path

import pytest

from course_utils.notebooks import named
from course_utils.staff.authoring.build import build, new_lesson
from course_utils.staff.authoring.render import publish
from course_utils.staff.grading.place import pristine

ROOT = Path(__file__).resolve().parents[1]
LESSONS = ["00_start", "01_chain", "10_scale", "11_loss", "11_other", "12_end"]


@pytest.mark.parametrize(
    "name, meant",
    [
        ("1", ["01_chain"]),
        ("01", ["01_chain"]),
        ("0", ["00_start"]),
        ("11", ["11_loss", "11_other"]),
        ("2", []),
        ("001", []),
        ("01_chain", ["01_chain"]),
        ("10_sc", ["10_scale"]),
        ("chain", []),
        ("", []),
    ],
)
def test_a_number_is_no_beginning_of_another(name, meant):
    assert named(name, LESSONS) == meant


@pytest.mark.parametrize("number", ["1", "01"])
def test_every_command_takes_a_number_in_the_same_way(number):
    name = "01_chain_rule"
    assert publish.selected(ROOT, [number]) == [name]
    assert build.selected(ROOT, [number]) == [("notebooks", name), ("solutions", name)]
    assert build.selected(ROOT, [f"solutions/{number}"]) == [("solutions", name)]
    assert pristine.load(number).name == name
    with pytest.raises(new_lesson.OperatorError, match="needs the name of a function"):  # it found one solution
        new_lesson.add_task(ROOT, number, "no name", 1)


def test_a_name_that_means_several_or_none_is_refused():
    for name in ("", "0", "99", "chain"):
        with pytest.raises(pristine.NoExercise, match="there are: 01_chain_rule, 02"):
            pristine.load(name)
