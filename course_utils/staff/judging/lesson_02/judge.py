"""Judges the answers of lesson 02 against references that take another route than the solution: the joint table cell
by cell where it is small, exact fractions elsewhere."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from course_utils.checks.plain import Array, decode
from course_utils.checks.probing import Case
from course_utils.checks.reading import (
    RTOL,
    RTOL_SINGLE,
    Unusable,
    close,
    describe,
    number,
    numbers,
    show,
    single_precision,
)
from course_utils.lessons.lesson_02.probe import BOS, Steps, end_symbol
from course_utils.staff.judging.judging import Finding, Judge, Seen, differs, each_case, matches, raised
from course_utils.staff.judging.mutants import message
from course_utils.toy_language import ToyLanguage, log_fraction


def _pair(one: Seen, second: str) -> list:
    """The two numbers of a value task; in a dict the one whose key holds the word `second` comes second."""
    got = one.value
    if isinstance(got, dict):
        got = [got[key] for key in sorted(got, key=lambda key: second in str(key).lower())]
    return numbers(got, 2, "numbers")


# --- E02.1 ----------------------------------------------------------------------------------------------------------


def impossible_start(cases: Sequence[Case], seen: Sequence[Seen]) -> list[Finding]:
    """E02.1: the pair (0, -inf)."""
    p, log_p = _pair(seen[0], "log")
    if p == 0 and log_p == -math.inf:
        return []
    if p == -math.inf and log_p == 0:
        return [Finding(message("swapped"), 0)]
    if math.isnan(p) or math.isnan(log_p):
        return [Finding(message("nan_for_zero"), 0)]
    if close(p, 0.32, 1e-3):
        return [Finding(message("zero_dropped"), 0)]
    if p != 0:
        small = 0 < p < 1e-6
        return [Finding(message("floor_for_zero") if small else f"the probability is not {show(p)}", 0)]
    if math.isfinite(log_p) and log_p < -20:
        return [Finding(message("floor_for_zero"), 0)]
    return [Finding(f"the probability is right; its logarithm is not {show(log_p)}", 0)]


# --- E02.2 and E02.5 ------------------------------------------------------------------------------------------------


def log_of_cells(tokens: Sequence, source: ToyLanguage | Steps, bos: Any = BOS) -> float:
    """log Pr(the sequence begins with these tokens): cells of the joint table added up, in exact arithmetic."""
    if isinstance(source, ToyLanguage):
        return log_fraction(source.marginal_prob(tokens, n=len(tokens), exact=True))
    return _log_of_steps(source.probs)


@functools.lru_cache(maxsize=64)
def _log_of_steps(probs: tuple[float, ...]) -> float:
    product = math.prod(map(Fraction, probs), start=Fraction(1))
    if product == 0:
        return -math.inf
    if product == 1:
        return 0.0
    return math.log(product.numerator) - math.log(product.denominator)  # of whole numbers of any size


def right_log(case: Case, one: Seen) -> str:
    """The fault of a scorer. In single precision the log of a p near 1 has few right digits, but small ones."""
    right = log_of_cells(*case.fresh_args())
    fault = differs(case, one, right)
    return "" if single_precision(one.value) and close(number(one.value), right, 1e-6, 1e-6) else fault


@each_case()
def scored_with_one_call_each(case: Case, one: Seen) -> str:
    """E02.2: the right log-probability on every case, from the right questions to the model."""
    return right_log(case, one) or _calls_fault(case, one)


def _calls_fault(case: Case, one: Seen) -> str:
    """What is wrong with the calls of cond; empty if nothing is."""
    tokens, source, bos = case.fresh_args()
    right = {(token, (bos, *tokens[:i])) for i, token in enumerate(tokens)}
    count, calls = one.items["count"], decode(one.items["calls"])
    if not isinstance(count, int) or not isinstance(calls, list):
        raise Unusable("the calls of cond could not be read")
    asked = [_question(call) for call in calls]
    if any(token == bos for token, _ in asked):
        return message("start_symbol_asked")
    odd = next((question for question in asked if question not in right), None)
    if odd:
        return f"cond was asked for {show(odd[0])} in the context {show(odd[1])}, which no token of this text needs"
    if count > len(tokens) or len(set(asked)) < len(asked):
        return message("model_called_twice")
    zero = any(source.cond(token, context) == 0 for token, context in asked)
    if count < len(tokens) and not zero:
        return (
            f"cond was called {count} times for {len(tokens)} tokens, none of them impossible: each token has a factor"
        )
    return ""


def _question(call: Any) -> tuple:
    """(token, context) as the spy wrote it down, with the tokens as plain strings and ints."""
    token, context = call
    if isinstance(context, Array):
        context = context.values.tolist()
    return _token(token), tuple(_token(item) for item in context)


def _token(item: Any) -> Any:
    if isinstance(item, Array):
        item = item.values.item()
    return int(item) if isinstance(item, float | Fraction) and item == int(item) else item


# --- E02.3 ----------------------------------------------------------------------------------------------------------

STAYS = Fraction(9, 10)
ENDS = Fraction(1, 10)
WITHIN_NINE = sum(STAYS**n * ENDS for n in range(10))  # length 0, 1, ..., 9
MEAN_LENGTH = Fraction(9)
KNOWN_MASSES = {
    "length_off_by_one": 1 - STAYS**9,
    "nothing_ended_by_then": STAYS**9,
    "survival_for_mass": STAYS**10,
    "one_length_for_all": STAYS**9 * ENDS,
}


def geometric_lengths(cases: Sequence[Case], seen: Sequence[Seen]) -> list[Finding]:
    """E02.3: (Pr(length <= 9), mean length), EOS not counted."""
    mass, mean = _pair(seen[0], "mean")
    rtol = RTOL_SINGLE if single_precision(seen[0].value) else RTOL
    if close(mass, WITHIN_NINE, rtol) and close(mean, MEAN_LENGTH, rtol):
        return []
    if close(mean, WITHIN_NINE, rtol) and close(mass, MEAN_LENGTH, rtol):
        return [Finding(message("swapped"), 0)]
    if not close(mass, WITHIN_NINE, 1e-3):
        for name, known in KNOWN_MASSES.items():
            if close(mass, known, 1e-3):
                return [Finding(message(name), 0)]
        return [Finding(f"Pr(length <= 9) is not {show(mass)}: add up the lengths 0, 1, ..., 9", 0)]
    if not close(mean, MEAN_LENGTH, 1e-2):
        if close(mean, 10, 1e-3):
            return [Finding(message("eos_counted"), 0)]
        return [Finding(f"the first number is right; the mean length is not {show(mean)}", 0)]
    which = "first" if not close(mass, WITHIN_NINE, rtol) else "second"
    return [Finding(f"the {which} number is nearly right: rounded, or a sum that stops too early?", 0)]


# --- E02.4 ----------------------------------------------------------------------------------------------------------


@each_case(parts={"prefix_prob": "prefix", "complete_prob": "complete"}, errors=True)
def both_events(case: Case, one: Seen) -> str:
    """E02.4: Pr(a string starts with the tokens), and Pr(it is the tokens), by adding up cells of the joint table."""
    function, *args = case.fresh_args()
    return raised(one, function) if one.error else differs(case, one, event_by_cells(function, *args))


def event_by_cells(function: str, tokens: Sequence[str], source: ToyLanguage) -> float:
    """The exact probability of one of the two events, rounded once."""
    event = tokens if function == "prefix_prob" else [*tokens, end_symbol(source)]
    return source.marginal_prob(event, n=len(tokens) + 1)


# --- E02.6 ----------------------------------------------------------------------------------------------------------


@functools.lru_cache(maxsize=1024)
def mass_step_by_step(n: int) -> Fraction:
    """Ends at step t after surviving all before it: these are separate events, added up exactly."""
    ended, alive = Fraction(0), Fraction(1)
    for t in range(1, n + 1):
        ends_now = alive / (t + 1) ** 2
        ended, alive = ended + ends_now, alive - ends_now
    return ended


# --- E02.7 ----------------------------------------------------------------------------------------------------------

EOS_MARKS = ("</s>", "⟨/s⟩", "<eos>", "[eos]", "<|endoftext|>", "<end>", "<|eot_id|>", "<|im_end|>")


def a_sure_winner(cases: Sequence[Case], seen: Sequence[Seen]) -> list[Finding]:
    """E02.7: two different candidates or more, one of which is a prefix of each of the others; no EOS in any."""
    found = _candidates(seen[0].value)
    if not found:
        return [Finding("the list is empty: give at least two candidates", 0)]
    if any(_is_eos(token) for candidate in found for token in candidate):
        return [Finding(message("eos_in_candidates"), 0)]
    candidates = list(dict.fromkeys(found))
    if len(candidates) == 1:
        return [Finding(message("one_candidate"), 0)]
    first = min(candidates, key=len)
    other = next((c for c in candidates if c[: len(first)] != first), None)
    if other is None:
        return []
    return [Finding(f"{message('winner_not_a_prefix')} (here: {_text(first)} and {_text(other)})", 0)]


def _candidates(value: Any) -> list[tuple]:
    """The candidates as tuples of tokens. Strings are split into words where one of them has a space (or stands beside
    tuples), else into characters."""
    if not isinstance(value, list | tuple):
        raise Unusable(f"{describe(value)} came back where a list of candidates is asked for")
    texts = [item for item in value if isinstance(item, str)]
    words = len(texts) < len(value) or any(" " in text.strip() for text in texts)
    return [_tokens(item, words) for item in value]


def _tokens(item: Any, words: bool) -> tuple:
    if isinstance(item, str):
        text = item.strip()
        if any(mark in text.lower() for mark in EOS_MARKS) or text.endswith("EOS"):
            return (text, "EOS")
        return tuple(re.findall(r"\w+|[^\w\s]", text) if words else text)
    if isinstance(item, Array) and item.values.ndim == 1:
        return tuple(item.values.tolist())
    if isinstance(item, list | tuple):
        if not all(isinstance(token, str | int) and not isinstance(token, bool) for token in item):
            raise Unusable("a candidate is a string, or a tuple of tokens that are strings or ids")
        return tuple(item)
    raise Unusable(f"{describe(item)} is no candidate: write a string, or a tuple of tokens")


def _is_eos(token: Any) -> bool:
    return isinstance(token, str) and (token.strip().lower() in EOS_MARKS or token.strip() in ("EOS", "eos"))


def _text(candidate: tuple) -> str:
    return show(list(candidate)) if candidate else "the empty candidate"


JUDGES = {
    "E02.1": Judge(1, impossible_start),
    "E02.2": Judge(2, scored_with_one_call_each),
    "E02.3": Judge(1, geometric_lengths),
    "E02.4": Judge(2, both_events, parts={"prefix": 1, "complete": 1}),
    "E02.5": Judge(2, each_case()(right_log)),
    "E02.6": matches(mass_step_by_step),
    "E02.7": Judge(2, a_sure_winner),
}
