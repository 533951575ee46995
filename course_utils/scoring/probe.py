"""A self-test on the loaded model: which shortcut gives the numbers of one sequence at a time.

Model families differ (positions, windows, biases, capped logits, recurrence), and a shortcut that is wrong for one
of them fails in silence. So none is trusted by name: a few short sequences are scored both ways.
"""

import math
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from torch import nn

from . import routes
from .plan import Batch, Job, padded_batch, send
from .routes import Shortcuts, batch_log_probs, input_device, simple_log_probs, without_cache

# Largest difference in nats of one token's score that may pass as rounding. 16-bit models round at every layer, and
# differently for every shape of batch.
TOLERANCE = {torch.float64: 1e-9, torch.float32: 1e-4}
TOLERANCE_16_BIT = 0.3
LONGEST = 13  # ids in one sequence of the self-test

# What a config may call the number of ids that the model reads at once.
WINDOW_NAMES = ("max_position_embeddings", "n_positions", "max_seq_len", "n_ctx")

# How a config's names for the ids that attention looks back end, in the families where it does not see them all.
LOOKS_BACK = ("window", "window_size", "attention_chunk_size", "index_topk", "index_topk_blocks")


def find_shortcuts(model, simple: bool = False) -> Shortcuts:
    """The shortcuts that are exact on this model; none where it has to be simple.

    Raises:
        ValueError: the model is not causal.
    """
    jobs, window = probe_jobs(vocabulary_size(model.config)), model_window(model) or LONGEST
    check_causal(model, jobs[0].ids[: window + 1])
    if simple or window < LONGEST:  # or too short a window for the self-test: one sequence at a time
        return Shortcuts()
    head = head_is_linear(model, jobs[0])
    packed = bool(routes.packing) and agrees(model, routes.packing.packed_batch(jobs), head)
    together = packed or agrees(model, padded_batch(jobs), head)
    return Shortcuts(longest_together(model.config) if together else 0, packed, head)


def check_kind(model) -> None:
    """Raises ValueError where a model of this kind has no probabilities of texts to give, or lacks its weights."""
    name = type(model).__name__
    if getattr(model, "get_output_embeddings", lambda: None)() is None:
        raise ValueError(f"{name} gives no logits over a vocabulary; load a model with AutoModelForCausalLM")
    if getattr(model.config, "is_encoder_decoder", False):
        raise ValueError(f"{name} has an encoder, and gives a text no probability of its own; load a causal model")
    hooked = any(hasattr(module, "_hf_hook") for module in model.modules())  # accelerate brings offloaded weights
    if not hooked and any(weight.is_meta for weight in model.parameters()):
        raise ValueError(f"{name} is on the device meta, which keeps shapes and no numbers; load its weights")


def vocabulary_size(config) -> int:
    """|V|: the number of logits, rows of a padded vocabulary included (they are part of the model's distribution)."""
    return config.get_text_config().vocab_size


def probe_jobs(vocabulary: int) -> list[Job]:
    """Short sequences that share a context, and two that do not; all different, so that a mix-up shows."""
    n = np.arange(1, 31)
    ids = (7919 * n * n + 104729 * n + 13) % vocabulary
    context, other = ids[:5], ids[5:12]
    candidates = [ids[12:17], ids[17:18], ids[18:22]]
    jobs = [Job(np.concatenate([context, candidate]), 1, len(context)) for candidate in candidates]
    return [*jobs, Job(np.concatenate([other, ids[22:26]]), 1, len(other)), Job(ids[26:30], 1, 2)]


def check_causal(model, ids: np.ndarray) -> None:
    """Another last id must leave the scores of all ids before it as they were.

    Raises:
        ValueError: it does not; the scores of tokens would not chain into that of a text.
    """
    changed = ids.copy()
    changed[-2] = (changed[-2] + 1) % vocabulary_size(model.config)  # the last one that is read
    before, after = (simple_log_probs(model, Job(each, 1, 1))[:-2] for each in (ids, changed))
    if ((before - after).abs() > tolerance(model)).any():  # not where they are NaN: that is said of a pair, later
        name, moves = type(model).__name__, "changing a token moves the scores of tokens before it"
        if is_quantised(model):
            raise ValueError(
                f"{name} is quantised, and all ids of a sequence share the scale that their activations are rounded "
                f"by: {moves}, so they do not chain exactly. Quantise the weights only, or give check=False to take "
                "the scores as they are, each sequence by itself"
            )
        raise ValueError(
            f"{name} is not causal here: {moves}, so "
            "they do not chain into the probability of a text (a masked language model, or a faulty attention kernel)"
        )


def is_quantised(model) -> bool:
    """Whether the model says so, or modules or weights of it are of a kind made for that."""
    kinds = {type(part).__module__ for part in [*model.modules(), *model.parameters()]}
    said = getattr(model, "is_quantized", False) or getattr(model.config, "quantization_config", None)
    return bool(said) or any("quant" in kind for kind in kinds)


