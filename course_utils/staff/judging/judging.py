"""Decides what an answer is worth, from the plain data that its probe brought back.

A judge is a pure function of (cases, observations). The observations may come from a hostile kernel: they are read with
`plain.decode`, and the inputs are made again from the seed, never taken from the data.
"""

from __future__ import annotations

import contextlib
import functools
import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

import numpy as np

from course_utils.checks import probing
from course_utils.checks.plain import Array, Malformed, decode, encode
from course_utils.checks.probing import Case, load_probe, silence, why_missing
from course_utils.checks.reading import (
    ATOL_ZERO,
    RTOL,
    RTOL_SINGLE,
    Unusable,
    array,
    close,
    close_arrays,
    number,
    show,
    single_precision,
)
from course_utils.checks.registry import is_turn, lesson_of
from course_utils.checks.settings import ours
from course_utils.staff.judging.mutants import Answer
from course_utils.staff.judging.registry import load_judge, load_mutants

ROUNDED = 1e-3  # a value this near to the right one was rounded


@dataclass(frozen=True)
class Seen:
    """One observation: a decoded value, or the error that the answer raised. `items` is what a custom probe wrote
    beside it.

    bases: the exceptions that the error is derived from. stub: where it came from the line `raise NotImplementedError`
    of the exercise, what its `function` was: "untouched", "left" (beside an answer) or "absent".
    """

    value: Any = None
    error: str = ""
    message: str = ""
    items: dict = field(default_factory=dict)
    bases: tuple[str, ...] = ()
    stub: str = ""
    function: str = ""

    @classmethod
    def read(cls, data: Any) -> Seen:
        """From a probe's plain observation. Raises Malformed."""
        if not isinstance(data, dict):
            raise Malformed("not an observation")
        if "error" in data:
            message, stub, function = (str(data.get(key, ""))[:300] for key in ("message", "stub", "function"))
            bases = data.get("bases")
            bases = tuple(map(str, bases[:20])) if isinstance(bases, list) else ()
            error = str(data["error"])[:100] or "Exception"
            return cls(error=error, message=message, bases=bases, stub=stub, function=function)
        items = {k: v for k, v in data.items() if k != "value"}
        return cls(value=decode(data["value"]) if "value" in data else None, items=items)

    def raised(self, kind: str) -> bool:
        """Whether the answer raised an exception of this kind, or one of a kind derived from it."""
        return kind in (self.error, *self.bases)


@dataclass(frozen=True)
class Finding:
    """One fault: what is wrong, in words for the student, on which case, and of which named part of the task."""

    message: str
    case: int | None = None
    part: str = ""


Rule = Callable[[Sequence[Case], Sequence[Seen]], "list[Finding]"]


@dataclass(frozen=True)
class Judge:
    """What a task is worth and when.

    `rule` returns the faults; without one the answer is right. `parts` names parts with points of their own (they add
    up to `points`): a fault costs the part that it names, a fault without a part costs all. `target` is the number
    that a value task asks for: what lies near it was rounded. `read` brings an answer that may come in several forms
    into one, so that a known mistake is recognised in each of them.
    """

    points: float
    rule: Rule
    parts: dict[str, float] = field(default_factory=dict)
    target: float | None = None
    read: Callable[[Any], Any] | None = None


@dataclass(frozen=True)
class Verdict:
    """The result of a check. status: "graded", "missing" (nothing to judge) or "error" (the answer raised)."""

    points: float
    max_points: float
    status: str = "graded"
    message: str = ""
    call: str = ""
    misconception: str | None = None
    parts: dict[str, tuple[float, float]] = field(default_factory=dict)

    @property
    def right(self) -> bool:
        """Whether it earned all points."""
        return self.points == self.max_points


# --- rules for the usual kinds of task ------------------------------------------------------------------------------


def value(target: float | Fraction, points: float = 1, rtol: float = RTOL) -> Judge:
    """A task that asks for one number."""

    def rule(cases: Sequence[Case], seen: Sequence[Seen]) -> list[Finding]:
        got = number(seen[0].value)
        if close(got, target, max(rtol, RTOL_SINGLE) if single_precision(seen[0].value) else rtol):
            return []
        return [Finding(f"your value is {show(got)}, and that is not the number that the task asks for", 0)]

    return Judge(points, rule, target=float(target))


