"""A small set of instructions, made by code: a note, a question about it, and a short answer."""

from __future__ import annotations

import random

__all__ = ["instruction_pairs"]

NAMES = "Tom Mary Lily Ben Sam Anna Jack Lucy Max Sara Tim Mia".split()
COLOURS = "red blue green yellow black white brown pink".split()
THINGS = "ball hat kite book cup box boat bag bell drum".split()
ANIMALS = "dog cat bird duck horse rabbit mouse fox".split()
DOINGS = "ran sat slept jumped hid played".split()
PLACES = "park garden kitchen forest school river house shop".split()
ASIDES = 5  # sentences of a note that the question is not about


def instruction_pairs(n: int, seed: int = 0) -> list[tuple[str, str]]:
    """Return n pairs (x, y) of texts, the same for the same seed.

    x is an instruction, a note of six sentences and a question; y is the answer, with a space in front: one sentence of
    the note says it. A prompt has sixteen times as many words as its answer. No two pairs have the same prompt.

    Raises ValueError for a negative n.
    """
    if n < 0:
        raise ValueError(f"the number of pairs is at least 0, not {n}")
    rng = random.Random(seed)
    pairs: dict[str, str] = {}
    while len(pairs) < n:
        x, y = _pair(rng)
        pairs[x] = y
    return list(pairs.items())


def _pair(rng: random.Random) -> tuple[str, str]:
    name, colour, thing = rng.choice(NAMES), rng.choice(COLOURS), rng.choice(THINGS)
    note = [
        f"The {rng.choice(COLOURS)} {rng.choice(ANIMALS)} {rng.choice(DOINGS)} in the {rng.choice(PLACES)}."
        for _ in range(ASIDES)
    ]
    note.insert(rng.randint(0, ASIDES), f"{name} has a {colour} {thing}.")
    return f"Read this and answer. {' '.join(note)} What does {name} have?", f" A {colour} {thing}."