def head_is_linear(model, job: Job) -> bool:
    """Whether the logits are W h + b and nothing else, h being what the body gives.

    Equality bit by bit, not a tolerance: a cap on the logits (c tanh(u / c)) hardly shows while they are small.
    """
    head, seen = model.get_output_embeddings(), {}
    if type(head) is not nn.Linear or head.weight.is_meta or model.base_model is model:
        return False
    inputs = {"input_ids": send(job.ids, input_device(model))[None], **without_cache(model)}
    with hooked(head, lambda _, args, out: seen.update(hidden=args[0], out=out)):
        logits = model(**inputs).logits
    if not seen or not torch.equal(logits, seen["out"].to(logits.dtype)):
        return False
    body, hidden = model.base_model(**inputs)[0], seen["hidden"]
    pairs = [(body.to(hidden.device), hidden), (nn.functional.linear(hidden, head.weight, head.bias), seen["out"])]
    return all(a.shape == b.shape and torch.allclose(a, b, rtol=1e-3, atol=1e-3) for a, b in pairs)


def agrees(model, batch: Batch, head: bool) -> bool:
    """Whether a batch gives what its sequences give alone, on a model where a mistake would have shown.

    A model of random weights may hardly look at its context: then every route agrees with every other, the wrong ones
    too. So the difference must also be small beside the one that a leak from one sequence into the next would make.
    """
    alone = torch.cat([simple_log_probs(model, job) for job in batch.jobs])
    leaking = torch.cat([simple_log_probs(model, leak) for leak in leaks(batch.jobs)])
    try:
        together = batch_log_probs(model, [batch], Shortcuts(head=head))
        apart = keeps_apart(model, batch, head)
    except Exception:  # whatever a model says to a shortcut that it cannot take, the answer is no
        return False
    difference = torch.where(together == alone, 0, together - alone).abs().max()  # -inf both ways is no difference
    visible = (leaking - alone).abs().max()
    return apart and bool(difference <= tolerance(model) and difference <= 0.05 * visible)


def keeps_apart(model, batch: Batch, head: bool) -> bool:
    """Whether the scores of each sequence hang on all ids that it reads and on no others, told by their gradient.

    It is zero at what they do not hang on, exactly, and nowhere else. So a leak too faint for any tolerance shows: a
    convolution of small weights that runs on from one packed sequence into the next.
    """
    embedded = []

    def cut(module, args, out: torch.Tensor) -> torch.Tensor:
        embedded.append(out.detach().requires_grad_())
        return embedded[-1].clone()  # some models scale it in place

    # with gradients, whatever holds around it
    with hooked(model.get_input_embeddings(), cut), torch.inference_mode(False):
        scores = batch_log_probs(model, [batch], Shortcuts(head=head))
        totals = [part.sum() for part in scores.split([len(job.targets) for job in batch.jobs])]
        gradients = [torch.autograd.grad(total, embedded[0], retain_graph=True)[0] for total in totals]
    counts = [int((gradient != 0).any(-1).sum()) for gradient in gradients]
    return counts == [len(job.ids) - 1 for job in batch.jobs]


@contextmanager
def hooked(module: nn.Module, hook: Callable) -> Iterator[None]:
    """While it holds, the hook sees what this thread sends through the module, and nothing that another one does."""
    here = threading.get_ident()
    handle = module.register_forward_hook(lambda *call: hook(*call) if threading.get_ident() == here else None)
    try:
        yield
    finally:
        handle.remove()


def leaks(jobs: Sequence[Job]) -> list[Job]:
    """The same targets, each sequence wrongly continuing the last three ids of the one before it."""
    before = [jobs[-1], *jobs[:-1]]
    return [Job(np.concatenate([b.ids[-3:], j.ids]), 3 + j.first, 0) for b, j in zip(before, jobs, strict=True)]


def tolerance(model) -> float:
    return TOLERANCE.get(next(model.parameters()).dtype, TOLERANCE_16_BIT)


def longest_together(config) -> float:
    """Beyond this many ids a sequence goes alone, as the short sequences of the self-test prove nothing about it.

    Some families change with the length: attention through a window or in chunks, rotary frequencies stretched once
    the sequence is longer than the original training length (stretched, they would change all others of its batch).
    """
    text = config.get_text_config()
    rope = getattr(text, "rope_parameters", None) or {}
    limits = [value for name, value in vars(text).items() if name.endswith(LOOKS_BACK)]
    for scaling in [rope, *(value for value in rope.values() if isinstance(value, dict))]:
        if scaling.get("rope_type") in ("dynamic", "longrope"):
            limits.append(scaling.get("original_max_position_embeddings"))
            limits.append(getattr(text, "original_max_position_embeddings", None) or text.max_position_embeddings)
    return min((n for n in limits if isinstance(n, int) and n > 1), default=math.inf)


def model_window(model) -> int | None:
    """The most ids that the model reads at once; None where its config names no such number.

    Not all of its positions are for ids: RoBERTa and its relatives leave those up to the padding id's empty, and a
    learned prompt (prompt tuning) fills some itself.
    """
    text = model.config.get_text_config()
    found = (getattr(text, name, None) for name in WINDOW_NAMES)
    positions = next((n for n in found if isinstance(n, int) and n > 0), None)
    if positions is None:
        return None
    tables = [part for name, part in model.named_modules() if name.endswith("position_embeddings")]
    offsets = [
        table.padding_idx + 1
        for table in tables
        if getattr(table, "padding_idx", None) is not None and table.num_embeddings == positions
    ]
    virtual = getattr(getattr(model, "active_peft_config", None), "num_virtual_tokens", None) or 0
    return positions - max(offsets, default=0) - virtual
