"""Asks the answers of lesson 10."""

from __future__ import annotations

import contextlib
import functools
import itertools
import math
import random
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from course_utils.checks.plain import encode
from course_utils.checks.probing import Case, Probe, not_there, observe

if TYPE_CHECKING:
    from transformers import PreTrainedModel

BOS = 0  # of the tiny models; EOS is 1, and both are ordinary tokens inside a sequence
VOCABULARY = 61  # of the models of E10.5: no other size of theirs is 61
WIDE = 4001  # the vocabulary of the one whose logits would be seen in the memory of Python


def _models() -> Callable[..., PreTrainedModel]:
    """`tiny_model`, which makes each model once: for the cases of one run, so that no answer meets what another did."""
    from course_utils.language_model import tiny_model  # torch is loaded only now

    made = functools.cache(tiny_model)
    return lambda *args, **options: made(*args, **options).eval()


def _ids(rng: random.Random, n: int, vocabulary: int = 40) -> list[int]:
    """BOS and then n ids."""
    return [BOS, *(rng.randrange(2, vocabulary) for _ in range(n))]


# --- E10.1 and E10.2: batches ---------------------------------------------------------------------------------------


def _batches(function: str, first: str, other: str) -> Callable[[random.Random], list[Case]]:
    """Cases of a task whose models are of the family `first`, some of the family `other`."""

    def cases(rng: random.Random) -> list[Case]:
        model = _models()

        def batch(family: str, seed: int, sequences: list[list[int]], label: str = "") -> Case:
            shown = f'{function}(tiny_model("{family}", {seed}), {sequences})'
            return Case(lambda: (model(family, seed), [list(ids) for ids in sequences]), shown, label)

        made = [
            batch(first, 1, [[0, 5, 9, 3, 17, 8], [0, 7, 2]]),
            batch(first, 1, [[0, 7, 2], [0, 5, 9, 3, 17, 8]], "the short one first"),
            batch(first, 1, [[0, 5, 6, 7], [0, 9, 8, 4]], "equal lengths"),
            batch(first, 1, [[0, 5, 6, 7, 8]], "one sequence"),
            batch(other, 2, [[0, 5, 9, 1], [0, 4, 1], [0, 6, 8, 3, 2, 1]], "every sequence ends with EOS"),
            batch(first, 1, [[0, 5, 0, 9, 6, 3], [0, 1, 1, 4], [0, 1]], "ids 0 and 1 inside"),
            batch(first, 1, [[0], [0, 12, 30, 4]], "BOS alone"),
        ]
        for family in (first, other):
            sequences = [_ids(rng, rng.randint(1, 8)) for _ in range(rng.randint(2, 4))]
            sequences[0].append(rng.randrange(2, 40))  # at least two of them differ in length
            sequences[1] = sequences[1][:-1] if len(sequences[1]) >= len(sequences[0]) else sequences[1]
            made.append(batch(family, rng.randrange(10, 1000), sequences))
        return made

    return cases


# --- E10.3 and E10.4: counting --------------------------------------------------------------------------------------


def positions_cases(rng: random.Random) -> list[Case]:
    """The numbers of the card, one candidate, short x, and random ones."""
    fixed = [(1000, 10, 4), (1, 1, 1), (7, 3, 1), (2, 9, 5), (500, 20, 2)]
    some = [(rng.randint(2, 3000), rng.randint(1, 200), rng.randint(2, 60)) for _ in range(20)]
    return [Case(sizes) for sizes in fixed + some]


def bytes_cases(rng: random.Random) -> list[Case]:
    """The example of the lecture, other number formats, one row, and random ones."""
    fixed = [(32, 1024, 50257, 4), (32, 1024, 50257, 2), (1, 1, 6144, 4), (3, 7, 11, 8), (1, 2048, 151936, 2)]
    some = [
        (rng.randint(1, 64), rng.randint(1, 4096), rng.randint(2, 260_000), rng.choice((1, 2, 4, 8))) for _ in range(20)
    ]
    return [Case(sizes) for sizes in fixed + some]


# --- E10.5: pieces --------------------------------------------------------------------------------------------------


