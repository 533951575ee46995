"""Rows without padding: sequences laid end to end, a context that several candidates share laid once.

    one row:   [ x a a a b b | x' c | ... ]      y = a a a and y = b b both follow x; x' c is a sequence of its own

Everything in a transformer except attention works position by position and never notices. Attention is told where
the sequences are: each runs causally over itself, and each branch over its context and itself. Positions count within
a sequence, so the first token of every branch has the position len(x). The numbers are those of one sequence at a time.

This file can be removed alone: without it, ``forward`` pads.
"""

from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface

from .plan import Batch, Job

NAME = "course_packed"  # the name under which transformers' models find the attention function below


@dataclass
class Layout:
    """Where the sequences of a packed row are.

    Attributes:
        runs: (start, length, count): ``count`` sequences of equal length side by side, each causal in itself.
        branches: (context start, first branch start, stop, mask): the candidates of one context, which lies right
            before them; mask, bool (stop - first branch start, stop - context start), says what each token sees.
    """

    runs: list[tuple[int, int, int]] = field(default_factory=list)
    branches: list[tuple[int, int, int, Tensor]] = field(default_factory=list)


def group(jobs: Sequence[Job]) -> list[list[int]]:
    """Places in ``jobs``: those that share a context together, as long as their branches take at most twice its length.

    The bound keeps the mask of the branches small; beyond it the context is laid once more. A candidate of one token
    adds nothing: its score is read off the context's last row.
    """
    groups: dict[tuple, list[list[int]]] = {}
    room: dict[tuple, int] = {}
    for i, job in enumerate(jobs):
        context = job.ids[: job.n_context]
        branch = len(job.ids) - 1 - len(context)
        if context not in groups or room[context] < branch:
            groups.setdefault(context, []).append([])
            room[context] = 2 * len(context) + branch
        groups[context][-1].append(i)
        room[context] -= branch
    return [part for parts in groups.values() for part in parts]


def n_tokens(jobs: Sequence[Job]) -> int:
    """The ids that a group of jobs with one context takes in a row."""
    context = jobs[0].n_context
    return context + sum(max(0, len(job.ids) - 1 - context) for job in jobs)


def packed_batches(jobs: Sequence[Job], tokens: int) -> list[list[int]]:
    """Places in ``jobs``, row by row: groups of similar length, ``tokens`` ids a row."""
    sized = [(n_tokens([jobs[i] for i in part]), part) for part in group(jobs)]
    batches: list[list[int]] = []
    room = 0
    for size, part in sorted(sized, key=lambda item: (-item[0], len(item[1]))):
        if not batches or room < size:
            batches.append([])
            room = tokens
        batches[-1] += part
        room -= size
    return batches


def packed_batch(jobs: Sequence[Job]) -> Batch:
    """All jobs in one row. Their scores are in the order of ``jobs``."""
    ids: list[int] = []
    positions: list[int] = []
    rows: dict[int, list[int]] = {}
    layout = Layout()
    for part in group(jobs):
        members = [jobs[i] for i in part]
        start, context = len(ids), members[0].n_context
        # one sequence alone is a run of all its ids; of several, the run is the context that they share
        shared = members[0].ids[:-1] if len(members) == 1 else members[0].ids[:context]
        ids += shared
        positions += range(len(shared))
        layout.runs.append((start, len(shared), 1))
        branch_of: list[int] = []
        for i, job in zip(part, members, strict=True):
            branch = job.ids[len(shared) : -1]
            # the place of ids[t] in the row: in the shared part, or in its own branch
            places = [*range(start, start + len(shared)), *range(len(ids), len(ids) + len(branch))]
            rows[i] = [places[t - 1] for t in range(job.first, len(job.ids))]
            ids += branch
            positions += range(len(shared), len(shared) + len(branch))
            branch_of += [i] * len(branch)
        if branch_of:
            layout.branches.append((start, start + len(shared), len(ids), branch_mask(len(shared), branch_of)))
    layout.runs = merge_equal(layout.runs)
    order = range(len(jobs))
    return Batch(
        input_ids=[ids],
        rows=[row for i in order for row in rows[i]],
        targets=[token for i in order for token in jobs[i].ids[jobs[i].first :]],
        sizes=[len(rows[i]) for i in order],
        positions=[positions],
        layout=layout,
    )


def branch_mask(n_context: int, branch_of: list[int]) -> Tensor:
    """bool (n, n_context + n): a branch's token sees the context and what came before it in its own branch."""
    branch = torch.tensor(branch_of)
    own = (branch[:, None] == branch[None, :]).tril()
    return torch.cat([torch.ones(len(branch), n_context, dtype=torch.bool), own], dim=1)


def merge_equal(runs: list[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """Neighbours of equal length as one run, so that one attention call serves them all."""
    merged: list[tuple[int, int, int]] = []
    for start, length, count in runs:
        if merged and merged[-1][1] == length and merged[-1][0] + merged[-1][1] * merged[-1][2] == start:
            start, count = merged[-1][0], merged[-1][2] + count
            merged.pop()
        merged.append((start, length, count))
    return merged


_layout: Layout | None = None  # of the row that is in the model now; set by ``packed_attention`` alone

# What models hand to attention beyond query, key and value, and what does not change its result: causality and windows
# are the layout's business (no packed sequence is longer than a window), dropout is off.
HARMLESS = {
    "dropout",
    "is_causal",
    "sliding_window",
    "position_ids",
    "output_attentions",
    "use_cache",
    "cache_position",
}


def attention(module, query: Tensor, key: Tensor, value: Tensor, attention_mask, scaling=None, **kwargs):
    """Attention over a packed row: query (1, H, T, d), key and value (1, H_kv, T, d) to (1, T, H, d_v).

    Raises:
        NotImplementedError: the model adds something of its own (a bias, a cap, sinks); the probe then finds that
            packing is not for this model.
    """
    extra = {name for name, given in kwargs.items() if given is not None and name not in HARMLESS}
    if attention_mask is not None or extra:
        raise NotImplementedError(f"packed attention knows nothing of a mask of the model's own or of {extra}")
    grouped = {"scale": scaling, "enable_gqa": key.shape[1] != query.shape[1]}
    out = value.new_empty(1, query.shape[2], query.shape[1], value.shape[3])
    for start, length, count in _layout.runs:
        q, k, v = (side_by_side(t, start, length, count) for t in (query, key, value))
        result = scaled_dot_product_attention(q, k, v, is_causal=True, **grouped).transpose(1, 2)
        out[0, start : start + length * count] = result.flatten(0, 1)
    for context, start, stop, mask in _layout.branches:
        q, k, v = query[:, :, start:stop], key[:, :, context:stop], value[:, :, context:stop]
        result = scaled_dot_product_attention(q, k, v, attn_mask=mask.to(q.device), **grouped)
        out[:, start:stop] = result.transpose(1, 2)
    return out, None


def side_by_side(t: Tensor, start: int, length: int, count: int) -> Tensor:
    """(1, H, T, d) to (count, H, length, d): the sequences of one run as a batch."""
    return t[0, :, start : start + length * count].unflatten(1, (count, length)).transpose(0, 1)


AttentionInterface.register(NAME, attention)


@contextmanager
def packed_attention(model, layout: Layout):
    """While it holds, the model's attention follows ``layout``; before and after, it is the model's own."""
    global _layout
    own = model.config._attn_implementation
    model.config._attn_implementation, _layout = NAME, layout
    try:
        yield
    finally:
        model.config._attn_implementation, _layout = own, None
