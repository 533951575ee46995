"""Rows without padding: sequences laid end to end, a context that several candidates share laid once.

    one row:   [ x a a a b b | x' c | ... ]      y = a a a and y = b b both follow x; x' c is a sequence of its own

Everything in a transformer except attention works position by position and never notices. Attention is told where
the sequences are: each runs causally over itself, and each branch over its context and itself. Positions count within
a sequence, so the first token of every branch has the position len(x). The numbers are those of one sequence at a time.

This file can be removed alone: without it, ``forward`` pads.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, PreTrainedConfig

from .plan import Batch, Job, send

NAME = "course_packed"  # the name under which transformers' models find the attention function below


@dataclass
class Layout:
    """Where the sequences of a packed row are, as attention needs it: they are laid side by side for it alone.

    Attributes:
        blocks: (queries, keys, mask), one attention call each: int64 (G, Q) and (G, K), places in the row, G groups
            side by side; mask, bool (G, 1, Q, K), says what each query sees; None: causal, Q = K.
        back: int64 (T,): for each place in the row, where its result is among the results of all blocks.
    """

    blocks: list[tuple]
    back: Any  # arrays; while the model runs, tensors on its device


def group(jobs: Sequence[Job]) -> list[list[Job]]:
    """Jobs that share a context together, as long as their branches take at most twice its length.

    The bound keeps the mask of the branches small; beyond it the context is laid once more. A candidate of one token
    adds nothing: its score is read off the context's last row.
    """
    groups: dict[bytes, list[list[Job]]] = {}
    room: dict[bytes, int] = {}
    for job in jobs:
        context, branch = job.ids[: job.n_context].tobytes(), len(job.ids) - 1 - job.n_context
        if context not in groups or room[context] < branch:
            groups.setdefault(context, []).append([])
            room[context] = 2 * job.n_context + branch
        groups[context][-1].append(job)
        room[context] -= branch
    return [members for parts in groups.values() for members in parts]


def packed_batches(jobs: Sequence[Job], tokens: int) -> list[list[Job]]:
    """Jobs row by row: groups of similar length, ``tokens`` ids a row, not much more where attention pads them."""
    sized = [
        (members[0].n_context + sum(len(j.ids) - 1 - j.n_context for j in members), members) for members in group(jobs)
    ]
    batches: list[list[Job]] = []
    room = area = longest = 0
    for size, members in sorted(sized, key=lambda item: -item[0]):
        if room < size or area < longest:
            batches.append([])
            room, area, longest = tokens, 2 * tokens, size
        batches[-1] += members
        room, area = room - size, area - longest
    return batches


def packed_batch(jobs: Sequence[Job]) -> Batch:
    """All jobs in one row."""
    pieces: list[tuple[np.ndarray, int]] = []  # ids, and the position of the first of them
    groups: list[tuple[int, int, int]] = []  # where its context begins, where its branches do, where they end
    rows: dict[Job, np.ndarray] = {}
    end = 0
    for members in group(jobs):
        start = end
        # one sequence alone is a run of all its ids; of several, the run is the context that they share
        context = members[0].n_context if len(members) > 1 else len(members[0].ids) - 1
        pieces.append((members[0].ids[:context], 0))
        end += context
        for job in members:
            branch = job.ids[context:-1]
            # the place in the row of each id that is read: in the shared part, or in its own branch
            places = np.concatenate([np.arange(start, start + context), np.arange(end, end + len(branch))])
            rows[job] = places[job.first - 1 : len(job.ids) - 1]  # each predicts the id after it
            pieces.append((branch, context))
            end += len(branch)
        groups.append((start, start + context, end))
    ids = np.concatenate([piece for piece, _ in pieces])
    positions = np.concatenate([first + np.arange(len(piece)) for piece, first in pieces])
    owner = np.repeat(np.arange(len(pieces)), [len(piece) for piece, _ in pieces])
    return Batch(jobs, ids[None], [rows[job] for job in jobs], positions[None], make_layout(np.array(groups), owner))


def make_layout(groups: np.ndarray, owner: np.ndarray) -> Layout:
    """The layout of a row; groups, int64 (G, 3): start, end of the context, end; owner (T,): the piece of each id."""
    queries, is_query = side_by_side(groups[:, 0], groups[:, 1])
    back = np.empty_like(owner)
    back[queries[is_query]] = np.flatnonzero(is_query)
    blocks: list[tuple] = [(queries, queries, None)]  # runs: what pads them comes after, and no query sees it
    start, context, end = groups[groups[:, 1] < groups[:, 2]].T
    if len(start):
        branch, is_branch = side_by_side(context, end)
        back[branch[is_branch]] = queries.size + np.flatnonzero(is_branch)
        keys, is_key = (each[:, None] for each in side_by_side(start, end))
        branch_of = branch[:, :, None]
        seen = (keys < context[:, None, None]) | (owner[keys] == owner[branch_of])
        blocks.append((branch, keys[:, 0], (is_key & seen & (keys <= branch_of))[:, None]))
    return Layout(blocks, back)


def side_by_side(start: np.ndarray, end: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Ranges as rows of a matrix, the shorter ones padded with their last place; and which entries are no padding."""
    places = start[:, None] + np.arange((end - start).max())
    return np.minimum(places, end[:, None] - 1), places < end[:, None]