def pieces_cases(rng: random.Random) -> list[Case]:
    """One row at a time, pieces that fit and that do not, one piece for all, both families."""
    model, ids = _models(), [0, 5, 44, 9, 60, 17, 2, 31, 8, 12, 1]

    def pieces(family: str, seed: int, ids: list[int], chunk: int, label: str = "", **sizes: int) -> Case:
        sizes = sizes or {"vocabulary_size": VOCABULARY}
        given = "".join(f", {name}={size}" for name, size in sizes.items())
        shown = f'chunked_log_prob(tiny_model("{family}", {seed}{given}), {ids}, {chunk})'
        return Case(lambda: (model(family, seed, **sizes), list(ids), chunk), shown, label)

    made = [
        pieces("gpt2", 1, ids, 1, "one row at a time"),
        pieces("gpt2", 1, ids, 5, "two pieces of 5"),
        pieces("llama", 2, ids, 4, "the last piece is shorter"),
        pieces("gpt2", 1, ids, 3, "the last piece is one row"),
        pieces("llama", 2, ids[:8], 7, "one piece"),
        pieces("gpt2", 1, ids[:6], 50, "chunk is more than there is"),
        pieces("gpt2", 1, [0, 33], 1, "one token"),
    ]
    for family in ("gpt2", "llama"):
        longer = _ids(rng, rng.randint(6, 14), VOCABULARY)
        made.append(pieces(family, rng.randrange(10, 1000), longer, rng.randint(2, 5)))
    wide = pieces("gpt2", 1, _ids(rng, 24, WIDE), 1, "a large vocabulary", vocabulary_size=WIDE, width=4)
    return [*made, wide]  # last: what an answer imports at its first call takes memory too


