"""Asks the answers of lesson 07."""

from __future__ import annotations

import functools
import random
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from course_utils import toy_language
from course_utils.checks.plain import encode
from course_utils.checks.probing import Case, Probe, not_there, observe
from course_utils.toy_language import ToyLanguage

MOST_CONTEXTS = 40  # so many different contexts of one answer are written down


@functools.lru_cache(maxsize=512)
def language(call: str, *args: Any, **options: Any) -> ToyLanguage:
    """A language of `toy_language`, made once: it keeps its rows and is only read."""
    return getattr(toy_language, call)(*args, **options)


def _possible(lm: ToyLanguage, length: int, rng: random.Random, start: Sequence[int] = (0,)) -> list[int]:
    """`start` and then up to `length` ordinary ids, each of them possible."""
    ids = list(start)
    for _ in range(length):
        choice = [i for i in lm.alphabet if lm.cond(i, ids) > 0]
        ids += [rng.choice(choice)] if choice else []
    return ids


def _ended(lm: ToyLanguage, ids: Sequence[int]) -> list[int]:
    """The ids, and the EOS that this language has."""
    assert lm.eos is not None
    return [*ids, lm.eos]


def _shown(ids: Sequence[int]) -> str:
    return f"[{ids[0]}] * {len(ids)}" if len(ids) > 12 and len(set(ids)) == 1 else repr(list(ids))


def _pair(function: str, lm: ToyLanguage, x: Sequence[int], y: Sequence[int], label: str = "") -> Case:
    return Case(lambda: (lm, list(x), list(y)), f"{function}({lm!r}, {_shown(x)}, {_shown(y)})", label)


# --- E07.2 ----------------------------------------------------------------------------------------------------------


def conditional_cases(rng: random.Random) -> list[Case]:
    """Pairs of the lecture, the edge cases, and pairs in languages that look at the whole context."""
    case = functools.partial(_pair, "conditional_log_prob")
    words, bigram = language("the_cat_sat"), language("toy_bigram")
    one, two = language("random_language", 1), language("random_language", 2, eos=False)
    cases = [
        case(one, [0, 1, 2], [3, 1]),
        case(one, [0, 3, 1], [2, 2, 4], "y ends with EOS"),
        case(two, [0, 2], [1, 3, 3], "a language without EOS"),
        case(one, [0], [2, 1], "x is BOS alone"),
        case(one, [0, 2, 2], [1], "y is one token"),
        case(one, [0, 1, 3], [], "y is empty"),
        case(words, [0, *words.encode("the")], _ended(words, words.encode("cat sat"))),
        case(words, [0, *words.encode("the")], words.encode("sat cat"), "y cannot follow x"),
        case(bigram, [0, 1, 2], [1] * 400, "a long y: the product of its factors is 0.0"),
    ]
    for i in range(20):
        lm = language("random_language", rng.randrange(1000), eos=i % 3 > 0, zeros=i % 5 == 4)
        x = _possible(lm, rng.randint(1, 3), rng)
        y = _possible(lm, rng.randint(1, 3), rng, x)[len(x) :]
        cases.append(case(lm, x, _ended(lm, y) if i % 3 == 1 else y))
    return cases


class SpiedModel:
    """A model with the methods of a SequenceModel that E07.2 may use; it keeps the contexts that it was asked about."""

    def __init__(self, lm: ToyLanguage):
        self._lm = lm
        self._asked: set[tuple[int, ...]] = set()
        self.bos, self.eos, self.vocabulary_size = lm.bos, lm.eos, lm.vocabulary_size
        self.encode, self.decode = lm.encode, lm.decode

    def next_log_probs(self, ids: Sequence[int]) -> np.ndarray:
        """(V,) log Pr(. | ids)."""
        row = self._lm.next_log_probs(ids)
        self._asked.add(tuple(int(i) for i in ids))
        return row

    def log_prob_ids(self, sequences: Iterable[Sequence[int]]) -> np.ndarray:
        """(N,) log Pr(sequence | BOS)."""
        return self._lm.log_prob_ids(sequences)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"here lm has next_log_probs(ids) and log_prob_ids(sequences), and no {name}")


def score_with_a_spy(answer: Callable, cases: Sequence[Case]) -> list[dict]:
    """What the answer returns, and the different contexts that it asked next_log_probs about."""
    seen = []
    for case in cases:
        lm, x, y = case.fresh_args()
        spied = SpiedModel(lm)
        one = observe(answer, spied, x, y)
        if "value" in one:
            one["asked"] = encode(sorted(spied._asked)[:MOST_CONTEXTS])
        seen.append(one)
    return seen


# --- E07.3 ----------------------------------------------------------------------------------------------------------


