"""Asks the answers of lesson 06."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence

from course_utils.checks.probing import Case, Probe, observe
from course_utils.toy_language import ToyLanguage, constant_eos, random_language, the_cat_sat, toy_bigram


def marginal_cases(rng: random.Random) -> list[Case]:
    """The languages of the lecture, with and without an end, a long x, an impossible one, and random languages."""
    bigram, cats, halves, endless = toy_bigram(), the_cat_sat(), constant_eos(), random_language(5, eos=False)
    cases = [
        _marginal(bigram, [0, 1], 1),
        _marginal(bigram, [0, 1, 2], 3),
        _marginal(endless, [0, 2, 1], 2, label="a language without EOS"),
        _marginal(cats, [cats.bos, *cats.encode("the cat")], 2),
        _marginal(halves, [0, 1, 1, 2], 3),
        _marginal(bigram, [0], 2, label="x is BOS alone, and certain"),
        _marginal(cats, [cats.bos, *cats.encode("sat")], 2, label="an impossible x"),
    ]
    long = [0] + [1] * 400
    cases.append(
        Case(
            lambda: (bigram, list(long), 1),
            "marginal_by_enumeration(toy_bigram(), [0] + [1] * 400, 1)",
            "an x whose probability underflows",
        )
    )
    for _ in range(20):
        lm = random_language(rng.randint(1, 9999), rng.choice((2, 3)), rng.random() < 0.7, zeros=rng.random() < 0.3)
        n = rng.randint(1, 3)
        cases.append(_marginal(lm, _possible(lm, rng.randint(1, 4), rng), n))
    return cases


def _marginal(lm: ToyLanguage, x: list[int], n: int, label: str = "") -> Case:
    return Case(lambda: (lm, list(x), n), f"marginal_by_enumeration({lm!r}, {x}, {n})", label)


def _possible(lm: ToyLanguage, length: int, rng: random.Random) -> list[int]:
    """BOS and up to `length` ordinary ids, each of them possible."""
    ids = [lm.bos]
    for _ in range(length):
        choice = [i for i in lm.alphabet if lm.cond(i, ids) > 0]
        ids += [rng.choice(choice)] if choice else []
    return ids


def validate_cases(rng: random.Random) -> list[Case]:
    """The pairs of the lecture, equal ones, rounding, infinities, NaN, other tolerances, and random pairs."""
    inf, nan = math.inf, math.nan
    cases = [
        _guard((-3.5, -5.2), "joint above marginal"),
        _guard((-12.0, -8.5), "an ordinary pair"),
        _guard((-8.5, -8.5), "y is certain"),
        _guard((-8.5 + 1e-12, -8.5), "rounding"),
        _guard((-8.5 + 1e-6, -8.5), "joint above marginal"),
        _guard((-inf, -8.5), "y cannot follow x"),
        _guard((-inf, -inf), "x is impossible"),
        _guard((-3.0, -inf), "x is impossible"),
        _guard((nan, -8.5), "NaN"),
        _guard((-8.5, nan), "NaN"),
        _guard((nan, nan), "NaN"),
        _guard((-8.45, -8.5, 0.1), "within tol"),
        _guard((-8.3, -8.5, 0.1), "joint above marginal by more than tol"),
        _guard((-8.5, -8.5, 0.0), "y is certain, and tol is 0"),
        _guard((-790.0, -800.0), "joint above marginal; both probabilities underflow"),
        _guard((-900.0, -800.0), "an ordinary pair of long texts"),
        _guard((-300.0 + 5e-8, -300.0), "joint above marginal"),
        _guard((0.0, 0.0), "both certain"),
        _guard((-0.2, 0.0), "x is certain"),
    ]
    for _ in range(24):
        marginal = round(-rng.uniform(0.5, 200), 3)
        excess = rng.choice((-rng.uniform(0.01, 40), -1e-4, 1e-12, 1e-7, 1e-3, rng.uniform(0.02, 3)))
        pair = (marginal + excess, marginal)
        cases.append(_guard(pair if rng.random() < 0.7 else (*pair, rng.choice((1e-6, 0.01, 0.5)))))
    return cases


def _guard(args: tuple, label: str = "") -> Case:
    special = {"-inf": "-math.inf", "nan": "math.nan"}
    shown = ", ".join(special.get(repr(arg), repr(arg)) for arg in args)
    return Case(args, f"validate({shown})", label)


def refused(answer: Callable, cases: Sequence[Case]) -> list[dict]:
    """Whether the answer raises ValueError or AssertionError (or what inherits from them), case by case.

    `["refused"]` or `["returned", value]`; another error is an ordinary observation.
    """
    return [observe(_one(answer), *case.fresh_args()) for case in cases]


def _one(answer: Callable) -> Callable:
    def ask(*args: float) -> list:
        try:
            value = answer(*args)
        except (ValueError, AssertionError):
            return ["refused"]
        return ["not raised"] if _is_error(value) else ["returned", value]

    return ask


def _is_error(value: object) -> bool:
    """Whether an exception was made and handed back, in place of being raised."""
    return isinstance(value, BaseException) or isinstance(value, type) and issubclass(value, BaseException)


PROBES = {
    probe.task: probe
    for probe in (
        Probe("E06.1", "e06_1"),
        Probe("E06.2", "e06_2"),
        Probe("E06.3", "marginal_by_enumeration", marginal_cases),
        Probe("E06.4", "validate", validate_cases, run=refused),
        Probe("E06.5", "e06_5"),
        Probe("E06.6", "e06_6"),
        Probe("E06.7", "e06_7"),
        Probe("E06.8", "e06_8"),
    )
}
