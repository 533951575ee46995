"""A self-test on the loaded model: which shortcut gives the numbers of one sequence at a time.

Model families differ (positions, windows, biases, capped logits, recurrence), and a shortcut that is wrong for one
of them fails in silence. So none is trusted by name: a few short sequences are scored both ways.
"""

import torch
from torch import nn

from . import routes
from .plan import Batch, Job, padded_batch
from .routes import Shortcuts, accepts, batch_log_probs, input_device, simple_log_probs, without_cache

# Largest difference in nats of one token's score that may pass as rounding. 16-bit models round at every layer, and
# differently for every shape of batch.
TOLERANCE = {torch.float64: 1e-9, torch.float32: 1e-4}
TOLERANCE_16_BIT = 0.3
LONGEST = 13  # ids in one sequence of the self-test

# What a config may call the number of ids that the model reads at once.
WINDOW_NAMES = ("max_position_embeddings", "n_positions", "max_seq_len", "n_ctx")

# How a config's names for the ids that attention looks back end, in the families where it does not see them all.
LOOKS_BACK = ("window", "window_size", "attention_chunk_size", "index_topk")


def find_shortcuts(model) -> Shortcuts:
    """The shortcuts that are exact on this model.

    Raises:
        ValueError: the model is not causal; its scores of tokens would not chain into that of a text.
    """
    jobs = probe_jobs(vocabulary_size(model))
    if (model_window(model.config) or LONGEST) < LONGEST:
        return Shortcuts()  # too short a window for the self-test: one sequence at a time
    with torch.random.fork_rng(devices=[]):
        check_causal(model, jobs[0])
        head, keep = head_is_linear(model, jobs[0]), keeps_logits(model, jobs[0])
        padding = agrees(model, padded_batch(jobs), jobs, Shortcuts(head=head, keep=keep))
        packed = False
        if routes.packing and accepts(model, "position_ids"):
            packed = agrees(model, routes.packing.packed_batch(jobs), jobs, Shortcuts(head=head, keep=keep))
    return Shortcuts(padding, packed, head, keep, longest_together(model.config))


def vocabulary_size(model) -> int:
    """|V|: the number of logits, rows of a padded vocabulary included (they are part of the model's distribution)."""
    head = model.get_output_embeddings()
    return model.config.get_text_config().vocab_size if head is None else head.weight.shape[0]


def probe_jobs(vocabulary: int) -> list[Job]:
    """Short sequences that share a context, and one that does not; all different, so that a mix-up shows."""
    ids = [(7919 * i * i + 104729 * i + 13) % vocabulary for i in range(1, 31)]
    context, other = ids[:5], ids[5:12]
    candidates = [ids[12:17], ids[17:18], ids[18:22]]
    jobs = [Job((*context, *candidate), 1, len(context)) for candidate in candidates]
    return [*jobs, Job((*other, *ids[22:26]), 1, len(other)), Job(tuple(ids[26:30]), 1, 2)]


def check_causal(model, job: Job) -> None:
    """Another last token must leave the scores of all tokens before it as they were."""
    changed = Job((*job.ids[:-2], (job.ids[-2] + 1) % vocabulary_size(model), job.ids[-1]), 1, 1)
    before, after = (simple_log_probs(model, each)[:-2] for each in (job, changed))
    if not (before - after).abs().max() <= tolerance(model):
        raise ValueError(
            f"{type(model).__name__} is not causal here: changing a token moves the scores of tokens before it, so "
            "they do not chain into the probability of a text (a masked language model, or a faulty attention kernel)"
        )


