"""Ids become log-probabilities: one forward pass, each target read off the row that predicts it.

``simple_log_probs`` is the definition. ``batch_log_probs`` gives the same numbers with less work; each of its
shortcuts is used only where ``probe`` found it exact on the loaded model.
"""

import inspect
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor

from .head import full_log_probs, tiled_log_probs, upcast
from .plan import Batch, Job

try:
    from . import packing
except ImportError:  # the file is not there, or transformers is too old for it: rows are padded instead
    packing = None


@dataclass(frozen=True)
class Shortcuts:
    """What is exact on a model; all off is right on every model.

    Attributes:
        padding: sequences of different lengths side by side, padded on the right, without a mask.
        packing: sequences end to end in one row, a shared context once.
        head: the output layer taken apart into tiles; off where the model scales or caps its logits.
        keep: the model's own ``logits_to_keep``.
        longest: a sequence of more ids goes alone; None where there is no such length.
    """

    padding: bool = False
    packing: bool = False
    head: bool = False
    keep: bool = False
    longest: int | None = None


def simple_log_probs(model, job: Job) -> Tensor:
    """log Pr(id | all ids before it) for each of ``job.ids[job.first:]``: float64 (n,), nats.

    One sequence, full logits, log-softmax, gather: the logits at place t - 1 predict the id at place t.
    """
    ids = torch.tensor(job.ids, device=input_device(model))
    logits = model(input_ids=ids[None, :-1], **without_cache(model)).logits[0, job.first - 1 :]
    targets = ids[job.first :].to(logits.device)
    return upcast(logits).log_softmax(-1).gather(-1, targets[:, None])[:, 0].double()


def batch_log_probs(model, batches: Sequence[Batch], shortcuts: Shortcuts) -> Tensor:
    """The same for all jobs of all batches, one after the other: float64 (sum of their sizes,), nats.

    Each batch is one forward pass. The output layer goes over the rows of all of them at once: a matrix of |V| rows
    costs nearly the same for thirty of them as for three hundred.
    """
    if not shortcuts.head:
        return torch.cat([_from_logits(model, batch, shortcuts.keep) for batch in batches])
    head = model.get_output_embeddings()
    device = head.weight.device
    hidden, rows, before = [], [], 0
    for batch in batches:
        needed, row_of = torch.tensor(batch.rows).unique(return_inverse=True)
        hidden.append(_hidden(model, batch)[needed.to(input_device(model))].to(device))
        rows.append(row_of + before)
        before += len(needed)
    targets = torch.tensor([token for batch in batches for token in batch.targets], device=device)
    return tiled_log_probs(torch.cat(hidden), torch.cat(rows).to(device), targets, head)


def _hidden(model, batch: Batch) -> Tensor:
    """The last hidden states of a batch, from the transformer's body alone: (B x T, D)."""
    with _attention(model, batch):
        return model.base_model(**_inputs(model, batch))[0].flatten(0, 1)


def _from_logits(model, batch: Batch, keep: bool) -> Tensor:
    """The model's own forward: logits as it makes them (scaled, capped), only in the columns needed where it can."""
    width = len(batch.input_ids[0])
    rows = torch.tensor(batch.rows)
    columns, column_of = (rows % width).unique(return_inverse=True)
    only = {"logits_to_keep": columns.to(input_device(model))} if keep else {}
    with _attention(model, batch):
        logits = model(**_inputs(model, batch), **only).logits
    if not keep:
        logits = logits[:, columns.to(logits.device)]
    rows = (rows // width) * len(columns) + column_of
    device = logits.device
    return full_log_probs(logits.flatten(0, 1), rows.to(device), torch.tensor(batch.targets, device=device))


def _inputs(model, batch: Batch) -> dict:
    device = input_device(model)
    inputs = {"input_ids": torch.tensor(batch.input_ids, device=device), **without_cache(model)}
    if batch.positions is not None:
        inputs["position_ids"] = torch.tensor(batch.positions, device=device)
    return inputs


def _attention(model, batch: Batch):
    """The model's own attention, or that of a packed row."""
    return packing.packed_attention(model, batch.layout) if batch.layout else nullcontext()


def input_device(model) -> torch.device:
    """Where the model wants its ids: the place of its input embeddings (a large model may lie on several devices)."""
    return model.get_input_embeddings().weight.device


def without_cache(model) -> dict[str, bool]:
    """No keys and values are kept for a next step: there is none, and a cache would hide where packed rows begin."""
    return {"use_cache": False} if accepts(model, "use_cache") else {}


def accepts(model, name: str) -> bool:
    """Whether the model's forward names this argument."""
    return name in inspect.signature(model.forward).parameters