# Of the row that this thread has in the model now; set by ``packed_attention`` alone. Other threads have their own, and
# whoever calls the model in them has the model's own attention.
_layout: ContextVar[Layout | None] = ContextVar("course_packed_layout", default=None)

# What models hand to attention beyond query, key and value, and what does not change its result: causality and windows
# are the layout's business (no packed sequence is longer than a window), dropout is off.
HARMLESS = set("dropout is_causal sliding_window position_ids output_attentions use_cache cache_position".split())


def attention(module, query: Tensor, key: Tensor, value: Tensor, attention_mask, scaling=None, **kwargs):
    """Attention over a packed row: query (1, H, T, d), key and value (1, H_kv, T, d) to (1, T, H, d_v).

    Raises:
        NotImplementedError: the model adds something of its own (a bias, a cap, sinks); the probe then finds that
            packing is not for this model.
    """
    extra = {name for name, given in kwargs.items() if given is not None and name not in HARMLESS}
    if attention_mask is not None or extra:
        raise NotImplementedError(f"packed attention knows nothing of a mask of the model's own or of {extra}")
    layout, heads, results = _layout.get(), query.shape[1], []
    assert layout is not None  # elsewhere the model does not call this
    for queries, keys, mask in layout.blocks:
        q, k, v = (take(t[0].transpose(0, 1), at) for t, at in ((query, queries), (key, keys), (value, keys)))
        q, k, v = (t.repeat_interleave(heads // t.shape[2], dim=2).transpose(1, 2) for t in (q, k, v))
        result = scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=mask is None, scale=scaling)
        results.append(result.transpose(1, 2).flatten(0, 1))
    return take(torch.cat(results), layout.back)[None], None


def take(values: Tensor, places: Tensor) -> Tensor:
    """values[places] along the first dimension; on a GPU several times as fast."""
    return values.index_select(0, places.flatten()).unflatten(0, places.shape)


AttentionInterface.register(NAME, attention)

# Every model asks its config which attention it has. Inside of ``packed_attention``, and nowhere else, the answer is
# ours; nothing is written into the config. Compiled code is made for all threads, so it keeps to what the config says.
_named: property = PreTrainedConfig.__dict__["_attn_implementation"]


def _attention_here(config: PreTrainedConfig) -> str | None:
    return _named.fget(config) if torch.compiler.is_compiling() or _layout.get() is None else NAME  # pyright: ignore[reportOptionalCall]


PreTrainedConfig._attn_implementation = property(_attention_here, _named.fset)  # pyright: ignore


@contextmanager
def packed_attention(layout: Layout, device: torch.device) -> Iterator[None]:
    """While it holds, attention follows ``layout`` in this thread; elsewhere and otherwise it is the model's own."""
    blocks = [tuple(each if each is None else send(each, device) for each in block) for block in layout.blocks]
    token = _layout.set(Layout(blocks, send(layout.back, device)))
    try:
        yield
    finally:
        _layout.reset(token)