JudgeOne = Callable[[Any, Seen], "str | Sequence[str | Finding]"]  # of a case, of whatever kind, and what was seen


def each_case(
    parts: dict[str, str | tuple[str, ...]] | None = None, errors: bool = False
) -> Callable[[JudgeOne], Rule]:
    """Decorator: makes a rule of a function that judges one case, `judge_one(case, one)`.

    It returns what is wrong, a text (empty if nothing is) or a list of texts and of Findings with parts of their own;
    or it raises Unusable. Where a task asks for several functions, `parts` says which part or parts a text about each
    of them costs. An answer that raised is at fault without a look at it ("not answered yet" where it is one of several
    functions and is not there); with `errors`, `judge_one` says what of that.
    """

    def decorate(judge_one: JudgeOne) -> Rule:
        @functools.wraps(judge_one)
        def rule(cases: Sequence[Case], seen: Sequence[Seen]) -> list[Finding]:
            findings = []
            for index, (case, one) in enumerate(zip(cases, seen, strict=True)):
                function = case.call("").partition("(")[0] if parts else ""
                costs = parts[function] if parts else ""
                faults = "" if errors else _not_run(one, function)
                if not faults:
                    try:
                        faults = judge_one(case, one)
                    except Unusable as reason:
                        faults = str(reason)
                for fault in filter(None, [faults] if isinstance(faults, str) else faults):
                    if isinstance(fault, Finding):
                        findings.append(replace(fault, case=index))
                    else:
                        each = [costs] if isinstance(costs, str) else costs
                        findings += [Finding(fault, index, part) for part in each]
            return findings

        return rule

    return decorate


def _not_run(one: Seen, function: str) -> str:
    return raised(one, function) if one.error else ""


def agrees(reference: Callable, rtol: float = RTOL, atol: float = 0.0, read: Callable = number) -> Rule:
    """The rule for a function that should agree with `reference(*args)` on every case."""
    return each_case()(lambda case, one: differs(case, one, reference(*case.fresh_args()), rtol, atol, read))


def matches(reference: Callable, points: float = 2, **how: Any) -> Judge:
    """A task whose function has to agree with `reference` on every case. `how` as for `agrees`."""
    return Judge(points, agrees(reference, **how))


def differs(
    case: Case, one: Seen, expected: Any, rtol: float = RTOL, atol: float = 0.0, read: Callable = number
) -> str:
    """What is wrong with a value where `expected` is right; empty if nothing is. `read` is `number`, or gives an array.

    Raises Unusable.
    """
    got = read(one.value)
    tolerance = max(rtol, RTOL_SINGLE) if single_precision(one.value) else rtol
    if read is number:
        right = close(got, expected, tolerance, atol)
    else:
        expected = np.asarray(expected, dtype=np.float64)
        right = close_arrays(got, expected, tolerance, max(atol, ATOL_ZERO))
    if right:
        return ""
    rounded = read is number and close(got, expected, ROUNDED)
    hint = " (rounded somewhere, or in low precision?)" if rounded else of(case)
    return f"{show(one.value)} came back, where {show(_listed(expected))} is right{hint}"


def of(case: Case) -> str:
    """What is special about the case, to stand behind a fault."""
    return f" ({case.label})" if case.label else ""


def _listed(expected: Any) -> Any:
    return expected.tolist() if isinstance(expected, np.ndarray) else expected


def raised(one: Seen, function: str = "") -> str:
    """The fault of an answer that raised. function: the one that was called, where a task asks for several."""
    return probing.raised(one.error, one.message, one.stub, one.function or function)


# --- the whole of a judgement ---------------------------------------------------------------------------------------


