"""Ids become batches: what is to be scored, in windows, in rows of about the same length."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch


@dataclass(frozen=True, eq=False)
class Job:
    """Score ``ids[first:]``, each token given all before it. ``ids[:n_context]`` may be shared with other jobs.

    ``ids``: int64 (n,). ``name``: what an error calls it.
    """

    ids: np.ndarray
    first: int
    n_context: int
    name: str = ""

    @property
    def targets(self) -> np.ndarray:
        """The ids to score, int64."""
        return self.ids[self.first :]


@dataclass
class Batch:
    """What goes through the model at once, and where the scores of each job are found in what comes out.

    Attributes:
        jobs: what is scored.
        input_ids: int64 (B, T).
        rows: for each job, int64, one for each target: the place whose output predicts it, row x T + column.
        positions: int64 (B, T), the position of each id in its own sequence; None where it is the column.
        layout: how attention has to go in a packed row; None where every row is one sequence.
    """

    jobs: Sequence[Job]
    input_ids: np.ndarray
    rows: list[np.ndarray]
    positions: np.ndarray | None = None
    layout: Any = None


def windows(job: Job, window: int | None, stride: int) -> list[Job]:
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
            parts.append(Job(job.ids[start:stop], scored - start, scored - start, job.name))
            scored = stop
    return parts


def padded_batches(jobs: Sequence[Job], tokens: int) -> list[list[Job]]:
    """Jobs of similar length together, ``tokens`` ids a batch with the padding (a longer sequence goes alone)."""
    batches: list[list[Job]] = []
    room = 0
    for job in sorted(jobs, key=lambda job: -len(job.ids)):
        if room < 1:
            batches.append([])
            room = max(1, tokens // (len(job.ids) - 1))
        batches[-1].append(job)
        room -= 1
    return batches


def padded_batch(jobs: Sequence[Job]) -> Batch:
    """One job a row, padded on the right. No mask is needed: causal attention never looks at what comes after."""
    width = max(len(job.ids) for job in jobs) - 1
    input_ids = np.zeros((len(jobs), width), dtype=np.int64)
    for row, job in zip(input_ids, jobs, strict=True):
        row[: len(job.ids) - 1] = job.ids[:-1]
    # the output at column t - 1 predicts the id at t
    rows = [row * width + np.arange(job.first, len(job.ids)) - 1 for row, job in enumerate(jobs)]
    return Batch(jobs, input_ids, rows)


def send(values: np.ndarray, device: torch.device) -> torch.Tensor:
    """An array on a device; to a GPU without waiting until it has done what it was given before."""
    tensor = torch.from_numpy(values)
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor.to(device)