def head_is_linear(model, job: Job) -> bool:
    """Whether the logits are W h + b and nothing else, h being what the body gives.

    Equality bit by bit, not a tolerance: a cap on the logits (c tanh(u / c)) hardly shows while they are small.
    """
    head, seen = model.get_output_embeddings(), {}
    if not isinstance(head, nn.Linear) or model.base_model is model:
        return False
    hook = head.register_forward_hook(lambda _, args, out: seen.update(hidden=args[0], out=out))
    ids = torch.tensor([job.ids], device=input_device(model))
    try:
        logits = model(input_ids=ids, **without_cache(model)).logits
    finally:
        hook.remove()
    if not seen or not torch.equal(logits, seen["out"].to(logits.dtype)):
        return False
    body = model.base_model(input_ids=ids, **without_cache(model))[0]
    linear = nn.functional.linear(seen["hidden"], head.weight, head.bias)
    return same(body, seen["hidden"]) and same(linear, seen["out"])


def same(a: torch.Tensor, b: torch.Tensor) -> bool:
    """Equal up to the rounding of their dtype."""
    close = 1e-5 if a.dtype in TOLERANCE else 2e-2
    return a.shape == b.shape and a.dtype == b.dtype and bool((a - b).abs().max() <= close * b.abs().max())


def keeps_logits(model, job: Job) -> bool:
    """Whether the model makes logits at chosen places only, and the right ones."""
    if not accepts(model, "logits_to_keep"):
        return False
    ids = torch.tensor([job.ids], device=input_device(model))
    places = torch.tensor([2, 5, 6], device=ids.device)
    full = model(input_ids=ids, **without_cache(model)).logits
    kept = model(input_ids=ids, logits_to_keep=places, **without_cache(model)).logits
    return same(kept, full[:, places.to(full.device)])


def agrees(model, batch: Batch, jobs: list[Job], shortcuts: Shortcuts) -> bool:
    """Whether a batch gives what its sequences give alone, on a model where a mistake would have shown.

    A model of random weights may hardly look at its context: then every route agrees with every other, the wrong ones
    too. So the difference must also be small beside the one that a leak from one sequence into the next would make.
    """
    alone = torch.cat([simple_log_probs(model, job) for job in jobs])
    leaking = torch.cat([simple_log_probs(model, leak) for leak in leaks(jobs)])
    try:
        together = batch_log_probs(model, [batch], shortcuts)
    except Exception:  # whatever a model says to a shortcut that it cannot take, the answer is no
        return False
    difference = (together - alone).abs().max()
    visible = (leaking - alone).abs().max()
    return bool(difference <= tolerance(model) and difference <= 0.05 * visible)


def leaks(jobs: list[Job]) -> list[Job]:
    """The same targets, each sequence wrongly continuing the last three ids of the one before it."""
    before = [jobs[-1], *jobs[:-1]]
    return [Job((*b.ids[-3:], *job.ids), 3 + job.first, 0) for b, job in zip(before, jobs, strict=True)]


def tolerance(model) -> float:
    return TOLERANCE.get(next(model.parameters()).dtype, TOLERANCE_16_BIT)


def longest_together(config) -> int | None:
    """Beyond this many ids a sequence goes alone, as the short sequences of the self-test prove nothing about it.

    Some families change with the length: attention through a window or in chunks, rotary frequencies stretched once
    the sequence is longer than the original training length (stretched, they would change all others of its batch).
    """
    text = config.get_text_config()
    rope = getattr(text, "rope_parameters", None) or {}
    scaled = [rope, *(value for value in rope.values() if isinstance(value, dict))]
    limits = [value for name, value in vars(text).items() if name.endswith(LOOKS_BACK)]
    for scaling in scaled:
        if scaling.get("rope_type") in ("dynamic", "longrope"):
            limits.append(scaling.get("original_max_position_embeddings"))
            limits.append(getattr(text, "original_max_position_embeddings", None) or text.max_position_embeddings)
    return min((n for n in limits if isinstance(n, int) and n > 1), default=None)


def model_window(config) -> int | None:
    """The most ids that the model reads at once, as its config says; None where it names no such number."""
    text = config.get_text_config()
    found = (getattr(text, name, None) for name in WINDOW_NAMES)
    return next((n for n in found if isinstance(n, int) and n > 0), None)