@ours()
@silence()
def judge_task(task: str, data: Any, seed: int, explain: bool = True) -> Verdict:
    """The verdict on what `probe_task(task, ..., seed)` brought back.

    `data` is untrusted; raises only for an unknown task. Without `explain` no misconception is looked for: the points
    are the same, and it takes less time.
    """
    judge, probe = load_judge(task), load_probe(task)
    nothing = Verdict(0.0, float(judge.points), "missing")
    state = data.get("state") if isinstance(data, dict) else None
    if state in ("stub", "missing", "unasked"):
        status = "error" if state == "unasked" else "missing"
        return replace(nothing, status=status, message=why_missing(data))
    try:
        if state != "answered" or data.get("task") != task:
            raise Malformed("not the data of this task")
        cases = probe.cases(random.Random(seed))
        observations = data["seen"]
        if not isinstance(observations, list) or len(observations) != len(cases):
            raise Malformed("not one observation for each case")
        seen = [Seen.read(one) for one in observations]
        findings = _apply(judge, cases, seen)
    except (Malformed, KeyError, TypeError, ValueError, AttributeError, IndexError, ArithmeticError) as error:
        return replace(nothing, status="graded", message=f"what came back could not be read ({type(error).__name__})")
    return _verdict(task, judge, cases, observations, seen, findings, explain)


def _apply(judge: Judge, cases: Sequence[Case], seen: Sequence[Seen]) -> list[Finding]:
    """The rule's findings; an answer that raised on every case is not put before the rule."""
    if all(one.error for one in seen):
        return [Finding(raised(seen[0]), 0)]
    try:
        return judge.rule(cases, seen)
    except Unusable as reason:
        return [Finding(str(reason), 0 if len(cases) == 1 else None)]


def _verdict(
    task: str, judge: Judge, cases: Sequence[Case], observations: list, seen: list, findings: list, explain: bool
) -> Verdict:
    parts = judge.parts or {"": float(judge.points)}
    lost = {finding.part for finding in findings}
    earned = {name: 0.0 if name in lost or "" in lost else float(worth) for name, worth in parts.items()}
    points = math.fsum(earned.values())
    named = {name: (earned[name], float(worth)) for name, worth in judge.parts.items()}
    if not findings:
        return Verdict(points, float(judge.points), parts=named)
    first, function = findings[0], load_probe(task).function
    at = first.case
    known = recognise(task, judge, cases, observations, findings) if explain else None
    message = (
        known.message if known else _advice(seen[at], first.message, function) if at is not None else first.message
    )
    call = cases[at].call(function) if at is not None and cases[at].fresh_args() else ""
    status = "error" if points == 0 and all(one.error for one in seen) else "graded"
    misconception = known.misconception or None if known else None
    return Verdict(points, float(judge.points), status, message, call, misconception, named)


def _advice(one: Seen, message: str, function: str) -> str:
    advice = {
        "NameError": "a name is used before it is defined: run the cells above, or define it inside the function",
        "TypeError": "compare the arguments of your function with the contract above the cell"
        if one.message.startswith(f"{function}()")
        else "",
        "RecursionError": "the recursion never ends",
        "SystemExit": "an answer must not end the program",
    }
    return f"{message} ({advice[one.error]})" if advice.get(one.error) else message


