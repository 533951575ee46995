"""Wide of the mark, on many seeds: mistakes are far from right, and solutions right. In a file of its own, which takes
minutes, so that another worker can do the rest. `--all-seeds` takes four times as many, and a quarter of an hour."""

from __future__ import annotations

import pytest

from course_utils.checks import registry
from course_utils.checks.reading import tolerances_times
from course_utils.staff.judging.registry import load_mutants

from .solved import TASKS, names, verdict

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("task", TASKS)
def test_no_mistake_is_within_ten_tolerances_of_right(task, request):
    """On 5 seeds, or 20: with tolerances ten times as wide each wrong answer loses points, and the solution none."""
    solution = names(task)
    wrong = load_mutants(registry.lesson_of(task)).MUTANTS.wrong_answers.get(task, [])
    for seed in range(20 if request.config.getoption("--all-seeds") else 5):
        assert verdict(task, solution, seed).right, f"seed {seed}"
        with tolerances_times(10):
            for answer in wrong:
                result = verdict(task, answer.names, seed, explain=False)
                assert not result.right, f"seed {seed}: {answer.misconception}"