def watch_rows(answer: Callable, cases: Sequence[Case]) -> list[dict]:
    """What the answer returns, and how many rows of |V| numbers its largest tensor of logits had.

    What torch makes is counted; arrays of numpy and lists are noticed by the memory that all rows together take.
    """
    import torch
    from torch.utils._python_dispatch import TorchDispatchMode

    class Watch(TorchDispatchMode):
        """Sees what every operation of torch makes, inside of the model too."""

        def __init__(self, vocabulary: int, width: int) -> None:
            super().__init__()
            self.vocabulary, self.width, self.rows = vocabulary, width, 0

        def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            made = function(*args, **(kwargs or {}))
            for tensor in made if isinstance(made, tuple | list) else (made,):
                if isinstance(tensor, torch.Tensor) and tensor.is_floating_point() and self.vocabulary in tensor.shape:
                    # the output layer itself, transposed or in another format, holds no logits
                    if sorted(tensor.shape) != [self.width, self.vocabulary]:
                        self.rows = max(self.rows, tensor.numel() // self.vocabulary)
            return made

    seen = []
    for case in cases:
        model, ids, chunk = case.fresh_args()
        vocabulary, rows = model.config.vocab_size, len(ids) - 1
        with Watch(vocabulary, model.config.hidden_size) as watch, _memory(vocabulary == WIDE) as most:
            one = observe(answer, model, ids, chunk)
            if most() > 0.9 * rows * vocabulary * 4:  # all of them, in float32
                watch.rows = max(watch.rows, rows)
        seen.append(one | ({"rows": encode(watch.rows)} if "value" in one else {}))
    return seen


@contextlib.contextmanager
def _memory(traced: bool) -> Iterator[Callable[[], int]]:
    """Gives a function that says how many bytes Python and numpy (not torch) have held at most since."""
    if not traced or tracemalloc.is_tracing():
        yield lambda: 0
        return
    tracemalloc.start()
    try:
        yield lambda: tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


# --- E10.6: sums ----------------------------------------------------------------------------------------------------


def _sum(seed: int, m: int, n: int, label: str = "") -> Case:
    """m + n log-probabilities in float32, about as those of a text."""
    shown = f"conditional_sum((-np.random.default_rng({seed}).gamma(1, 4, {m + n})).astype(np.float32), {m})"
    return Case(lambda: ("conditional_sum", _terms(seed, m, n), m), shown, label)


def _terms(seed: int, m: int, n: int) -> np.ndarray:
    return (-np.random.default_rng(seed).gamma(1, 4, m + n)).astype(np.float32)


def sum_cases(rng: random.Random) -> list[Case]:
    """Short texts, the length of the lecture, long documents; then the choice and the witness."""
    few = np.array([-2.0, -1.0, -0.75, -0.5], dtype=np.float32)
    shown = "conditional_sum(np.array([-2.0, -1.0, -0.75, -0.5], dtype=np.float32), 2)"
    impossible = np.array([-2.0, -1.0, -np.inf, -0.5], dtype=np.float32)
    cases = [
        Case(("conditional_sum", few, 2), shown),
        Case(("conditional_sum", few, 0), shown.replace(", 2)", ", 0)"), "x is BOS alone"),
        Case(("conditional_sum", few, 4), shown.replace(", 2)", ", 4)"), "y is empty"),
        Case(
            ("conditional_sum", impossible, 2),
            "conditional_sum(np.array([-2.0, -1.0, -np.inf, -0.5], dtype=np.float32), 2)",
            "an impossible token",
        ),
        _sum(1, 1900, 10, "a long x"),
        _sum(2, 12, 30, "y is longer than x"),
        _sum(3, 16_000, 30, "a very long x"),
        _sum(4, 100_000, 25, "a very long x"),
        _sum(5, 200_000, 1, "a very long x, one token"),
    ]
    cases += [_sum(rng.randrange(10, 10**6), rng.randint(2, 60), rng.randint(1, 30)) for _ in range(8)]
    cases += [_sum(rng.randrange(10, 10**6), rng.randint(50_000, 90_000), rng.randint(2, 30)) for _ in range(4)]
    return [*cases, Case(("e10_6",), "e10_6()", "the choice and the witness")]


def sum_each(answer: Callable, others: dict, cases: Sequence[Case]) -> list[dict]:
    """What the function of each case returns; its arguments begin with its name."""
    functions, seen = {"conditional_sum": answer, **others}, []
    for case in cases:
        name, *args = case.fresh_args()
        if callable(functions.get(name)):
            seen.append(observe(functions[name], *args))
        else:
            seen.append(not_there(name))
    return seen


# --- E10.7: rankings ------------------------------------------------------------------------------------------------

MEASURES = ("sum", "mean", "bits_per_byte")
WORDS = ("yes", "no", "a", "naïve", "café", "über", "the", "park", "東京", "garden", "soup", "öl", "it is", "Привет")
APART = 1e-3  # no two candidates of a random case are nearer to each other, by any measure that is or may be taken


def _rank(candidates: list[tuple[str, list[float]]], how: str, label: str = "") -> Case:
    shown = f'rank({candidates!r}, "{how}")'.replace("-inf", "-math.inf")
    return Case((candidates, how), shown, label)


def _random_candidates(rng: random.Random) -> list[tuple[str, list[float]]]:
    """Three to five candidates that tie under none of the measures."""
    while True:
        made = []
        for _ in range(rng.randint(3, 5)):
            text = " ".join(rng.sample(WORDS, rng.randint(1, 4)))
            made.append((text, [-round(rng.uniform(0.05, 4), 2) for _ in range(rng.randint(1, 6))]))
        lengths = [(1, len(logs), len(text.encode()), len(text)) for text, logs in made]
        keys = [[sum(logs) / n for n in each] for (_, logs), each in zip(made, lengths, strict=True)]
        columns = (sorted(column) for column in zip(*keys, strict=True))
        if all(b - a > APART for column in columns for a, b in itertools.pairwise(column)):
            return made


def rank_cases(rng: random.Random) -> list[Case]:
    """The two candidates of the lecture, bytes against characters and against tokens, one impossible, random ones."""
    two = [("in bed", [-0.7, -0.7]), ("on the sofa", [-0.4] * 4)]
    letters = [("東京東京", [-1.0, -2.0]), ("tokyo", [-1.2, -0.3])]
    cases = [_rank(two, how) for how in MEASURES]
    cases += [_rank(letters, how, "letters of more than one byte") for how in MEASURES]
    cases += [
        _rank([("äöü", [-2.0]), ("aouaou", [-2.2])], "bits_per_byte", "letters of more than one byte"),
        _rank([("a", [-0.5]), ("abcdefgh", [-0.9, -1.1])], "bits_per_byte", "few bytes"),
        _rank([("a b c", [-0.4] * 3), ("abcdefghi", [-0.3] * 4)], "mean"),
        _rank([("no", [-0.1, -math.inf]), ("yes", [-9.0])], "sum", "an impossible candidate"),
        _rank([("no", [-0.1, -math.inf]), ("yes", [-9.0])], "mean", "an impossible candidate"),
        _rank([("no", [-0.1, -math.inf]), ("yes", [-9.0])], "bits_per_byte", "an impossible candidate"),
        _rank([("yes", [-1.0])], "sum", "one candidate"),
    ]
    for i in range(18):
        cases.append(_rank(_random_candidates(rng), MEASURES[i % 3]))
    return cases


PROBES = {
    probe.task: probe
    for probe in (
        Probe("E10.1", "batch_log_probs", _batches("batch_log_probs", "gpt2", "llama")),
        Probe("E10.2", "left_padded", _batches("left_padded", "gpt2", "gpt2")),
        Probe("E10.3", "positions", positions_cases),
        Probe("E10.4", "logits_bytes", bytes_cases),
        Probe("E10.5", "chunked_log_prob", pieces_cases, run=watch_rows),
        Probe("E10.6", "conditional_sum", sum_cases, run=sum_each, needs=("e10_6",)),
        Probe("E10.7", "rank", rank_cases),
        Probe("E10.8", "e10_8"),
    )
}
