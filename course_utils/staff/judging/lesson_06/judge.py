"""Judges the answers of lesson 06 against exact fractions."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

from course_utils.checks.plain import Array
from course_utils.checks.probing import Case
from course_utils.checks.reading import (
    RTOL,
    RTOL_SINGLE,
    Unusable,
    close,
    describe,
    entries,
    number,
    show,
    single_precision,
    truth,
)
from course_utils.checks.reading import numbers as read_numbers
from course_utils.staff.judging.judging import Finding, Judge, Seen, each_case, matches, of, raised, value
from course_utils.staff.judging.mutants import message
from course_utils.toy_language import ToyLanguage, log_fraction


def letter_of(answer: Any, most: str) -> str:
    """The letter that was chosen, from "A" to `most`. Raises Unusable."""
    found = re.fullmatch(r"\W*([A-Za-z])\W*", answer) if isinstance(answer, str) else None
    if not found or found[1].upper() > most:
        raise Unusable(f"{describe(answer)} came back where a letter from A to {most} is asked for")
    return found[1].upper()


# --- E06.2 ----------------------------------------------------------------------------------------------------------

DIFFERENCE = Fraction(-35, 10) - Fraction(-52, 10)
RATIO = float(Decimal("1.7").exp())
KNOWN_PAIRS = {
    "impossible_numbers_reversed": (-1.7, math.exp(-1.7)),
    "impossible_numbers_added": (-8.7, math.exp(-8.7)),
    "impossible_numbers_clipped": (0.0, 1.0),
    "impossible_numbers_swapped": (RATIO, 1.7),
}


def possible(cases: Sequence[Case], seen: Sequence[Seen]) -> list[Finding]:
    """E06.2: the verdict, and both numbers."""
    got = seen[0].value
    if isinstance(got, list | tuple) and len(got) == 2 and isinstance(got[1], list | tuple) and len(got[1]) == 2:
        got = [got[0], *got[1]]
    said = entries(got, ("possible", "log_prob", "prob"))
    findings = []
    try:
        if verdict(said["possible"]):
            findings.append(Finding(message("impossible_pair_accepted"), 0, "verdict"))
    except Unusable as reason:
        findings.append(Finding(f"verdict: {reason}", 0, "verdict"))
    fault = _pair_fault([said["log_prob"], said["prob"]])
    return findings + ([Finding(fault, 0, "numbers")] if fault else [])


def verdict(said: Any) -> bool:
    """True for possible. Raises Unusable for None and for what is neither yes nor no."""
    if said is None:
        raise Unusable("False or True is asked for")
    if isinstance(said, str):
        word = re.sub(r"[\W_]+", " ", said.lower()).strip()
        if re.match(r"(im|not |un)possible", word):
            return False
        if word == "possible":
            return True
    return truth(said)


def _pair_fault(pair: list) -> str:
    try:
        got = [number(item) for item in pair]
    except Unusable as reason:
        return f"numbers: {reason}"
    rtol = RTOL_SINGLE if single_precision(pair) else RTOL
    if close(got[0], DIFFERENCE, rtol) and close(got[1], RATIO, rtol):
        return ""
    for name, known in KNOWN_PAIRS.items():
        if all(close(x, k, 1e-3) for x, k in zip(got, known, strict=True)):
            return message(name)
    if close(got[0], DIFFERENCE, 1e-3) and close(got[1], RATIO, 6e-3):
        return message("impossible_numbers_rounded")
    first = close(got[0], DIFFERENCE, rtol)
    which, what = ("second", "the exponential of the first") if first else ("first", "joint minus marginal")
    return f"numbers: the {which} is {show(got[1] if first else got[0])}, and that is not {what}"


# --- E06.3 ----------------------------------------------------------------------------------------------------------


def log_marginal(lm: ToyLanguage, x: list[int], n: int) -> float:
    """log Pr(x) by the chain rule, in exact fractions: no continuation is looked at."""
    return log_fraction(lm.prefix_prob(x, exact=True))


# --- E06.4 ----------------------------------------------------------------------------------------------------------


def legal(joint: float, marginal: float, tol: float = 1e-9) -> bool:
    """Whether the two can be true, in exact arithmetic."""
    if math.isnan(joint) or math.isnan(marginal) or marginal == -math.inf:
        return False
    return joint == -math.inf or Fraction(joint) - Fraction(marginal) <= Fraction(tol)


VERDICTS = ("refused", "returned", "not raised")


@each_case(errors=True)
def guarded(case: Case, one: Seen) -> str:
    """E06.4: an error for every illegal pair, and for no other."""
    fine = legal(*case.fresh_args())
    if one.error:
        return raised(one) if fine else f"{message('wrong_exception')} (it was {one.error})"
    if not isinstance(one.value, list) or not one.value or one.value[0] not in VERDICTS:
        raise Unusable("what came back could not be read")
    if one.value[0] == "not raised" and not fine:
        return message("error_not_raised")
    if (one.value[0] == "refused") != fine:
        return ""
    if fine:
        return f"a legal pair was refused{of(case)}"
    back = "" if one.value[1:] in ([], [None]) else f", and {describe(one.value[1])} came back"
    return f"an impossible pair was accepted{of(case)}: nothing was raised{back}"


# --- E06.5 ----------------------------------------------------------------------------------------------------------

CAUSES = {"A": "boundary", "B": "dropout", "C": "eos", "D": "mean"}
CAUSE_WORDS = {  # one of these, somewhere in the name that was given
    "mean": r"\bmeans?\b|averag|avg|reduction",
    "eos": r"\beos|end symbol|end of (sequence|string|text)|</s>",
    "boundary": r"boundar|tokeni[sz]|retoken|re token",
    "dropout": r"drop ?out|train",
}


def cause_of(said: Any) -> str:
    """The cause that was named. Raises Unusable for no cause and for several."""
    if not isinstance(said, str):
        raise Unusable(f"{describe(said)} came back where the name of a cause is asked for")
    words = re.sub(r"[\s_-]+", " ", said.lower()).strip()
    named = [cause for cause, pattern in CAUSE_WORDS.items() if re.search(pattern, words)]
    if len(named) > 1:
        raise Unusable(f"the string {show(said)} names more than one cause; give one")
    if not named and re.search(r"broken|faulty|model|bug|wrong", words):
        raise Unusable(message("model_is_broken"))
    if not named:
        raise Unusable(f"the string {show(said)} is none of the accepted names")
    return named[0]


def forensics(cases: Sequence[Case], seen: Sequence[Seen]) -> list[Finding]:
    """E06.5: the cause of each log."""
    said, named, findings = entries(seen[0].value, "ABCD"), {}, []
    for case in CAUSES:
        try:
            named[case] = cause_of(said[case])
        except Unusable as reason:
            findings.append(Finding(str(reason), 0, case))
    wrong = [case for case in CAUSES if case in named and named[case] != CAUSES[case]]
    return findings + [Finding(_cause_fault(case, named), 0, case) for case in wrong]


def _cause_fault(case: str, named: dict[str, str]) -> str:
    for cause in ("mean", "dropout"):
        if len(named) == 4 and set(named.values()) == {cause}:
            return message(f"{cause}_for_every_case")
    if {named.get("A"), CAUSES["A"]} == {"eos", "boundary"} and named.get("C") == "boundary":
        return message("eos_and_boundary_swapped")
    if {named.get("A"), CAUSES["A"]} == {"dropout", "boundary"} and named.get("B") == "boundary":
        return message("dropout_and_boundary_swapped")
    against = {
        "mean": "the terms of this log do add up to the number that was reported",
        "eos": "no end symbol was scored in this log",
        "boundary": "the tokens of x are the same in both lines of this log",
        "dropout": "no token has two different numbers after the same context in this log",
    }
    if named[case] == "boundary" and case == "C":  # there the last token of x is indeed no longer there
        return "log C: the token that is missing in the joint is </s>, and no tokeniser has put it there"
    return f"log {case}: {against[named[case]]}"


# --- E06.7 and E06.8 ------------------------------------------------------------------------------------------------

OBJECTIVES = ("joint", "conditional", "marginal")


def objective(said: Any) -> str:
    """ "joint", "conditional" or "marginal", from the name, its beginning, or the formula. Raises Unusable."""
    if isinstance(said, str):
        words = re.sub(r"[\s_-]+", " ", said.lower()).strip(" .,;:!'\"")
        named = [name for name in OBJECTIVES if words and name.startswith(words)]
        named = named or [
            name for name in OBJECTIVES if re.search(rf"\b{name[:-2] if name[0] != 'j' else name}", words)
        ]
        if len(named) == 1:
            return named[0]
        formula = re.sub(r"[\s\[\]$\\{}]|log|ln|mathbf|mid", lambda m: "|" if m[0] == "mid" else "", words)
        for name, pattern in zip(OBJECTIVES, (r"pr?\(x,y\)", r"pr?\(y\|x\)", r"pr?\(x\)"), strict=True):
            if not named and re.fullmatch(pattern, formula):
                return name
    raise Unusable(f'{describe(said)} came back where "joint", "conditional" or "marginal" is asked for')


LOSSES = {"1": "joint", "2": "conditional", "3": "marginal", "4": "conditional"}
LOSS_FAULTS = {
    ("1", "conditional"): "all_tokens_is_conditional",
    ("2", "joint"): "response_only_is_joint",
    ("3", "conditional"): "prompt_only_is_conditional",
    ("4", "joint"): "difference_is_joint",
}
MEANINGS = {  # C is right
    "A": "joint_is_conditional",
    "B": "joint_is_product_of_marginals",
    "D": "joint_is_sum",
    "E": "joint_is_reversed",
}


def objectives(cases: Sequence[Case], seen: Sequence[Seen]) -> list[Finding]:
    """E06.7: the name of each loss, and the meaning of Pr([x, y])."""
    said = entries(seen[0].value, "12345")
    findings = _named(said, LOSSES, LOSS_FAULTS, "losses", "loss")
    return findings + _chosen(said["5"], "C", "E", MEANINGS, "meaning")


def _named(said: dict, right: dict[str, Any], faults: dict, part: str, one: str) -> list[Finding]:
    findings = []
    for key, expected in right.items():
        try:
            name = objective(said[key])
        except Unusable as reason:
            findings.append(Finding(f"{part}: {reason}", 0, part))
            continue
        if name not in (expected if isinstance(expected, tuple) else (expected,)):
            known = faults.get((key, name))
            text = message(known) if known else f"{part}: {one} {key} is not the {name}"
            findings.append(Finding(text, 0, part))
    return findings


def _chosen(said: Any, right: str, most: str, known: dict[str, str], part: str) -> list[Finding]:
    try:
        letter = letter_of(said, most)
    except Unusable as reason:
        return [Finding(f"{part}: {reason}", 0, part)]
    return [] if letter == right else [Finding(message(known[letter]), 0, part)]


SCENARIOS = {"1": "joint", "2": "conditional", "3": ("joint", "marginal"), "4": "conditional"}
SCENARIO_FAULTS = {
    ("1", "conditional"): "pretraining_is_conditional",
    ("2", "joint"): "summariser_is_joint",
    ("4", "joint"): "summariser_is_joint",
    ("3", "conditional"): "detector_is_conditional",
}
GAPS = {  # B is right
    "A": "gap_blamed_on_x",
    "C": "gap_blamed_on_model",
    "D": "gap_makes_y_likely",
    "E": "gap_is_independence",
}
REPLIES = {"P": ("p", "-40", "first", "the first"), "Q": ("q", "-12", "second", "the second")}
LENGTH_KEYS = ("less_probable", "worse_per_token", "nats_per_token")


def choices(cases: Sequence[Case], seen: Sequence[Seen]) -> list[Finding]:
    """E06.8: four scenarios, the gap, and two replies of different lengths."""
    said = entries(seen[0].value, ("1", "2", "3", "4", "gap", *LENGTH_KEYS))
    findings = _named(said, SCENARIOS, SCENARIO_FAULTS, "scenarios", "scenario")
    findings += _chosen(said["gap"], "B", "E", GAPS, "gap")
    try:
        fault = _length_fault(said)
    except Unusable as reason:
        fault = f"lengths: {reason}"
    return findings + ([Finding(fault, 0, "lengths")] if fault else [])


def _length_fault(said: dict[str, Any]) -> str:
    if reply(said["less_probable"]) != "P":
        return message("fewer_nats_is_less_probable")
    if reply(said["worse_per_token"]) != "Q":
        return message("per_token_by_total")
    pair = said["nats_per_token"]
    if isinstance(pair, dict):
        pair = list(entries(pair, ("P", "Q")).values())
    got = read_numbers(pair, 2, "numbers")
    right = all(close(x, y) for x, y in zip(got, (-1, -4), strict=True))
    return "" if right else message("per_token_numbers_wrong")


def reply(said: Any) -> str:
    """ "P" or "Q", by name, by place or by its total. Raises Unusable."""
    text = said.lower().replace("−", "-").removeprefix("reply").strip(" .:'\"") if isinstance(said, str) else ""
    if isinstance(said, int | float | Fraction | Array) and not isinstance(said, bool):
        text = show(number(said))
    for name, words in REPLIES.items():
        if text in words:
            return name
    raise Unusable(f'{describe(said)} came back where "P" or "Q" is asked for')


JUDGES = {
    "E06.1": value(Fraction(-7, 2)),
    "E06.2": Judge(2, possible, parts={"verdict": 1, "numbers": 1}),
    "E06.3": matches(log_marginal, atol=1e-12),
    "E06.4": Judge(2, guarded),
    "E06.5": Judge(2, forensics, parts=dict.fromkeys("ABCD", 0.5)),
    "E06.6": value(4 * Fraction(-7, 2) - 2 * Fraction(-52, 10)),
    "E06.7": Judge(2, objectives, parts={"losses": 1, "meaning": 1}),
    "E06.8": Judge(3, choices, parts={"scenarios": 1, "gap": 1, "lengths": 1}),
}
