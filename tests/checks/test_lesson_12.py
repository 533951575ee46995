"""The scorers of E12.2 are what the judge takes them for, and a test that knows them by heart earns nothing."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest

from course_utils.lessons.lesson_12.probe import LINES, scorer, scorer_cases
from course_utils.staff.judging.lesson_12.judge import BUGS, RIGHT
from course_utils.toy_language import random_language

from .solved import verdict

LANGUAGES = [random_language(seed, zeros=seed == 2) for seed in (1, 2, 3)]
SCORERS = [
    pytest.param(letter, line.replace("{n}", n), id=f"{letter}{which}-{n}")
    for letter, lines in LINES.items()
    for which, line in enumerate(lines)
    for n in (("3", "8") if "{n}" in line else ("3",))
]


def model_of(lm):
    return lambda context: lm.next_log_probs(list(context)) + 8.0 + 0.5 * len(context)


def log_prob(lm, x, y):
    """The log of a product of exact fractions, up to the first EOS."""
    p = math.prod(lm.cond(k, (*x, *y[:i]), exact=True) for i, k in enumerate(y[: (*y, lm.eos).index(lm.eos) + 1]))
    return math.log(p) if p else -math.inf


def worst(score):
    """The largest error on texts of three languages, and on a long one."""
    errors = []
    for lm in LANGUAGES:
        for x in ([0], [0, 1, 2], [0, 3, 1, 1]):
            if log_prob(lm, [0], x[1:]) > -math.inf:
                for y in (
                    [],
                    [1],
                    [2, 3],
                    [3, 1, 2],
                    [1, lm.eos],
                    [2, lm.eos, 1],
                    [lm.eos, 3],
                    [2, 2, 1, 3, lm.eos, 1],
                ):
                    got, right = score(model_of(lm), x, y, lm.eos), log_prob(lm, x, y)
                    errors.append(0.0 if got == right else abs(got - right))
    errors.append(abs(score(lambda context: np.array([5.0, 5.0, 4.0]), [0], [0, 1] * 900, 2) - 1800 * LONG))
    return max(errors, key=lambda e: math.inf if math.isnan(e) else e)


LONG = -math.log(2 + math.exp(-1))


@pytest.mark.parametrize(("letter", "line"), SCORERS)
def test_a_scorer_is_right_where_the_judge_says_so_and_only_there(letter, line):
    with np.errstate(all="ignore"):
        error = worst(scorer(f"lambda model, x, y, eos: {line}"))
    if letter in RIGHT:
        assert error < 1e-9
    else:
        assert not error < 1e-3


def test_three_are_right_and_eight_are_wrong_in_an_order_that_changes():
    assert (len(RIGHT), len(BUGS)) == (3, 8)
    orders = {tuple(case.label for case in scorer_cases(random.Random(seed))) for seed in range(20)}
    assert len(orders) == 20
    assert all(sorted(order) == sorted(f"scorer_{letter}" for letter in LINES) for order in orders)


def test_tests_that_know_the_scorers_of_one_seed_by_their_outputs_fail_on_others():
    lm = LANGUAGES[0]

    def fingerprint(score):
        with np.errstate(all="ignore"):
            return repr(np.round([score(model_of(lm), [0, 1, 2], y, lm.eos) for y in ([1, 2], [3, lm.eos, 1])], 9))

    known = {fingerprint(case.fresh_args()[0]) for case in scorer_cases(random.Random(0)) if case.label[-1] in BUGS}
    answer = {"accepts": lambda score: fingerprint(score) not in known}
    assert sum(verdict("E12.2", answer, seed, explain=False).right for seed in range(1, 21)) == 0
