"""Where a task is asked twice: what counts, and what the instructor is told. And limits that fit each other."""

import pytest

from course_utils.staff.grading.records import Row
from course_utils.staff.grading.run.nbval_items import of_two
from course_utils.staff.grading.sandbox.isolation import Limits

RIGHT = Row("E01.2", 2.0, 2.0, "graded")
WRONG = Row("E01.2", 0.0, 2.0, "graded", "you added; the chain rule multiplies")
HALF = Row("E01.2", 1.0, 2.0, "graded", "half of it is right")


@pytest.mark.parametrize("first, second", [(WRONG, RIGHT), (HALF, RIGHT), (WRONG, HALF)])
def test_of_two_verdicts_the_one_from_top_to_bottom_counts_and_both_are_shown(first, second):
    row = of_two(first, second, "by itself")
    assert (row.points, row.status) == (first.points, "graded")
    assert row.message.startswith(first.message) and "not deterministic" in row.message
    assert f"{second.points:g} of 2" in row.other


@pytest.mark.parametrize("status", ["error", "timeout", "memory", "missing"])
def test_an_asking_without_a_verdict_is_made_good_by_the_second_and_both_are_shown(status):
    first = Row("E01.2", 0.0, 2.0, status, "what went wrong")
    row = of_two(first, RIGHT, "by itself")
    assert (row.points, row.status, row.message) == (2.0, "graded", "") and "what went wrong" in row.other


@pytest.mark.parametrize("second", [WRONG, HALF, Row("E01.2", 0.0, 2.0, "error", "the answer raised")])
def test_a_second_asking_that_is_no_better_changes_nothing(second):
    assert of_two(HALF, second, "by itself") is HALF


@pytest.mark.parametrize("cpu", [0.5, 10, 120, 3600])
def test_no_limit_cuts_off_what_another_one_allows(cpu):
    limits = Limits(cpu_seconds=cpu)
    assert limits.cpu_seconds < limits.wall_seconds < limits.total_seconds < limits.resource_limits()["RLIMIT_CPU"]
    assert Limits(**vars(limits)) == limits  # as a worker reads it


@pytest.mark.parametrize("wrong", [{"cpu_seconds": 0}, {"wall_seconds": 90, "total_seconds": 60}])
def test_limits_that_contradict_each_other_are_refused(wrong):
    with pytest.raises(ValueError, match="one of its cells"):
        Limits(**wrong)
