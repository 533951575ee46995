"""Asks what lecture 00 lets its reader write."""

from __future__ import annotations

import random

from course_utils.checks.probing import Case, Probe


def log_score_cases(rng: random.Random) -> list[Case]:
    """The lecture's two answers, short texts, and random ones, some so long that their product is 0."""
    cases = [
        Case(([0.1, 0.5, 0.8],)),
        Case(([0.25],)),
        Case(([0.1] * 400,), "log_score([0.1] * 400)", "a long text"),
        Case(([0.15] * 400,), "log_score([0.15] * 400)", "a long text"),
    ]
    lengths = [rng.randint(2, 6) for _ in range(10)] + [500]
    cases += [Case(([round(rng.uniform(0.02, 0.98), 3) for _ in range(n)],)) for n in lengths[:-1]]
    return [*cases, Case(([round(rng.uniform(0.02, 0.3), 3) for _ in range(lengths[-1])],), label="a long text")]


def context_of_cases(rng: random.Random) -> list[Case]:
    """The lecture's two texts at both places, and texts of random lengths."""
    x, y = ["⟨s⟩", "The", "sun", "is"], ["shining", "brightly"]
    cases = [Case((x, y, 1)), Case((x, y, 2))]
    for _ in range(12):
        words = [rng.choice("abcdefgh") + str(n) for n in range(9)]
        cut, end = rng.randint(1, 4), rng.randint(6, 9)
        cases.append(Case((words[:cut], words[cut:end], rng.randint(1, end - cut))))
    return cases


PROBES = {
    probe.task: probe
    for probe in (
        Probe("00.a", "log_score", log_score_cases),
        Probe("00.b", "context_of", context_of_cases),
    )
}
