"""Asks the answers of lesson 02.

A case of the scorers has three arguments: the tokens, the language (a ToyLanguage, or `Steps`) and BOS. The answer gets
`language.cond` in the language's place.
"""

from __future__ import annotations

import functools
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from course_utils import toy_language
from course_utils.checks.plain import encode
from course_utils.checks.probing import Case, Probe, not_there, observe
from course_utils.toy_language import ToyLanguage

BOS = "<s>"
MOST_CALLS = 30  # of one answer, as many calls of cond are written down


@dataclass(frozen=True)
class Steps:
    """A language in which the first token has the first of these probabilities, the second the second, and so on."""

    probs: tuple[float, ...]

    def cond(self, token: Any, context: Sequence[Any]) -> float:
        """Pr(token | context), where the context is BOS and the tokens so far."""
        return self.probs[len(context) - 1]


@functools.lru_cache(maxsize=256)
def language(call: str, *args: Any, **options: Any) -> ToyLanguage:
    """A language of `toy_language`, made once: it keeps its rows and is only read."""
    return getattr(toy_language, call)(*args, **options)


def _case(function: str, tokens: Sequence, source: ToyLanguage | Steps, bos: Any = BOS, label: str = "") -> Case:
    tokens = list(tokens)
    short = len(set(map(str, tokens))) > 1 or len(tokens) < 5
    text = repr(tokens) if short else f"[{tokens[0]!r}] * {len(tokens)}"
    if isinstance(source, ToyLanguage):
        name = f"{source!r}.cond"
    else:
        probs = list(source.probs)
        one = len(probs) > 5 and len(set(probs)) == 1
        name = f"steps({f'[{probs[0]}] * {len(probs)}' if one else probs})"
    start = "BOS" if bos == BOS else repr(bos)
    return Case(lambda: (list(tokens), source, bos), f"{function}({text}, {name}, {start})", label)


def _random_tokens(rng: random.Random, source: ToyLanguage, most: int = 4) -> list[str]:
    return [source.symbols[rng.choice(source.alphabet)] for _ in range(rng.randint(2, most))]


# --- E02.2 and E02.5: scorers ----------------------------------------------------------------------------------------


def sequence_cases(rng: random.Random) -> list[Case]:
    """The lecture's sequences, ids for symbols, the edge cases, and languages that look at the whole context."""
    case = functools.partial(_case, "sequence_log_prob")
    cases = [
        case(["the", "cat", "sat"], language("the_cat_sat")),
        case(["a", "b"], language("toy_bigram")),
        case([], language("toy_bigram"), label="no token at all"),
        case(["b"], language("toy_bigram"), label="one token"),
        case([2, 1, 1], language("toy_bigram"), 0, "tokens are ids here, and BOS is 0"),
        case(["a", "b", "c"], Steps((0.5, 0.0, 0.25)), label="an impossible token"),
        case(["a", "b"], Steps((0.0, 0.4)), label="the first token is impossible"),
        case(["a", "b"], Steps((0.4, 0.0)), label="the last token is impossible"),
        case(["a", "b"], Steps((1.0, 1.0)), label="every token is certain"),
        case(["x"] * 300, Steps((0.01,) * 300), label="a long sequence: the product of its factors is 0.0"),
        case(["x", "y", "z"], Steps((0.2, 0.3, 0.7)), "[START]", "another start symbol"),
    ]
    for i in range(20):
        source = language("random_language", rng.randrange(1000), zeros=i % 5 == 4)
        cases.append(case(_random_tokens(rng, source), source))
    return cases


def bug_cases(rng: random.Random) -> list[Case]:
    """Healthy sequences, impossible tokens at each place, and tokens that are all but impossible."""
    case = functools.partial(_case, "safe_log_prob")
    cases = [
        case(["the", "cat", "sat"], language("the_cat_sat")),
        case(["a", "b", "c"], Steps((0.5, 0.0, 0.25)), label="an impossible token"),
        case(["a", "b", "c"], Steps((0.0, 0.9, 0.9)), label="the first token is impossible"),
        case(["a", "b"], Steps((0.9, 0.0)), label="the last token is impossible"),
        case(["a", "b", "c"], Steps((0.0, 0.5, 0.0)), label="two impossible tokens"),
        case(["a"], Steps((0.0,)), label="nothing but an impossible token"),
        case(["x"] * 40, Steps((0.37,) * 40), label="a long healthy sequence, about -40"),
        case(["a", "b"], Steps((0.5, 1e-14)), label="all but impossible is not impossible"),
        case(["a", "b"], Steps((1e-300, 0.5)), label="all but impossible is not impossible"),
        case(["a", "b"], Steps((5e-324, 0.5)), label="the smallest number above 0 is not 0"),
        case([], language("toy_bigram"), label="no token at all"),
        case([1, 2, 3], language("toy_bigram"), 0, "tokens are ids here, and BOS is 0"),
    ]
    for i in range(20):
        source = language("random_language", rng.randrange(1000), zeros=i % 2 == 1)
        cases.append(case(_random_tokens(rng, source), source))
    return cases


