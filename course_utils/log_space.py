"""Stable arithmetic on probabilities and their logarithms, in numpy.

`log` is the natural logarithm; log-probabilities are in nats, -inf is the log-probability of the impossible and NaN
means undefined. No function here ever warns.

Arguments are numbers, lists or arrays. float32 and float64 keep their type, float16 and bfloat16 are computed and
returned in float32, everything else (int, bool, Fraction, Decimal) in float64. Complex numbers and text are TypeErrors.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

__all__ = [
    "bits_per_byte",
    "bits_to_nats",
    "first_underflow",
    "log1mexp",
    "log_add",
    "log_softmax",
    "logsumexp",
    "nats_to_bits",
    "nll",
    "perplexity",
    "round_to_bfloat16",
    "running_product",
    "safe_log",
    "sequence_log_prob",
]

Axis = int | tuple[int, ...] | None

quiet = np.errstate(all="ignore")  # log 0 = -inf and inf - inf = NaN are answers here, not accidents


def _floats(values: ArrayLike) -> np.ndarray:
    """The values as a floating-point array, under the module's dtype rule."""
    array = np.asarray(values)
    if array.dtype == np.float16 or array.dtype.name == "bfloat16":
        return array.astype(np.float32)
    if array.dtype.kind in "iubO":  # O: Fraction, Decimal
        return array.astype(np.float64)
    if array.dtype.kind != "f":
        raise TypeError(f"expected real numbers, got an array of dtype {array.dtype}")
    return array


# --- logarithms ------------------------------------------------------------------------------------------------------


@quiet
def safe_log(probs: ArrayLike) -> np.ndarray:
    """log p, elementwise, with log 0 = -inf and no warning. Below 0 it is NaN."""
    return np.log(_floats(probs))


@quiet
def logsumexp(values: ArrayLike, axis: Axis = None, keepdims: bool = False) -> np.ndarray:
    """log of the sum of exp(values) along `axis` (None: all of them), without overflow or underflow.

    The maximum m is taken out, log sum exp(v) = m + log sum exp(v - m), so the largest term is exp(0) = 1. What the
    terms below m add goes through log1p: logsumexp([0, -40]) is 4.25e-18 and not 0.

    Of no values, or of -inf only, it is -inf: log 0, the empty sum. A +inf gives +inf, a NaN gives NaN. `keepdims` as
    in np.sum.

    Source: Blanchard, Higham and Higham (2021), "Accurately computing the log-sum-exp and softmax functions".
    """
    values = _floats(values)
    top = np.max(values, axis=axis, keepdims=True, initial=-np.inf)
    at_top = values == top
    ties = np.sum(at_top, axis=axis, keepdims=True, dtype=values.dtype)
    rest = np.sum(np.where(at_top, 0, np.exp(values - top)), axis=axis, keepdims=True, dtype=values.dtype)
    # an infinite maximum is its own answer; subtracting it gave inf - inf = NaN above
    result = np.where(np.isfinite(top), top + (np.log(ties) + np.log1p(rest / ties)), top)
    return result if keepdims else np.squeeze(result, axis=axis)[()]


@quiet
def log_softmax(logits: ArrayLike, axis: Axis = -1) -> np.ndarray:
    """Logits to log-probabilities (nats) along `axis`; the shape stays.

    log softmax(u)_k = u_k - logsumexp(u). The maximum is subtracted first, so that a favourite that is almost certain
    keeps its tiny log-probability: log_softmax([40, 0])[0] is -4.25e-18, where torch gives 0.

    A -inf logit is an impossible token and stays -inf. A row that is all -inf, or has a +inf or a NaN, is no
    distribution: all of it is NaN.
    """
    logits = _floats(logits)
    shifted = logits - np.max(logits, axis=axis, keepdims=True, initial=-np.inf)
    return shifted - logsumexp(shifted, axis=axis, keepdims=True)


@quiet
def log_add(a: ArrayLike, b: ArrayLike) -> np.ndarray:
    """log(exp(a) + exp(b)), elementwise with broadcasting: the log-probability of "one or the other".

    log_add(-inf, b) = b, and -inf for two of them.
    """
    return np.logaddexp(_floats(a), _floats(b))


@quiet
def log1mexp(x: ArrayLike) -> np.ndarray:
    """log(1 - exp(x)) for x <= 0, elementwise: from log p to log(1 - p), accurate at both ends.

    Below -ln 2 it is log1p(-exp(x)), above it log(-expm1(x)): each keeps the digits that the other loses. At x = 0 it
    is -inf, at -inf it is 0, and for x > 0 (a probability above 1) NaN.

    Source: Maechler (2012), "Accurately computing log(1 - exp(-|a|))".
    """
    x = _floats(x)
    far = np.log1p(-np.exp(x))
    near = np.log(-np.expm1(x))
    return np.where(x < -math.log(2), far, near)[()] + 0.0  # -0.0 becomes 0.0


# --- sequences -------------------------------------------------------------------------------------------------------


@quiet
def sequence_log_prob(probs: ArrayLike, axis: Axis = None) -> np.ndarray:
    """log Pr of a sequence (nats) from the conditional probabilities of its tokens: the sum of their logarithms.

    0.0 for an empty sequence, -inf where a factor is 0. ValueError for a factor outside [0, 1].
    """
    probs = _floats(probs)
    if np.any((probs < 0) | (probs > 1)):
        raise ValueError("probabilities lie between 0 and 1; for log-probabilities, take their sum instead")
    return np.sum(safe_log(probs), axis=axis)


