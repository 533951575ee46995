"""From observations to points and to the name of a mistake, on a task that is made up here."""

from __future__ import annotations

import math
import random
from types import SimpleNamespace

import numpy as np
import pytest

from course_utils.checks.plain import encode
from course_utils.checks.probing import Case, Probe, load_probe, probe_task
from course_utils.staff.judging import judging, mutants
from course_utils.staff.judging.judging import ROUNDED, Finding, Judge, alike, judge_task, matches, report, value
from course_utils.staff.judging.mutants import Answer

TASK = "E99.1"


@pytest.fixture
def task(monkeypatch):
    """task(judge, answer, wrong answers by message, inputs) -> Verdict: of a task whose function is f."""

    def asked(judge, answer, wrong=None, inputs=((),)):
        probe = Probe(TASK, "f", lambda rng: [Case(args) for args in inputs])
        answers = {
            TASK: [Answer(TASK, {"f": one}, misconception=name, message=name) for name, one in (wrong or {}).items()]
        }
        for place in ("course_utils.checks.probing", "course_utils.staff.judging.judging"):
            monkeypatch.setattr(f"{place}.load_probe", lambda task: probe)
        monkeypatch.setattr(judging, "load_judge", lambda task: judge)
        monkeypatch.setattr(
            judging, "load_mutants", lambda lesson: SimpleNamespace(MUTANTS=mutants.Mutants(wrong_answers=answers))
        )
        return judge_task(TASK, probe_task(TASK, {"f": answer}, 0), 0)

    return asked


# --- a number -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("got", "said"),
    [
        (3.2 + 0.9e-3, "rounded"),
        (3.2 - 0.9e-3, "rounded"),
        (3.2 + 1.1e-3, "not the number"),
        (3.2 - 1.1e-3, "not the number"),
        (3.2011, "not the number"),
        (4.7 - 0.9e-3, "four"),  # near a known mistake, which was rounded too
        (4.7 - 1.1e-3, "not the number"),
        (4.7 + 0.4e-3, "four"),
        (4.7 + 0.6e-3, "four again"),
        (4.7 + 1.9e-3, "four again"),
        (4.7 + 2.1e-3, "not the number"),
        (math.nan, "nothing"),
        (math.inf, "infinite"),
        (-math.inf, "not the number"),
        ("3.2", "a text"),
        ("3.3", "where a number is asked for"),
    ],
)
def test_a_number_is_named_after_the_nearest_known_one_unless_the_right_one_is_nearer(task, got, said):
    wrong = {
        "four": lambda: 4.7, "nothing": lambda: math.nan, "infinite": lambda: math.inf, "a text": lambda: "3.2",
        "four again": lambda: 4.701,
    }  # fmt: skip
    result = task(value(3.2), lambda: got, wrong)
    assert result.points == 0 and said in result.message
    assert result.misconception == (said if said in wrong else None)


def test_a_known_number_close_to_the_right_one(task):
    for got, said in ((3.2002, "rounded"), (3.2004, "close by"), (3.2014, "close by")):
        assert said in task(value(3.2), lambda got=got: got, {"close by": lambda: 3.2005}).message


def test_right_to_a_thousand_millionth_or_a_millionth_in_float32(task):
    for got, right in ((3.2 * (1 + 9e-10), True), (3.2 * (1 + 2e-9), False), (np.float32(3.2), True)):
        assert task(value(3.2), lambda got=got: got).right is right
    assert not task(value(3.2), lambda: np.float32(3.2 * (1 + 3e-6))).right


def test_a_small_number_is_near_in_proportion(task):
    """Beside a number below a hundredth a thousandth is no rounding."""
    for factor, said in (
        (1 + 0.9 * ROUNDED, "rounded"),
        (1 + 1.1 * ROUNDED, "not the number"),
        (1.1, "not the number"),
    ):
        assert said in task(value(0.004), lambda factor=factor: 0.004 * factor).message
    assert "rounded" in task(value(0.01), lambda: 0.0109).message


