"""Ids become log-probabilities: one forward pass, each target read off the row that predicts it.

``simple_log_probs`` is the definition. ``batch_log_probs`` gives the same numbers with less work; each of its
shortcuts is used only where ``probe`` found it exact on the loaded model.
"""

import inspect
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from .head import full_log_probs, tiled_log_probs, upcast
from .plan import Batch, Job, send

try:
    from . import packing
except (ImportError, AttributeError):  # the file is not there, or transformers has other names: rows are padded then
    packing = None


@dataclass(frozen=True)
class Shortcuts:
    """What is exact on a model; as it stands, without any, it is right on every model.

    Attributes:
        longest: sequences of up to so many ids go beside each other; a longer one goes alone.
        packing: beside each other is end to end in one row, a shared context once; else padded on the right.
        head: the output layer taken apart into tiles; where the model scales or caps its logits, they are its own.
    """

    longest: float = 0
    packing: bool = False
    head: bool = False


def simple_log_probs(model, job: Job) -> Tensor:
    """log Pr(id | all ids before it) for each of the job's targets: (n,), float32 at least, nats.

    One sequence, full logits, log-softmax, gather: the logits at place t - 1 predict the id at place t. Counted from
    the end, as some adapters put places of their own before the first id.
    """
    ids = send(job.ids, input_device(model))
    logits = model(input_ids=ids[None, :-1], **without_cache(model)).logits[0, -len(job.targets) :]
    targets = ids[job.first :].to(logits.device)
    return upcast(logits).log_softmax(-1).gather(-1, targets[:, None])[:, 0]


def batch_log_probs(model, batches: Sequence[Batch], shortcuts: Shortcuts) -> Tensor:
    """The same for all jobs of all batches, one after the other.

    Each batch is one forward pass. The output layer goes over the rows of all of them at once: a matrix of |V| rows
    costs nearly the same for thirty of them as for three hundred.
    """
    if not shortcuts.head:
        return torch.cat([_from_logits(model, batch) for batch in batches])
    head = model.get_output_embeddings()
    hidden, rows, before = [], [], 0
    for batch in batches:
        needed, row_of = np.unique(np.concatenate(batch.rows), return_inverse=True)
        states = _run(model, model.base_model, batch)[0].flatten(0, 1)
        hidden.append(states[send(needed, states.device)].to(head.weight.device))
        rows.append(row_of + before)
        before += len(needed)
    rows, targets = (send(np.concatenate(each), head.weight.device) for each in (rows, _targets(batches)))
    return tiled_log_probs(torch.cat(hidden), rows, targets, head)


def _from_logits(model, batch: Batch) -> Tensor:
    """The model's own forward: logits as it makes them (scaled, capped), of the columns needed only."""
    row, column = np.divmod(np.concatenate(batch.rows), batch.input_ids.shape[1])
    columns, column_of = np.unique(column, return_inverse=True)
    logits = _run(model, model, batch, logits_to_keep=send(columns, input_device(model))).logits.flatten(0, 1)
    targets = np.concatenate(_targets([batch]))
    return full_log_probs(logits, *(send(a, logits.device) for a in (row * len(columns) + column_of, targets)))


def _targets(batches: Sequence[Batch]) -> list[np.ndarray]:
    return [job.targets for batch in batches for job in batch.jobs]


def _run(model, part, batch: Batch, **options):
    """The model, or a part of it, over a batch, with its own attention or that of a packed row."""
    device = input_device(model)
    options |= without_cache(model) | {"input_ids": send(batch.input_ids, device)}
    if batch.positions is not None:
        options["position_ids"] = send(batch.positions, device)
    with packing.packed_attention(batch.layout, device) if packing and batch.layout else nullcontext():
        return part(**options)


def input_device(model) -> torch.device:
    """Where the model wants its ids: the place of its input embeddings (a large model may lie on several devices).

    Weights that accelerate keeps elsewhere lie on "meta" until its hook brings them: it knows where they compute.
    """
    embeddings = model.get_input_embeddings()
    hook = getattr(embeddings, "_hf_hook", None)
    places = [getattr(each, "execution_device", None) for each in getattr(hook, "hooks", [hook])]
    return torch.device(next((place for place in places if place is not None), embeddings.weight.device))


def without_cache(model) -> dict[str, bool]:
    """No keys and values are kept for a next step: there is none, and a cache would hide where packed rows begin."""
    return {"use_cache": False} if accepts(model, "use_cache") else {}


def accepts(model, name: str) -> bool:
    """Whether the model's forward names this argument."""
    return name in inspect.signature(model.forward).parameters