def score_each(answer: Callable, cases: Sequence[Case]) -> list[dict]:
    """What the answer returns."""
    seen = []
    for case in cases:
        tokens, source, bos = case.fresh_args()
        seen.append(observe(answer, tokens, source.cond, bos))
    return seen


def score_with_a_spy(answer: Callable, cases: Sequence[Case]) -> list[dict]:
    """What the answer returns, how often it asked the model, and its first questions: (token, context)."""
    seen = []
    for case in cases:
        tokens, source, bos = case.fresh_args()
        calls: list[tuple] = []
        one = observe(answer, tokens, functools.partial(_spy, source, calls), bos)
        if "value" in one:
            one |= {"count": len(calls), "calls": encode(calls[:MOST_CALLS])}
        seen.append(one)
    return seen


def _spy(source: ToyLanguage | Steps, calls: list[tuple], token: Any, context: Sequence[Any]) -> float:
    calls.append((token, tuple(context)))
    return source.cond(token, tuple(context))


# --- E02.4: starts with, and is ---------------------------------------------------------------------------------------


def two_events_cases(rng: random.Random) -> list[Case]:
    """Every case asks one of the two functions for the probability of some tokens in a language with EOS."""
    cases = []

    def add(tokens: Sequence[str], source: ToyLanguage, label: str = "") -> None:
        cases.append(_event("prefix_prob", tokens, source, label))
        cases.append(_event("complete_prob", tokens, source, label))

    add(["a", "b"], language("toy_bigram"))
    add(["b", "a", "a"], language("constant_eos"))
    add([], language("constant_eos"), "no token at all")
    add([], language("random_language", rng.randrange(1000)), "no token at all")
    add(["the", "cat", "sat"], language("the_cat_sat"))
    add(["the", "cat"], language("the_cat_sat"), "nothing ends here")
    add(["b"], language("toy_bigram"))
    add(["go"], signals(), "the end symbol is another one")
    add([], signals(), "the end symbol is another one")
    for i in range(20):
        source = language("random_language", rng.randrange(1000), zeros=i % 4 == 3)
        add(_random_tokens(rng, source, 3), source)
    return cases


@functools.lru_cache(maxsize=1)
def signals() -> ToyLanguage:
    """A language that ends with "stop"; "</s>" is none of its symbols."""
    table = {"<s>": {"go": 0.75, "stop": 0.25}, "go": {"go": 0.25, "wait": 0.25, "stop": 0.5}, "wait": {"go": 1}}
    return ToyLanguage.bigram(table, eos="stop", separator=" ")


def end_symbol(source: ToyLanguage) -> str:
    """The name of the language's EOS."""
    assert source.eos is not None
    return source.symbols[source.eos]


def _event(function: str, tokens: Sequence[str], source: ToyLanguage, label: str) -> Case:
    end = f", {end_symbol(source)!r}" if function == "complete_prob" else ""
    return Case(lambda: (function, list(tokens), source), f"{function}({source!r}.cond, {list(tokens)!r}{end})", label)


def ask_both(prefix_prob: Callable, others: dict, cases: Sequence[Case]) -> list[dict]:
    """What the function of each case returns; one that is not there counts as not implemented."""
    complete_prob = others.get("complete_prob")
    seen = []
    for case in cases:
        function, tokens, source = case.fresh_args()
        if function == "prefix_prob":
            seen.append(observe(prefix_prob, source.cond, tokens))
        elif callable(complete_prob):
            seen.append(observe(complete_prob, source.cond, tokens, end_symbol(source)))
        else:
            seen.append(not_there("complete_prob"))
    return seen


# --- E02.6 ----------------------------------------------------------------------------------------------------------


def mass_cases(rng: random.Random) -> list[Case]:
    """No step, the first ones, the ten of the syllabus, and numbers of steps up to 400."""
    steps = [10, 0, 1, 2, 3, 400, *rng.sample(range(4, 60), 12), *rng.sample(range(60, 400), 10)]
    return [Case((n,), label="no step at all" if n == 0 else "") for n in steps]


PROBES = {
    probe.task: probe
    for probe in (
        Probe("E02.1", "e02_1"),
        Probe("E02.2", "sequence_log_prob", sequence_cases, run=score_with_a_spy),
        Probe("E02.3", "e02_3"),
        Probe("E02.4", "prefix_prob", two_events_cases, run=ask_both, needs=("complete_prob",)),
        Probe("E02.5", "safe_log_prob", bug_cases, run=score_each),
        Probe("E02.6", "leaky_mass", mass_cases),
        Probe("E02.7", "e02_7"),
    )
}