# --- a function -----------------------------------------------------------------------------------------------------

TEN = tuple((n,) for n in range(1, 11))


def wrong_from(first, last):
    """Twice the right 3 n on the cases from `first` to `last`, counted from 1; four times elsewhere."""
    return lambda n: 6 * n if first <= n <= last else 12 * n


@pytest.mark.parametrize(
    ("first", "last", "named"),
    [(1, 10, True), (1, 5, True), (1, 4, False), (2, 10, False), (6, 10, False)],
)
def test_a_mistake_is_named_if_it_explains_the_first_failure_and_half_of_them(task, first, last, named):
    result = task(matches(lambda n: 3 * n), lambda n: 6 * n, {"doubled": wrong_from(first, last)}, TEN)
    assert result.misconception == ("doubled" if named else None)
    assert result.call == "f(1)" and result.points == 0


def test_two_mistakes_that_explain_less_than_half_name_none(task):
    wrong = {"doubled": wrong_from(1, 4), "doubled too": wrong_from(1, 4)}
    assert task(matches(lambda n: 3 * n), lambda n: 6 * n, wrong, TEN).misconception is None


def test_cases_that_did_not_fail_tell_two_mistakes_apart(task):
    """Both explain all that failed: the one that also gives the rest as it was is meant."""

    def answer(n):
        return 6 * n if n > 5 else 3 * n

    wrong = {"always": lambda n: 6 * n, "large": answer, "small too": lambda n: 6 * n if n > 4 else 3 * n}
    result = task(matches(lambda n: 3 * n), answer, wrong, TEN)
    assert result.misconception == "large" and result.call == "f(6)"


def test_of_many_failures_some_from_all_over_are_looked_at(task):
    inputs = tuple((n,) for n in range(1, 41))
    asked = []

    def doubled(n):
        asked.append(n)
        return 6 * n

    wrong = {"doubled": doubled, "first dozen": wrong_from(1, 12)}
    assert task(matches(lambda n: 3 * n), lambda n: 6 * n, wrong, inputs).misconception == "doubled"
    assert 1 in asked and max(asked) > 36 and len(asked) <= 12
    assert (
        task(matches(lambda n: 3 * n), lambda n: 6 * n, {"first dozen": wrong_from(1, 12)}, inputs).misconception
        is None
    )


def test_the_mistake_that_explains_more_is_meant(task):
    wrong = {"six": wrong_from(1, 6), "nine": wrong_from(1, 9), "seven": wrong_from(1, 7)}
    assert task(matches(lambda n: 3 * n), lambda n: 6 * n, wrong, TEN).misconception == "nine"


@pytest.mark.parametrize(
    ("factor", "said"), [(1 + 0.9e-3, True), (1 - 0.9e-3, True), (1 + 1.2e-3, False), (1.5, False)]
)
def test_what_is_off_by_a_thousandth_may_be_rounded(task, factor, said):
    message = task(matches(lambda n: 3.0 * n), lambda n: 3.0 * n * factor, inputs=((1000,),)).message
    assert ("rounded somewhere" in message) is said and "where 3000 is right" in message


def test_tolerances_of_a_function(task):
    """The task's own where it is wider, that of float32 where the value came in it; around 0 an absolute one."""
    right = {"rtol": lambda: task(matches(lambda: 2.0, rtol=1e-3), lambda: 2.0 * (1 + 9e-4)).right,
             "atol": lambda: task(matches(lambda: 2.0, atol=0.1), lambda: 2.09).right,
             "zero": lambda: task(matches(lambda: 0.0), lambda: 5e-13).right,
             "single": lambda: task(matches(lambda: 2.0), lambda: np.float32(2.0 + 1e-6)).right}  # fmt: skip
    assert all(one() for one in right.values())
    assert not task(matches(lambda: 2.0, atol=0.1), lambda: 2.11).right
    assert not task(matches(lambda: 0.0), lambda: 2e-12).right
    assert not task(matches(lambda: 2.0), lambda: 2.0 + 1e-6).right


