"""The output layer, only where it is needed: rows of hidden states against tiles of the vocabulary.

The logits of one token are a row of |V| numbers, and all that a score wants of them is

    log Pr(token | context) = u[token] - log sum_k exp(u[k]),     u = W h + b.

So no row is ever held in full: the sum over the vocabulary runs tile by tile, and the target's own logit is one dot
product. Memory is one tile instead of rows x |V|, and a tile stays in the processor's cache.
"""

import torch
from torch import Tensor, nn

ROWS, WORDS = 512, 1024  # one tile of logits: 2 MB in float32


def tiled_log_probs(hidden: Tensor, rows: Tensor, targets: Tensor, head: nn.Linear) -> Tensor:
    """log Pr(target | context) of each target, without ever holding a full row of logits.

    Args:
        hidden: (R, D) hidden states, one for each context, in the model's dtype.
        rows: (N,) int64: which context each target follows. One context may serve any number of targets.
        targets: (N,) int64 token ids.
        head: the output layer, weight (V, D), bias (V,) or none.

    Returns:
        (N,) float64, nats. NaN where a logit of that context is NaN.
    """
    own = (upcast(hidden[rows]) * upcast(head.weight[targets])).sum(-1)
    if head.bias is not None:
        own = own + upcast(head.bias[targets])
    return own.double() - log_normaliser(hidden, head)[rows]


def upcast(values: Tensor) -> Tensor:
    """float32 at least: in 16 bits a log-softmax alone loses more than a hundredth of a nat."""
    return values.to(torch.promote_types(values.dtype, torch.float32))


def log_normaliser(hidden: Tensor, head: nn.Linear) -> Tensor:
    """log sum_k exp(u[k]) over the vocabulary for each row of ``hidden`` (R, D): float64 (R,).

    log(e^a + e^b) joins the tiles: the running value and a tile's own are two log-sums, and so is the result.
    """
    total = torch.full((len(hidden),), -torch.inf, dtype=torch.float64, device=hidden.device)
    for word in range(0, len(head.weight), WORDS):
        weight = head.weight[word : word + WORDS]
        bias = None if head.bias is None else head.bias[word : word + WORDS]
        for row in range(0, len(hidden), ROWS):
            tile = upcast(nn.functional.linear(hidden[row : row + ROWS], weight, bias))
            total[row : row + ROWS] = torch.logaddexp(total[row : row + ROWS], log_sum_exp(tile).double())
    return total


def log_sum_exp(u: Tensor) -> Tensor:
    """log sum_k exp(u[k]) of each row of (R, n): (R,).

    Log-softmax takes it away from every logit, so it is what the largest one has lost. torch's kernel for log-softmax
    keeps a row in the cache and takes half the time of its logsumexp; but a row of -inf only has no softmax.
    """
    largest = u.amax(-1)
    return torch.where(largest == -torch.inf, largest, largest - u.log_softmax(-1).amax(-1))


def full_log_probs(logits: Tensor, rows: Tensor, targets: Tensor) -> Tensor:
    """The same from rows of logits (R, V) that the model made itself: float64 (N,), nats."""
    chosen = torch.empty(len(rows), dtype=torch.float64, device=logits.device)
    for start in range(0, len(rows), 64):  # upcast a few rows at a time: the logits themselves may be 16-bit
        part = slice(start, start + 64)
        some = upcast(logits[rows[part]])
        own = some.gather(-1, targets[part, None])[:, 0]
        chosen[part] = own.double() - log_sum_exp(some).double()
    return chosen
