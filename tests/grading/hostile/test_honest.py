"""Unusual but honest notebooks, as the grader takes them apart; test_hostile.py grades them, among the attacks."""

from __future__ import annotations

import pytest

from course_utils.staff.grading.intake.reading import read_notebook
from course_utils.staff.grading.place.graft import graft
from tests.grading.hostile.honest import HONEST, Honest
from tests.grading.hostile.notebooks import EXERCISE

BY_NAME = {one.name: one for one in HONEST}


def test_there_are_enough_of_them():
    assert len(HONEST) >= 40


@pytest.mark.parametrize("honest", [one for one in HONEST if one.same_as], ids=lambda honest: honest.name)
def test_what_the_grader_leaves_behind_changes_nothing(honest: Honest):
    assert graded_copy(honest) == graded_copy(BY_NAME[honest.same_as])


def graded_copy(honest: Honest) -> dict:
    return graft(EXERCISE.solution, read_notebook(honest.content), EXERCISE.stubs)
