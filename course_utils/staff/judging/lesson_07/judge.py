"""Judges the answers of lesson 07 in exact fractions: cells of the joint table added up, and lists of all sequences."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

from course_utils.checks.plain import Malformed, decode
from course_utils.checks.probing import Case
from course_utils.checks.reading import (
    ATOL_ZERO,
    RTOL,
    RTOL_SINGLE,
    Unusable,
    close,
    describe,
    entries,
    number,
    numbers,
    show,
    single_precision,
    truth,
)
from course_utils.staff.judging.judging import ROUNDED, Finding, Judge, Seen, differs, each_case, matches, of, value
from course_utils.staff.judging.mutants import message
from course_utils.toy_language import ToyLanguage, log_fraction

# --- E07.2 and E07.3 ------------------------------------------------------------------------------------------------


@functools.lru_cache(maxsize=1024)
def _exact_log(lm: ToyLanguage, x: tuple[int, ...], y: tuple[int, ...]) -> float:
    if len(x) + len(y) <= 5:  # the share of the cells that begin with x and go on with y
        return log_fraction(lm.conditional_prob(x, y, exact=True))
    return log_fraction(lm.prefix_prob([*x, *y], exact=True) / lm.prefix_prob(x, exact=True))


def exact_conditional(lm: ToyLanguage, x: Sequence[int], y: Sequence[int]) -> float:
    """log Pr(y | x) by the definition of a conditional, rounded once."""
    return _exact_log(lm, tuple(x), tuple(y))


@each_case()
def spied(case: Case, one: Seen) -> str:
    """E07.2: the right value on every case, from contexts that are beginnings of [x, y]."""
    return _context_fault(case, one) or differs(case, one, exact_conditional(*case.fresh_args()))


def _context_fault(case: Case, one: Seen) -> str:
    """What is wrong with the contexts that the model was asked about; empty if nothing is."""
    _, x, y = case.fresh_args()
    asked = decode(one.items["asked"])
    if not isinstance(asked, list):
        raise Malformed("no list of contexts")
    for context in asked:
        context = [int(number(token)) for token in context]
        if context == (x + y)[: len(context)]:
            continue
        if context[: len(x)] != x:
            return f"{message('x_not_in_context')} (asked after {show(context)})"
        return f"the model was asked after {show(context)}, which is no beginning of [x, y]"
    return ""


# --- E07.4 ----------------------------------------------------------------------------------------------------------

PATHS = {"A": Fraction(-9, 10) + Fraction(-15, 10), "B": Fraction(-12, 10) + Fraction(-11, 10)}
MODELS = {"A": Fraction(-5, 10) + Fraction(-16, 10), "B": Fraction(-10, 10) + Fraction(-9, 10)}


def paths_and_models(cases: Sequence[Case], seen: Sequence[Seen]) -> list[Finding]:
    """E07.4: the better path and the better model, each with its log-probability."""
    said = entries(seen[0].value, ("path", "log_prob", "model", "model_log_prob"))
    findings = []
    for part, key, totals, words in (
        ("path", "log_prob", PATHS, {"warm": "A", "mat": "A", "plush": "B", "rug": "B"}),
        ("model", "model_log_prob", MODELS, {}),
    ):
        try:
            fault = _choice_fault(part, _letter(said[part], words), said[key], totals)
        except Unusable as reason:
            fault = f"{part}: {reason}"
        findings += [Finding(fault, 0, part)] if fault else []
    return findings


def _letter(said: Any, words: dict[str, str]) -> str:
    if isinstance(said, str):
        found = {word.upper() for word in re.findall(r"\b[ABab]\b", said)}
        found |= {letter for word, letter in words.items() if re.search(rf"\b{word}\b", said.lower())}
        if len(found) == 1:
            return found.pop()
    raise Unusable(f'{describe(said)} came back where "A" or "B" is asked for')


def _choice_fault(part: str, letter: str, said: Any, totals: dict[str, Fraction]) -> str:
    if letter != "B":
        return message("best_first_token_wins" if part == "path" else "surest_first_token_wins")
    got, target = number(said), totals["B"]
    if close(got, target, RTOL_SINGLE if single_precision(said) else RTOL):
        return ""
    known = {
        "mean_of_logs": target / 2,
        "total_of_the_loser": totals["A"],
        "probability_for_log": math.exp(target),
        "surprisal_for_log_prob": -target,
    }
    for name, wrong in known.items():
        if close(got, wrong, 2e-3):
            return f"{part}: {message(name)}"
    if close(got, target, ROUNDED):
        return f"{part}: {message('rounded')}"
    return f"{part}: the choice is right; its log-probability is not {show(got)}"


# --- E07.5 ----------------------------------------------------------------------------------------------------------

VIA_A = math.log(0.5) - math.log1p(math.exp(-10.0))
VIA_B = math.log(0.25)
KNOWN_VIA = {
    "second_step_dropped": (math.log(0.5), math.log(0.5)),
    "raw_logit_added": (math.log(0.5) + 10, math.log(0.5) + 1),
    "logits_added_up": (10.0, 1.0),
    "via_in_probabilities": (math.exp(VIA_A), math.exp(VIA_B)),
    "swapped": (VIA_B, VIA_A),
    "first_step_dropped": (VIA_A - math.log(0.5), math.log(0.5)),
    "via_bits": (VIA_A / math.log(2), VIA_B / math.log(2)),
}


def equal_start(cases: Sequence[Case], seen: Sequence[Seen]) -> list[Finding]:
    """E07.5: the best total via A, the best via B, and the claim."""
    said = entries(seen[0].value, ("via_a", "via_b", "claim"))
    findings = []
    try:
        got = [number(said["via_a"]), number(said["via_b"])]
        fault = _via_fault(got, max(1e-8, RTOL_SINGLE) if single_precision(seen[0].value) else 1e-8)
    except Unusable as reason:
        fault = f"numbers: {reason}"
    findings += [Finding(fault, 0, "numbers")] if fault else []
    try:
        if said["claim"] is None:
            raise Unusable("True or False is asked for")
        if truth(said["claim"]):
            findings.append(Finding(message("equal_start_equal_end"), 0, "claim"))
    except Unusable as reason:
        findings.append(Finding(f"claim: {reason}", 0, "claim"))
    return findings


def _via_fault(got: list, rtol: float) -> str:
    right = [close(x, k, rtol) for x, k in zip(got, (VIA_A, VIA_B), strict=True)]
    if all(right):
        return ""
    for name, known in KNOWN_VIA.items():
        hits = [close(x, k, 1e-6) for x, k in zip(got, known, strict=True)]
        if all(hit or fine for hit, fine in zip(hits, right, strict=True)):
            return message(name)
    if all(close(x, k, ROUNDED) for x, k in zip(got, (VIA_A, VIA_B), strict=True)):
        return f"numbers: {message('rounded')}"
    which = "A" if not right[0] else "B"
    return f"numbers: {show(got[which == 'B'])} is not the log-probability of the best path that begins with {which}"


# --- E07.6 and E07.8 ------------------------------------------------------------------------------------------------


@functools.lru_cache(maxsize=4096)
def _after(lm: ToyLanguage, x: tuple[int, ...], y: tuple[int, ...]) -> Fraction:
    """Pr(y | x), exactly."""
    return lm.prefix_prob(x + y, exact=True) / lm.prefix_prob(x, exact=True)


def _longer(lm: ToyLanguage, y: tuple[int, ...]) -> list[tuple[int, ...]]:
    return [y] if y and y[-1] == lm.eos else [(*y, token) for token in range(1, lm.vocabulary_size)]


def greedy_y(lm: ToyLanguage, x: tuple[int, ...], n: int) -> list[tuple[int, ...]]:
    """One token at a time, each time the most probable sequence among those that are one token longer."""
    y: tuple[int, ...] = ()
    for _ in range(n):
        y = max(_longer(lm, y), key=lambda z: _after(lm, x, z))  # of equals the first
    return [y]


@functools.lru_cache(maxsize=512)
def best_ys(lm: ToyLanguage, x: tuple[int, ...], n: int) -> list[tuple[int, ...]]:
    """Every y that no other beats, from a list of all."""
    every = {y: _after(lm, x, y) for y in lm.continuations(n)}
    return [y for y, p in every.items() if p == max(every.values())]


def beam_y(lm: ToyLanguage, x: tuple[int, ...], width: int, n: int) -> list[tuple[int, ...]]:
    """Layer by layer: of all that are one token longer, the `width` most probable."""
    layer: list[tuple[int, ...]] = [()]
    for _ in range(n):
        layer = sorted((z for y in layer for z in _longer(lm, y)), key=lambda z: -_after(lm, x, z))[:width]
    return layer[:1]


REFERENCES: dict[str, Callable] = {"greedy": greedy_y, "exhaustive_argmax": best_ys, "beam": beam_y}


@each_case(parts={"greedy": "greedy", "exhaustive_argmax": "exhaustive", "beam": ""})
def found(case: Case, one: Seen) -> str:
    """The fault of a search: another y than the right one, or another log-probability."""
    function, lm, x, *sizes = case.fresh_args()
    try:
        fault = _search_fault(lm, tuple(x), REFERENCES[function](lm, tuple(x), *sizes), one.value)
    except Unusable as reason:
        fault = str(reason)
    return fault and fault + of(case)


def _search_fault(lm: ToyLanguage, x: tuple[int, ...], right: list[tuple[int, ...]], got: Any) -> str:
    if not isinstance(got, list | tuple) or len(got) != 2:
        raise Unusable(f"{describe(got)} came back where a pair (y, log Pr(y|x)) is asked for")
    y, score = _ids(got[0]), number(got[1])
    if y in [x + z for z in right]:
        return message("x_returned_with_y")
    if lm.eos in y[:-1]:
        return f"{message('goes_on_after_eos')}: y is {show(list(y))}"
    if y not in right:
        return f"y is {show(list(y))}, where {show(list(right[0]))} is right"
    target = log_fraction(_after(lm, x, y))
    if close(score, target, RTOL_SINGLE if single_precision(got[1]) else RTOL, ATOL_ZERO):
        return ""
    return f"y is right; its log Pr(y|x) is {show(target)}, and {show(score)} came back"


def _ids(got: Any) -> tuple[int, ...]:
    """y as a tuple of ids. Raises Unusable."""
    if isinstance(got, str):
        raise Unusable(f"{describe(got)} came back for y, which is a list of ids")
    ids = numbers(got, None, "ids")
    if not all(float(i).is_integer() for i in ids):
        raise Unusable(f"{show(got)} came back for y, which is a list of ids")
    return tuple(int(i) for i in ids)


# --- E07.7 ----------------------------------------------------------------------------------------------------------

STEPS = 3
GAP = 0.1  # nats
SUMS = 1e-9  # how far from 1 a row may be
TIE = 1e-12


def trap(cases: Sequence[Case], seen: Sequence[Seen]) -> list[Finding]:
    """E07.7: the claim, and tables in which greedy loses."""
    said = entries(seen[0].value, ("greedy_is_best", "tables"))
    findings = []
    try:
        if said["greedy_is_best"] is None:
            raise Unusable("True or False is asked for")
        if truth(said["greedy_is_best"]):
            findings.append(Finding(message("greedy_is_best"), 0, "claim"))
    except Unusable as reason:
        findings.append(Finding(f"greedy_is_best: {reason}", 0, "claim"))
    try:
        fault = _tables_fault(_tables(said["tables"]))
    except Unusable as reason:
        fault = f"tables: {reason}"
    return findings + ([Finding(fault, 0, "tables")] if fault else [])


def _tables(said: Any) -> dict[tuple[int, ...], list[float]]:
    """The rows by prefix. A prefix of one token may have lost its comma: (1) is 1. Raises Unusable."""
    if not isinstance(said, dict):
        raise Unusable(f"{describe(said)} came back where a dict from prefix to row is asked for")
    tables = {}
    for prefix, row in said.items():
        if isinstance(prefix, int | float) and not isinstance(prefix, bool):
            prefix = (prefix,)
        if not isinstance(prefix, tuple):
            raise Unusable(f"{show(prefix)} is no prefix: write a tuple of ids, such as () or (1, 0)")
        tables[_ids(prefix)] = [float(p) for p in numbers(row, None, "probabilities")]
    return tables


def _tables_fault(tables: dict[tuple[int, ...], list[float]]) -> str:
    sizes = {len(row) for row in tables.values()}
    if not tables or () not in tables:
        return "tables: there is no row for (), the first step"
    if max(sizes) < 2:
        return message("vocabulary_of_one")
    if len(sizes) > 1:
        return f"tables: every row has one probability for each token, but they are {show(sorted(sizes))} long"
    for prefix, row in tables.items():
        if any(not math.isfinite(p) or p < 0 for p in row):
            return f"tables: the row of {show(prefix)} has something in it that is no probability"
        if abs(math.fsum(row) - 1) > SUMS:
            return f"{message('row_sum_not_one')}: that of {show(prefix)} gives {math.fsum(row):.6g}"
    layer: dict[tuple[int, ...], float] = {(): 1.0}
    for _ in range(STEPS):
        missing = next((y for y, p in layer.items() if p > 0 and y not in tables), None)
        if missing is not None:
            return f"tables: there is no row for {show(missing)}, which can be reached"
        layer = {(*y, t): p * q for y, p in layer.items() if p > 0 for t, q in enumerate(tables[y])}
    y: tuple[int, ...] = ()
    for _ in range(STEPS):
        first, second = sorted(tables[y], reverse=True)[:2]
        if first - second <= TIE:
            return f"{message('greedy_tie')} (in the row of {show(y)})"
        y = (*y, tables[y].index(first))
    best = max(layer, key=lambda z: layer[z])
    lost = math.log(layer[best]) - math.log(layer[y])
    if lost > GAP:
        return ""
    if lost <= 0:
        return f"{message('greedy_wins_here')}: {show(y)} has {layer[y]:.6g}"
    return f"{message('gap_too_small')}: here it is {lost:.4g} nats, {show(best)} against {show(y)}"


JUDGES = {
    "E07.1": value(Fraction(-11, 10)),
    "E07.2": Judge(2, spied),
    "E07.3": matches(exact_conditional),
    "E07.4": Judge(2, paths_and_models, parts={"path": 1, "model": 1}),
    "E07.5": Judge(2, equal_start, parts={"numbers": 1, "claim": 1}),
    "E07.6": Judge(2, found, parts={"greedy": 1, "exhaustive": 1}),
    "E07.7": Judge(2, trap, parts={"claim": 1, "tables": 1}),
    "E07.8": Judge(2, found),
}
