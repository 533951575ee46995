"""The rule case by case, and what is made of a wrong answer when it is collected: on small answers of their own."""

from __future__ import annotations

import math

import pytest

from course_utils.checks.probing import Case
from course_utils.checks.reading import Unusable
from course_utils.staff.judging.judging import Finding, Seen, differs, each_case
from course_utils.staff.judging.mutants import Mutants, message

CASES = [Case((2.0,)), Case((3.0,), label="three")]


def found(rule, *seen, cases=CASES):
    return [(one.message, one.case, one.part) for one in rule(cases, list(seen))]


def test_a_fault_carries_the_index_of_its_case():
    rule = each_case()(lambda case, one: differs(case, one, case.args[0] ** 2))
    assert found(rule, Seen(4.0), Seen(9.0)) == []
    assert found(rule, Seen(4.0), Seen(6.0)) == [("6 came back, where 9 is right (three)", 1, "")]
    assert found(rule, Seen(4.001), Seen(9.0)) == [
        ("4.001 came back, where 4 is right (rounded somewhere, or in low precision?)", 0, "")
    ]


def test_what_cannot_be_read_is_a_fault_of_its_case():
    def refuse(case, one):
        raise Unusable("no number")

    assert found(each_case()(refuse), Seen(), Seen()) == [("no number", 0, ""), ("no number", 1, "")]


def test_an_answer_that_raised_is_not_looked_at_unless_asked_for():
    raised = Seen(error="ValueError", message="no")
    assert found(each_case()(lambda case, one: "looked"), raised, Seen()) == [
        ("the answer raised ValueError: no", 0, ""),
        ("looked", 1, ""),
    ]
    assert found(each_case(errors=True)(lambda case, one: one.error), raised, Seen()) == [("ValueError", 0, "")]


def test_a_text_costs_the_parts_of_its_function_and_a_finding_its_own():
    cases = [Case((), "f()"), Case((), "g()")]
    missing = Seen(error="NotImplementedError", stub="untouched")
    parts = {"f": "first", "g": ("second", "third")}
    assert found(each_case(parts=parts)(lambda case, one: "bad"), Seen(), missing, cases=cases) == [
        ("bad", 0, "first"),
        ("g is not answered yet", 1, "second"),
        ("g is not answered yet", 1, "third"),
    ]
    own = each_case(parts=parts)(lambda case, one: [Finding("own", part="third")])
    assert found(own, Seen(), Seen(), cases=cases) == [("own", 0, "third"), ("own", 1, "third")]


def test_an_answer_is_called_what_the_task_asks_for():
    mutants = Mutants()

    @mutants.wrong("E01.2", "sum_for_product")
    def any_name(conds):
        return sum(conds)

    (answer,) = mutants.wrong_answers["E01.2"]
    with pytest.raises(TypeError, match=r"^joint_prob\(\) missing 1 required positional argument: 'conds'"):
        answer.names["joint_prob"]()


def test_common_mistakes_are_made_of_the_right_answer():
    mutants = Mutants()
    names = ("surprisal_for_log_prob", "bits_for_nats", "log10_for_ln", "probability_for_log", "nothing_returned")
    mutants.common("E03.4", lambda probs: math.log(0.01), *names, "mean_of_logs", count=len)
    answers = {answer.misconception: answer for answer in mutants.wrong_answers["E03.4"]}
    got = {name: answer.names["sequence_log_prob"]([0.1, 0.1]) for name, answer in answers.items()}
    assert got.pop("nothing_returned") is None
    assert got == pytest.approx(
        {
            "surprisal_for_log_prob": -math.log(0.01),
            "bits_for_nats": math.log2(0.01),
            "log10_for_ln": -2.0,
            "probability_for_log": 0.01,
            "mean_of_logs": math.log(0.1),
        }
    )
    assert answers["bits_for_nats"].message == message("bits_for_nats")
