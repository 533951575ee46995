"""The output layer, only where it is needed: rows of hidden states against tiles of the vocabulary.

The logits of one token are a row of |V| numbers, and all that a score wants of them is

    log Pr(token | context) = u[token] - log sum_k exp(u[k]),     u = W h + b.

So no row is ever held in full: the sum over the vocabulary runs tile by tile, and the target's own logit is one dot
product. Memory is one tile instead of rows x |V|, and on a CPU a tile stays in the cache.
"""

import torch
from torch import Tensor, nn

CPU_TILE = 512, 1024  # rows x words: 2 MB of float32 logits, about what a core's cache holds
GPU_TILE = 2048, 16_384  # 130 MB: enough work for the whole device in one product


def tiled_log_probs(hidden: Tensor, rows: Tensor, targets: Tensor, head: nn.Linear) -> Tensor:
    """log Pr(target | context) of each target, without ever holding a full row of logits.

    Args:
        hidden: (R, D) hidden states, one for each context, in the model's dtype.
        rows: (N,) int64: which context each target follows. One context may serve any number of targets.
        targets: (N,) int64 token ids.
        head: the output layer, weight (V, D), bias (V,) or none.

    Returns:
        (N,) float32 (float64 of a float64 model), nats. NaN where a logit of that context is NaN.
    """
    own = (upcast(hidden[rows]) * upcast(head.weight[targets])).sum(-1)
    if head.bias is not None:
        own = own + upcast(head.bias[targets])
    return own - log_normaliser(hidden, head)[rows]


def log_normaliser(hidden: Tensor, head: nn.Linear) -> Tensor:
    """log sum_k exp(u[k]) over the vocabulary for each row of ``hidden`` (R, D): (R,), the log-sum of all tiles."""
    rows, words = CPU_TILE if hidden.device.type == "cpu" else GPU_TILE
    weights = head.weight.split(words)
    biases = [None] * len(weights) if head.bias is None else head.bias.split(words)
    sums = [
        torch.cat([log_sum_exp(nn.functional.linear(some, weight, bias)) for some in hidden.split(rows)])
        for weight, bias in zip(weights, biases, strict=True)
    ]
    return torch.stack(sums).logsumexp(0)


def log_sum_exp(u: Tensor) -> Tensor:
    """log sum_k exp(u[k]) of each row of logits (R, n): (R,), in float32 at least.

    Log-softmax takes it away from every logit, so it is what the largest one has lost. torch's kernel for log-softmax
    keeps a row in the cache and takes half the time of its logsumexp; but a row of -inf only has no softmax.
    """
    largest = upcast(u.amax(-1))
    return torch.where(largest == -torch.inf, largest, largest - u.log_softmax(-1, dtype=largest.dtype).amax(-1))


def upcast(values: Tensor) -> Tensor:
    """float32 at least: in 16 bits a log-softmax alone loses more than a hundredth of a nat."""
    return values.to(torch.promote_types(values.dtype, torch.float32))


def full_log_probs(logits: Tensor, rows: Tensor, targets: Tensor) -> Tensor:
    """The same from rows of logits (R, V) that the model made itself, a few at a time: upcast, they take more room."""
    chosen = []
    for some, targets_of_some in zip(rows.split(64), targets.split(64), strict=True):
        u = logits[some]
        chosen.append(upcast(u.gather(-1, targets_of_some[:, None])[:, 0]) - log_sum_exp(u))
    return torch.cat(chosen)