def test_arrays_are_compared_cell_by_cell(task):
    judge = matches(lambda: [0.0, 0.25, -math.inf], read=judging.array)
    assert task(judge, lambda: np.array([5e-13, 0.25, -math.inf])).right
    for got in (
        [2e-12, 0.25, -math.inf],
        [0.0, 0.25, math.inf],
        [0.0, 0.25 + 1e-9, -math.inf],
        [[0.0, 0.25, -math.inf]],
    ):
        assert not task(judge, lambda got=got: got).right
    assert "[0, 0.25, -inf] is right" in task(judge, lambda: [1, 1, 1]).message


# --- parts, errors and words ----------------------------------------------------------------------------------------


def parted(*faults):
    return Judge(3, lambda cases, seen: [Finding(part, 0, part) for part in faults], parts={"one": 1, "two": 2})


@pytest.mark.parametrize(("faults", "points"), [((), 3), (("one",), 2), (("two",), 1), (("one", "two"), 0), (("",), 0)])
def test_a_fault_costs_its_part_and_one_without_a_part_all(task, faults, points):
    result = task(parted(*faults), lambda: 1)
    assert (result.points, result.max_points, result.right) == (points, 3, points == 3)
    assert {name: got for name, (got, _) in result.parts.items()} == {
        name: 0 if name in faults or "" in faults else worth for name, worth in (("one", 1), ("two", 2))
    }
    lines = report(TASK, result).splitlines()
    assert lines[0] == f"{TASK} f: {points} of 3 points"
    assert ("  right so far: two" in lines) is (faults == ("one",))
    assert not any("right so far" in line for line in lines) or 0 < points < 3


def test_an_answer_that_raises_everywhere_is_an_error_and_not_put_before_the_rule(task):
    def rule(cases, seen):
        raise AssertionError("asked")

    def answer(n):
        raise KeyError("a key that is not there")

    result = task(Judge(1, rule), answer, inputs=TEN)
    assert (result.status, result.points) == ("error", 0) and "KeyError: 'a key that is not there'" in result.message

    def once(n):
        return 3 * n if n > 1 else {}["b"]

    result = task(matches(lambda n: 3 * n), once, inputs=TEN)
    assert (result.status, result.points) == ("graded", 0) and "KeyError" in result.message


def test_data_of_more_or_fewer_cases_earn_nothing(task):
    right = {"task": TASK, "state": "answered", "seen": [observation(3.2)]}
    assert task(value(3.2), lambda: 3.2).right and judge_task(TASK, right, 0).right
    for seen in ([], right["seen"] * 2):
        assert judge_task(TASK, right | {"seen": seen}, 0).points == 0


def test_what_cannot_be_read_at_all_is_shown_with_a_call_only_where_there_is_one(task):
    def rule(cases, seen):
        raise judging.Unusable("nothing to read")

    calls = [task(Judge(1, rule), lambda n: n, inputs=TEN[:count]).call for count in (1, 10)]
    assert calls == ["f(1)", ""]


def test_an_answer_that_raises_once_is_put_before_the_rule(task):
    assert task(Judge(1, lambda cases, seen: []), lambda n: 1 / (n - 1), inputs=TEN).right
    assert task(Judge(1, lambda cases, seen: []), lambda n: 1 / (n - 2), inputs=TEN).right


@pytest.mark.parametrize(
    ("answer", "advice"),
    [
        (lambda: helper(), "run the cells above"),  # noqa: F821
        (lambda n: n, "compare the arguments"),
        (lambda: 1 + "a", ""),
        (lambda: exit(1), "must not end"),
    ],
)
def test_advice_on_an_error(task, answer, advice):
    if "n" in answer.__code__.co_varnames:
        answer.__name__ = answer.__qualname__ = "f"
    message = task(matches(lambda: 1), answer).message
    assert (advice in message) if advice else not message.endswith(")")


