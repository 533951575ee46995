"""Ids become batches: what is to be scored, in windows, in rows of about the same length."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Job:
    """Score ``ids[first:]``, each token given all before it. ``ids[:n_context]`` may be shared with other jobs."""

    ids: tuple[int, ...]
    first: int
    n_context: int


@dataclass
class Batch:
    """What goes through the model at once, and where the scores of each job are found in what comes out.

    Attributes:
        input_ids: B rows of T ids.
        rows: for each target, job after job, the place whose output predicts it: row x T + column.
        targets: the token ids themselves.
        sizes: how many targets each job has.
        positions: the position of each id in its own sequence; None where it is the column.
        layout: how attention has to go in a packed row; None where every row is one sequence.
    """

    input_ids: list[list[int]]
    rows: list[int] = field(default_factory=list)
    targets: list[int] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    positions: list[list[int]] | None = None
    layout: Any = None


def windows(job: Job, window: int | None, stride: int | None) -> list[Job]:
    """The job itself where it fits, else windows over its ids, each scoring only what no window before it did.

    A window reads at most ``window`` ids and predicts one beyond them; windows start ``stride`` ids apart, so every
    token but the first ``window`` is conditioned on at least ``window - stride + 1`` and at most ``window`` ids.
    """
    n = len(job.ids)
    if window is None or n - 1 <= window:
        return [job]
    parts, scored = [], job.first
    for start in range(0, n, stride):
        stop = min(n, start + window + 1)
        if stop > scored:
            parts.append(Job(job.ids[start:stop], scored - start, scored - start))
            scored = stop
    return parts


def padded_batches(jobs: Sequence[Job], tokens: int) -> list[list[int]]:
    """Places in ``jobs``, batch by batch: rows of similar length, ``tokens`` ids a batch with the padding."""
    batches: list[list[int]] = []
    room = 0
    for i in sorted(range(len(jobs)), key=lambda i: -len(jobs[i].ids)):
        if room < 1:
            batches.append([])
            room = max(1, tokens // (len(jobs[i].ids) - 1))
        batches[-1].append(i)
        room -= 1
    return batches


def padded_batch(jobs: Sequence[Job]) -> Batch:
    """One job a row, padded on the right. No mask is needed: causal attention never looks at what comes after."""
    width = max(len(job.ids) for job in jobs) - 1
    batch = Batch([[*job.ids[:-1], *[0] * (width + 1 - len(job.ids))] for job in jobs])
    for row, job in enumerate(jobs):
        # the output at column t - 1 predicts the id at t
        batch.rows += range(row * width + job.first - 1, row * width + len(job.ids) - 1)
        batch.targets += job.ids[job.first :]
        batch.sizes.append(len(job.ids) - job.first)
    return batch