def recognise(task: str, judge: Judge, cases: Sequence[Case], observations: list, findings: list) -> Answer | None:
    """The known mistake that gives what was observed, or None.

    A number: the known wrong value nearest to it, within `ROUNDED`, unless the right one is nearer still (then it was
    rounded). Otherwise: the wrong answer that agrees with the observations on most of the cases that failed, on the
    first one among them, and on at least half.
    """
    answers = load_mutants(lesson_of(task)).MUTANTS.wrong_answers.get(task, [])
    if judge.target is not None:
        return _nearest(judge.target, observations, answers)
    failed = sorted({f.case for f in findings if f.case is not None}) or list(range(len(cases)))
    few = failed[:: -(-len(failed) // 12)]  # at most 12, spread over the failed cases, the first included
    shares = [_share(task, answer, cases, observations, few, judge) for answer in answers]
    best = max(shares, default=0.0)
    equal = [answer for answer, share in zip(answers, shares, strict=True) if share == best]
    if best < 0.5 or len(equal) == 1:
        return equal[0] if best >= 0.5 else None
    every = range(len(cases))
    return max(equal, key=lambda answer: _share(task, answer, cases, observations, every, judge, first=False))


def _share(
    task: str,
    answer: Answer,
    cases: Sequence[Case],
    observations: list,
    which: Sequence[int],
    judge: Judge,
    first: bool = True,
) -> float:
    """On which share of the cases `which` a known wrong answer does what was observed; 0 unless on the first of them
    too."""
    theirs = load_probe(task).ask(answer.names, [cases[i] for i in which])
    agree = [alike(observations[i], mine, judge.read) for i, mine in zip(which, theirs, strict=True)]
    return sum(agree) / len(agree) if agree[0] or not first else 0.0


def _nearest(target: float, observations: list, answers: Sequence[Answer]) -> Answer | None:
    try:
        got = float(number(Seen.read(observations[0]).value))
    except (Unusable, Malformed, OverflowError):
        return next((a for a in answers if alike(observations[0], _observe_value(a))), None)
    if math.isnan(got):
        return next((a for a in answers if (x := _target_of(a)) is not None and math.isnan(x)), None)
    known = [(abs(got - x), a) for a in answers if (x := _target_of(a)) is not None and _near(got, x)]
    distance, nearest = min(known, key=lambda pair: pair[0], default=(math.inf, None))
    if _near(got, target) and abs(got - target) < distance:
        return Answer("", {}, message="right, but rounded: return the unrounded number")
    return nearest


def _near(got: float, x: float) -> bool:
    if not (math.isfinite(got) and math.isfinite(x)):
        return got == x
    return abs(got - x) <= ROUNDED * (1.0 if abs(x) >= 0.01 else abs(x))


def _target_of(answer: Answer) -> float | None:
    try:
        return float(number(decode(_observe_value(answer)["value"])))
    except (Unusable, OverflowError):
        return None


def _observe_value(answer: Answer) -> dict:
    return {"value": encode(next(iter(answer.names.values()))())}


def alike(one: Any, other: Any, read: Callable[[Any], Any] | None = None) -> bool:
    """Whether two plain observations say the same: the same error with the same text, or equal values up to the
    precision they came in.

    With `read`: whether both read the same.
    """
    if not (isinstance(one, dict) and isinstance(other, dict)):
        return False
    if "error" in one or "error" in other:
        return all(one.get(part) == other.get(part) for part in ("error", "message"))
    if read is not None:
        with contextlib.suppress(Unusable, KeyError):
            return read(decode(one["value"])) == read(decode(other["value"]))
    with contextlib.suppress(Malformed):  # what stands beside the value was not looked at before
        return _alike(*({key: item for key, item in seen.items() if key != "shown"} for seen in (one, other)))
    return False


def _alike(a: Any, b: Any) -> bool:
    if isinstance(a, dict) and isinstance(b, dict):
        if "t" in a and "t" in b:
            return _alike_values(decode(a), decode(b))
        return a.keys() == b.keys() and all(_alike(a[k], b[k]) for k in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(_alike(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, float) and isinstance(b, float):
        return close(a, b)
    return a == b


def _alike_values(a: Any, b: Any) -> bool:
    rtol = RTOL_SINGLE if single_precision(a) or single_precision(b) else RTOL
    with contextlib.suppress(Unusable):
        return close(number(a), number(b), rtol)
    with contextlib.suppress(Unusable, OverflowError):
        return close_arrays(array(a), array(b), rtol)
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_alike_values(a[k], b[k]) for k in a)
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return len(a) == len(b) and all(_alike_values(x, y) for x, y in zip(a, b, strict=True))
    return not isinstance(a, Array) and type(a) is type(b) and a == b


def report(task: str, verdict: Verdict) -> str:
    """What `check` prints: a first line that is the same for every right answer, then what went wrong."""
    name = f"{task} {load_probe(task).function}"
    if verdict.status == "missing" and verdict.message == "not answered yet":
        return f"{name}: not answered yet"
    points = f"{verdict.points:g} of {verdict.max_points:g} points"
    lines = [f"{name}: {('right' if verdict.right else 'not yet') if is_turn(task) else points}"]
    if not verdict.right:
        lost = [part for part, (got, worth) in verdict.parts.items() if got < worth]
        lines += (
            [f"  right so far: {', '.join(p for p in verdict.parts if p not in lost)}"]
            if 0 < len(lost) < len(verdict.parts)
            else []
        )
        lines += [f"  {verdict.message}"]
        lines += [f"  try: {verdict.call}"] if verdict.call else []
    return "\n".join(lines)
