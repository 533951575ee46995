"""Ids become log-probabilities: one forward pass, each target read off the row that predicts it.

``simple_log_probs`` is the definition. ``batch_log_probs`` gives the same numbers with less work; each of its
shortcuts is used only where ``probe`` found it exact on the loaded model.
"""

import inspect
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


def batch_log_probs(model, batch: Batch, shortcuts: Shortcuts) -> Tensor:
    """The same for all jobs of a batch, one after the other: float64 (sum of batch.sizes,), nats."""
    device = input_device(model)
    inputs = {"input_ids": torch.tensor(batch.input_ids, device=device), **without_cache(model)}
    if batch.positions is not None:
        inputs["position_ids"] = torch.tensor(batch.positions, device=device)
    with packing.packed_attention(model, batch.layout) if batch.layout else nullcontext():
        if shortcuts.head:
            return _from_hidden(model, inputs, batch)
        return _from_logits(model, inputs, batch, shortcuts.keep)


def _from_hidden(model, inputs: dict, batch: Batch) -> Tensor:
    """The transformer's body alone, then the output layer on the rows that predict something, tile by tile."""
    head = model.get_output_embeddings()
    device = head.weight.device
    needed, rows = torch.tensor(batch.rows).unique(return_inverse=True)
    hidden = model.base_model(**inputs)[0].flatten(0, 1)
    hidden = hidden[needed.to(hidden.device)].to(device)
    return tiled_log_probs(hidden, rows.to(device), torch.tensor(batch.targets, device=device), head)


def _from_logits(model, inputs: dict, batch: Batch, keep: bool) -> Tensor:
    """The model's own forward: logits as it makes them (scaled, capped), only in the columns needed where it can."""
    width = len(batch.input_ids[0])
    rows = torch.tensor(batch.rows)
    columns, column_of = (rows % width).unique(return_inverse=True)
    if keep:
        logits = model(**inputs, logits_to_keep=columns.to(input_device(model))).logits
    else:
        logits = model(**inputs).logits
        logits = logits[:, columns.to(logits.device)]
    rows = (rows // width) * len(columns) + column_of
    device = logits.device
    return full_log_probs(logits.flatten(0, 1), rows.to(device), torch.tensor(batch.targets, device=device))


def input_device(model) -> torch.device:
    """Where the model wants its ids: the place of its input embeddings (a large model may lie on several devices)."""
    return model.get_input_embeddings().weight.device


def without_cache(model) -> dict[str, bool]:
    """No keys and values are kept for a next step: there is none, and a cache would hide where packed rows begin."""
    return {"use_cache": False} if accepts(model, "use_cache") else {}


def accepts(model, name: str) -> bool:
    """Whether the model's forward names this argument."""
    return name in inspect.signature(model.forward).parameters