def two_token_cases(rng: random.Random) -> list[Case]:
    """All y of two tokens after one x, pairs in other languages, and some in which tokens are independent."""
    case = functools.partial(_pair, "two_token_log_prob")
    cats, plush, seven = language("the_cat_sat"), language("warm_or_plush"), language("random_language", 7)
    cases = [
        case(seven, [0, 2, 1], [1, 3]),
        case(cats, [0, *cats.encode("the")], cats.encode("cat sat")),
        case(plush, [0], plush.encode("plush rug"), "x is BOS alone"),
        case(plush, [0], plush.encode("warm rug")),
        case(cats, [0, *cats.encode("a")], cats.encode("sat dog"), "y cannot follow x"),
        case(seven, [0, 3], [1, 4], "y ends with EOS"),
    ]
    cases += [case(seven, [0, 1], [a, b]) for a in seven.alphabet for b in seven.alphabet]
    for i in range(20):
        independent = i % 5 == 0
        order = {"order": 0} if independent else {}
        lm = language("random_language", rng.randrange(1000), eos=i % 2 == 1, zeros=i % 5 == 3, **order)
        x = _possible(lm, rng.randint(1, 3), rng)
        y = _possible(lm, 2, rng, x)[len(x) :]
        if len(y) == 2:
            cases.append(case(lm, x, y, "tokens are independent here" * independent))
    return cases


# --- E07.6 and E07.8: search ----------------------------------------------------------------------------------------


def _search(function: str, lm: ToyLanguage, x: Sequence[int], *sizes: int, label: str = "") -> Case:
    shown = ", ".join([repr(lm), repr(list(x)), *map(str, sizes)])
    return Case(lambda: (function, lm, list(x), *sizes), f"{function}({shown})", label)


def _random_search(rng: random.Random, n: int, eos: bool) -> tuple[ToyLanguage, list[int]]:
    """A language and an x after which no two possible tokens are equally likely, in any context of fewer than n
    tokens."""
    while True:
        lm = language("random_language", rng.randrange(2000), eos=eos)
        x = _possible(lm, rng.randint(0, 2), rng)
        contexts = [y for k in range(n) for y in lm.sequences(k)]
        rows = ([p for p in lm.next_log_probs([*x, *y]) if p > -np.inf] for y in contexts)
        if all(len(set(row)) == len(row) for row in rows):
            return lm, x


TRAPS = (3, 13, 30, 34, 48)  # seeds in which greedy, a narrow beam and the best of four tokens are not all the same


def search_cases(rng: random.Random) -> list[Case]:
    """Each language and x twice: once for greedy, once for the search through everything."""
    cases = []

    def add(lm: ToyLanguage, x: Sequence[int], n: int, label: str = "") -> None:
        cases.append(_search("greedy", lm, x, n, label=label))
        cases.append(_search("exhaustive_argmax", lm, x, n, label=label))

    add(language("warm_or_plush"), [0], 2)
    add(language("greedy_trap"), [0], 3, "nothing ends within three tokens here")
    add(language("equal_start"), [0], 3, "the first tokens are equally likely")
    add(language("equal_start"), [0, 2], 2, "two tokens are equally likely")
    add(language("toy_bigram"), [0, 1, 2], 1, "one token")
    add(language("constant_eos"), [0, 1], 3, "two tokens are equally likely in every step")
    for seed in TRAPS:
        add(language("random_language", seed), [0], 4)
    for i in range(16):
        n = rng.choice((2, 3, 3))
        add(*_random_search(rng, n, eos=i % 4 > 0), n)
    return cases


def search_each(greedy: Callable, others: dict, cases: Sequence[Case]) -> list[dict]:
    """What the function of each case returns; one that is not there counts as not implemented."""
    functions = {"greedy": greedy, **others}
    seen = []
    for case in cases:
        function, *args = case.fresh_args()
        if callable(functions.get(function)):
            seen.append(observe(functions[function], *args))
        else:
            seen.append(not_there(function))
    return seen


def beam_cases(rng: random.Random) -> list[Case]:
    """Width 1, narrow beams that miss the best and others that find it, and widths that keep everything."""
    trap, plush = language("greedy_trap"), language("warm_or_plush")
    cases = [
        _search("beam", plush, [0], 1, 3, label="width 1"),
        _search("beam", plush, [0], 2, 3),
        _search("beam", trap, [0], 1, 3, label="width 1"),
        _search("beam", trap, [0], 2, 3),
        _search("beam", trap, [0], 2, 5),
    ]
    for seed in TRAPS:
        lm = language("random_language", seed)
        cases += [_search("beam", lm, [0], width, 4) for width in (2, 1, 3)]
        cases.append(_search("beam", lm, [0], 400, 4, label="so wide that nothing is dropped"))
    for i in range(20):
        n = rng.choice((2, 3, 3))
        lm, x = _random_search(rng, n, eos=i % 4 > 0)
        width = (2, 1, 3, lm.vocabulary_size**n, 2)[i % 5]
        label = "so wide that nothing is dropped" if width > 3 else "width 1" if width == 1 else ""
        cases.append(_search("beam", lm, x, width, n, label=label))
    return cases


def beam_each(beam: Callable, cases: Sequence[Case]) -> list[dict]:
    """What the beam search of each case returns."""
    return [observe(beam, *case.fresh_args()[1:]) for case in cases]


PROBES = {
    probe.task: probe
    for probe in (
        Probe("E07.1", "e07_1"),
        Probe("E07.2", "conditional_log_prob", conditional_cases, run=score_with_a_spy),
        Probe("E07.3", "two_token_log_prob", two_token_cases),
        Probe("E07.4", "e07_4"),
        Probe("E07.5", "e07_5"),
        Probe("E07.6", "greedy", search_cases, run=search_each, needs=("exhaustive_argmax",)),
        Probe("E07.7", "e07_7"),
        Probe("E07.8", "beam", beam_cases, run=beam_each),
    )
}