@quiet
def nll(logits: ArrayLike, targets: ArrayLike, reduction: str = "mean") -> np.ndarray | np.floating:
    """Negative log-likelihood (nats) of the target ids: cross-entropy with one-hot targets.

    logits (..., V), targets (...) of integer ids; row i of the logits predicts target i, nothing is shifted here.
    reduction "none" gives the shape of the targets, "sum" and "mean" one number (the mean of no targets is NaN).
    ValueError for shapes that do not match, an id outside 0..V-1 or another reduction.
    """
    logits, targets = _floats(logits), np.asarray(targets)
    if targets.size == 0:
        targets = targets.astype(int)
    if targets.dtype.kind not in "iu":
        raise TypeError(f"targets are integer ids, got dtype {targets.dtype}")
    if logits.ndim == 0 or logits.shape[:-1] != targets.shape:
        raise ValueError(f"logits {logits.shape} need targets {logits.shape[:-1]}, got {targets.shape}")
    if np.any((targets < 0) | (targets >= logits.shape[-1])):
        raise ValueError(f"a target id lies outside 0..{logits.shape[-1] - 1}; leave masked positions out")
    losses = 0.0 - np.take_along_axis(log_softmax(logits), targets[..., None], axis=-1)[..., 0]
    if reduction == "none":
        return losses
    if reduction == "sum":
        return np.sum(losses)
    if reduction == "mean":
        return np.mean(losses) if losses.size else losses.dtype.type(np.nan)
    raise ValueError(f'reduction is "none", "mean" or "sum", not {reduction!r}')


# --- units -----------------------------------------------------------------------------------------------------------


@quiet
def nats_to_bits(nats: ArrayLike) -> np.ndarray:
    """A change of unit that keeps the sign: 1 nat is 1 / ln 2 = 1.4427 bits."""
    return _floats(nats) / math.log(2)


@quiet
def bits_to_nats(bits: ArrayLike) -> np.ndarray:
    """A change of unit that keeps the sign: 1 bit is ln 2 = 0.6931 nats."""
    return _floats(bits) * math.log(2)


@quiet
def perplexity(total: ArrayLike, n: ArrayLike) -> np.ndarray:
    """exp(-total / n): the number of equally likely tokens that would be as surprising on average.

    total: log-probability in nats, at most 0; n: how many tokens were predicted (BOS is not, EOS is where it was
    scored). ValueError for n below 1 or a positive total.
    """
    return np.exp(_surprisal_per(total, n, "n, the number of predicted tokens,"))


@quiet
def bits_per_byte(total: ArrayLike, n_bytes: ArrayLike) -> np.ndarray:
    """Surprisal in bits for each byte of the text in UTF-8: comparable across tokenisers, unlike perplexity.

    total: log-probability in nats, at most 0; n_bytes: len(text.encode("utf-8")). ValueError for n_bytes below 1 or a
    positive total.
    """
    return nats_to_bits(_surprisal_per(total, n_bytes, "n_bytes"))


def _surprisal_per(total: ArrayLike, count: ArrayLike, name: str) -> np.ndarray:
    total, count = _floats(total), np.asarray(count)
    if np.any(count < 1):
        raise ValueError(f"{name} must be at least 1, got {count}")
    if np.any(total > 1e-9):  # rounding may leave joint - marginal a hair above 0
        raise ValueError(f"a log-probability is at most 0, got {total}; if it is a loss, pass its negative")
    return (0.0 - total) / count.astype(total.dtype)


# --- floating-point formats ------------------------------------------------------------------------------------------


@quiet
def round_to_bfloat16(values: ArrayLike) -> np.ndarray:
    """The nearest bfloat16 numbers, as float32 (numpy has no bfloat16); halfway cases go to the even one.

    bfloat16 is float32 with 8 significant bits in place of 24: 2**-133 is its smallest positive number, and from
    2**128 - 2**119 on the result is infinite. NaN, infinities and the sign of zero are kept. A float64 is rounded
    once, not to float32 on the way.
    """
    values = _floats(values).astype(np.float64)
    _, exponent = np.frexp(values)
    spacing = np.maximum(exponent - 8, -133)  # as a power of two: of normal numbers, of subnormal ones
    return np.ldexp(np.rint(np.ldexp(values, -spacing)), spacing).astype(np.float32)[()]


_ROUND = {"float64": np.float64, "float32": np.float32, "float16": np.float16, "bfloat16": round_to_bfloat16}


@quiet
def running_product(probs: Sequence[float], dtype: str = "float64") -> np.ndarray:
    """The product after each factor, every factor and every step rounded to `dtype`; (n,) in, (n,) float64 out.

    dtype: "float64", "float32", "float16" or "bfloat16". This is the computation that underflows.
    """
    rounded = _rounding(dtype)
    product, steps = rounded(1.0), []
    for p in probs:
        product = rounded(product * rounded(p))
        steps.append(float(product))
    return np.array(steps, dtype=np.float64)


@quiet
def first_underflow(p: float, dtype: str = "float64") -> int:
    """The smallest n for which the running product of n factors p is exactly 0 in `dtype` (named as above).

    ValueError for p outside [0, 0.5]: above one half the product sticks at a subnormal number and never reaches 0.
    """
    rounded = _rounding(dtype)
    if not 0 <= rounded(p) <= 0.5:
        raise ValueError(f"the product reaches 0 only for p between 0 and 0.5, got {p}")
    n, product = 0, rounded(1.0)
    while product > 0:
        n, product = n + 1, rounded(product * rounded(p))
    return n


def _rounding(dtype: str):
    if dtype not in _ROUND:
        raise ValueError(f"dtype is one of {', '.join(_ROUND)}, not {dtype!r}")
    return _ROUND[dtype]