def observation(got):
    return {"value": encode(got)}


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (0.5, 0.5, True),
        (0.5, 0.5 * (1 + 5e-10), True),
        (0.5, 0.5 * (1 + 5e-9), False),
        (np.float32(0.1), 0.1, True),
        (0.1, np.float32(0.1), True),
        (np.float32(0.1), 0.1 * (1 + 2e-6), False),
        ([1, 2], (1, 2), True),
        ([1, 2], [1, 2, 3], False),
        (["a", "b"], ["a", "b", "c"], False),
        ([1, [2, 0.5]], [1, [2, 0.5 + 1e-12]], True),
        ({"a": 1}, {"a": 1.0}, True),
        ({"a": 1}, {"b": 1}, False),
        ({"a": 1}, {"a": 2}, False),
        ("yes", "yes", True),
        ("yes", "no", False),
        (None, None, True),
        (None, "None", False),
        (math.nan, math.nan, True),
        (True, 1, False),
        ("1", 1, False),
    ],
)
def test_what_counts_as_the_same(one, other, same):
    assert alike(observation(one), observation(other)) is same


def test_errors_are_the_same_where_kind_and_text_are():
    """A ValueError may come of anything: what it says tells the mistakes apart."""

    def failed(name, message):
        return {"error": name, "message": message}

    assert alike(failed("ValueError", "a"), failed("ValueError", "a"))
    assert not alike(failed("ValueError", "a"), failed("ValueError", "b"))
    assert not alike(failed("ValueError", "a"), failed("TypeError", "a"))
    assert not alike(failed("ValueError", "a"), observation(1)) and not alike(observation(1), failed("ValueError", ""))
    assert not alike(None, observation(1)) and not alike(observation(1), [])
    assert alike(observation(1) | {"shown": 1}, observation(1) | {"shown": 2})  # the figure itself, beside its data
    assert not alike(observation(1) | {"rows": 1}, observation(1) | {"rows": 2})
    assert alike(observation(1.26), observation(1.31), read=lambda got: round(got, 1))
    assert not alike(observation(1.26), observation(1.41), read=lambda got: round(got, 1))


@pytest.mark.parametrize("kind", [type("Refused", (ValueError,), {}), UnicodeError])
def test_an_exception_that_is_derived_from_the_right_one_is_right(kind):
    probe, rng = load_probe("E09.7"), random.Random(0)

    def pair_ids(lm, x, y):
        x_ids = lm.encode(x)
        if lm.encode(x + y)[: len(x_ids)] != x_ids:
            raise kind("a token spans the join")
        return [lm.bos, *x_ids], lm.encode(y)

    assert any("error" in one for one in probe.ask({"pair_ids": pair_ids}, probe.cases(rng)))
    assert judge_task("E09.7", probe_task("E09.7", {"pair_ids": pair_ids}, 0), 0).right


@pytest.mark.parametrize("error", [NotImplementedError("Could not run 'aten::x'"), NotImplementedError()])
def test_only_the_line_of_the_stub_is_the_stub(error):
    """torch raises the same type for many a wrong call."""
    there = {"__name__": "torch.somewhere"}
    exec("def deep(error):\n    raise error", there)
    here = {"__name__": "__main__", "deep": there["deep"], "error": error}
    exec("def joint_prob(conds):\n    return deep(error)", here)
    data = probe_task("E01.2", here, 0)
    assert data["state"] == "answered" and "stub" not in data["seen"][0]
    verdict = judge_task("E01.2", data, 0)
    assert verdict.status == "error" and "the answer raised NotImplementedError" in verdict.message


def test_a_constant_earns_no_part_of_three_faults():
    verdict = judge_task("E08.6", probe_task("E08.6", {"sequence_score": lambda logits, ids: 0.0}, 0), 0)
    assert verdict.points == 0
