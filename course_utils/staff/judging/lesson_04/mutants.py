"""Wrong answers to lesson 04 that its judge has to name, and unusual right ones that it has to accept."""

from __future__ import annotations

import functools
import itertools
import math
from decimal import Context, Decimal
from fractions import Fraction

import numpy as np

from course_utils import log_space
from course_utils.staff.judging.mutants import Mutants

MUTANTS = Mutants()
common, wrong, right = MUTANTS.common, MUTANTS.wrong, MUTANTS.right
wrong_value, right_value = MUTANTS.wrong_value, MUTANTS.right_value


# --- E04.1 ----------------------------------------------------------------------------------------------------------


@wrong("E04.1", "exp_out_of_range")
def logsumexp_exp_out_of_range(values, axis=None):
    return np.log(np.sum(np.exp(values), axis=axis))


@wrong("E04.1", "exp_out_of_range", "math.exp(1000) raises: exp cannot hold it; subtract the maximum before exp")
def logsumexp_exp_out_of_range_2(values, axis=None):
    def one(row):
        return math.log(sum(math.exp(v) for v in row))

    if axis is None:
        return one(values.ravel())
    return np.apply_along_axis(one, axis, values)


@wrong("E04.1", "inf_minus_inf")
def logsumexp_inf_minus_inf(values, axis=None):
    top = np.max(values, axis=axis, keepdims=True)
    return np.squeeze(top + np.log(np.sum(np.exp(values - top), axis=axis, keepdims=True)), axis=axis)


@wrong("E04.1", "maximum_not_added_back")
def logsumexp_maximum_not_added_back(values, axis=None):
    top = np.max(values, axis=axis, keepdims=True)
    return np.log(np.sum(np.exp(values - np.where(np.isfinite(top), top, 0)), axis=axis))


@wrong("E04.1", "one_maximum_for_all_rows")
def logsumexp_one_maximum_for_all_rows(values, axis=None):
    top = np.max(values)
    return top + np.log(np.sum(np.exp(values - top), axis=axis)) if np.isfinite(top) else top


def _shifted(values, axis, by):
    by = np.where(np.isfinite(by), by, 0.0)
    total = np.sum(np.exp(values - by), axis=axis, keepdims=True)
    return np.squeeze(by + np.log(total), axis=axis)


@wrong("E04.1", "not_the_maximum")
def logsumexp_not_the_maximum(values, axis=None):
    return _shifted(values, axis, np.mean(values, axis=axis, keepdims=True))


@wrong("E04.1", "not_the_maximum")
def logsumexp_not_the_maximum_2(values, axis=None):
    return _shifted(values, axis, np.min(values, axis=axis, keepdims=True))


@wrong("E04.1", "not_the_maximum", "the largest of the sizes was subtracted, and it may belong to a negative value")
def logsumexp_not_the_maximum_3(values, axis=None):
    return _shifted(values, axis, np.max(np.abs(values), axis=axis, keepdims=True))


@wrong("E04.1", "not_the_maximum", "the first value was subtracted: exp overflows where a later one is much larger")
def logsumexp_not_the_maximum_4(values, axis=None):
    first = np.take(values, [0], axis=axis) if axis is not None else values.reshape(-1)[0]
    return _shifted(values, axis, first)


@wrong("E04.1", "axis_ignored")
def logsumexp_axis_ignored(values, axis=None):
    return np.logaddexp.reduce(values, axis=None)


@wrong("E04.1", "wrong_axis")
def logsumexp_wrong_axis(values, axis=None):
    return np.logaddexp.reduce(values, axis=None if axis is None else -1)


@wrong("E04.1", "wrong_axis", "without an axis all values belong to one sum: the result is one number")
def logsumexp_wrong_axis_2(values, axis=None):
    return np.logaddexp.reduce(values, axis=-1 if axis is None else axis)


@wrong("E04.1", "maximum_for_logsumexp")
def logsumexp_maximum_for_logsumexp(values, axis=None):
    return np.max(values, axis=axis)


@wrong("E04.1", "logs_added_for_logsumexp")
def logsumexp_logs_added_for_logsumexp(values, axis=None):
    return np.sum(values, axis=axis)


@wrong("E04.1", "log_mean_exp")
def logsumexp_log_mean_exp(values, axis=None):
    n = values.size if axis is None else values.shape[axis]
    return np.logaddexp.reduce(values, axis=axis) - np.log(n)


@wrong("E04.1", "clipped_for_overflow")
def logsumexp_clipped_for_overflow(values, axis=None):
    return np.log(np.sum(np.exp(np.clip(values, -700, 700)), axis=axis))


@wrong(
    "E04.1", "wider_format", "a wider format only moves the cliff: exp(20000) is inf there too; subtract the maximum"
)
def logsumexp_wider_format(values, axis=None):
    return np.log(np.sum(np.exp(values.astype(np.longdouble)), axis=axis))


@wrong("E04.1", "log_missing")
def logsumexp_log_missing(values, axis=None):
    return np.sum(np.exp(values), axis=axis)


@wrong(
    "E04.1",
    "floor_for_zero",
    "a small constant was added to the sum: very negative values drown in it; no constant is needed",
)
def logsumexp_floor_for_zero(values, axis=None):
    return np.log(np.sum(np.exp(values), axis=axis) + 1e-12)


@wrong("E04.1", "infinity_made_finite", "where nothing is possible the answer is -inf, and not a finite number")
def logsumexp_infinity_made_finite(values, axis=None):
    return np.nan_to_num(np.logaddexp.reduce(values, axis=axis))


@wrong(
    "E04.1", "inf_minus_inf", "where all values are -inf the sum of exponentials is 0, so the answer is -inf, and not 0"
)
def logsumexp_inf_minus_inf_2(values, axis=None):
    result = np.logaddexp.reduce(values, axis=axis)
    return np.where(np.isfinite(result), result, 0.0)


common("E04.1", lambda values, axis=None: np.logaddexp.reduce(values, axis=axis), "bits_for_nats", "nothing_returned")


@wrong("E04.1", "wrong_shape", "the axis that was summed over has to go: one number for each row (or column)")
def logsumexp_wrong_shape(values, axis=None):
    return np.logaddexp.reduce(values, axis=axis, keepdims=True)


@right("E04.1", "np.logaddexp.reduce")
def logsumexp_np_logaddexp_reduce(values, axis=None):
    return np.logaddexp.reduce(values, axis=axis)


@right("E04.1", "ours")
def logsumexp_ours(values, axis=None):
    return log_space.logsumexp(values, axis)


@right("E04.1", "torch")
def logsumexp_torch(values, axis=None):
    import torch

    values = torch.tensor(values)
    return torch.logsumexp(values, dim=tuple(range(values.ndim)) if axis is None else axis)


@right("E04.1", "torch with a gradient, the maximum by hand")
def logsumexp_torch_with_a_gradient(values, axis=None):
    import torch

    values = torch.tensor(values, requires_grad=True)
    if axis is None:
        values, axis = values.flatten(), 0
    top = values.max(dim=axis, keepdim=True).values
    top = torch.where(torch.isinf(top), torch.zeros_like(top), top)
    return (values - top).exp().sum(dim=axis, keepdim=True).log().add(top).squeeze(axis)


@right("E04.1", "two at a time, in plain Python")
def logsumexp_two_at_a_time_in_plain_python(values, axis=None):
    def add(a, b):
        low, high = sorted((a, b))
        return high if low == -math.inf else high + math.log1p(math.exp(low - high))

    if axis is None:
        return functools.reduce(add, values.ravel().tolist())
    return np.apply_along_axis(lambda row: functools.reduce(add, row.tolist()), axis, values)


@right("E04.1", "decimals, which do not overflow, in nested lists")
def logsumexp_decimals_which_do_not_overflow(values, axis=None):
    context = Context(prec=40)

    def one(row):
        total = sum((context.exp(Decimal(float(v))) for v in row), Decimal(0))
        return context.ln(total) if total else float("-inf")

    if axis is None:
        return one(values.flat)
    rows = np.moveaxis(values, axis, -1)
    return [[one(r) for r in row] if rows.ndim == 3 else one(row) for row in rows]


@right("E04.1", "recursion over halves")
def logsumexp_recursion_over_halves(values, axis=None):
    if axis is None:
        values, axis = values.reshape(-1), 0
    n = values.shape[axis]
    if n == 1:
        return np.take(values, 0, axis=axis)
    a, b = (logsumexp_recursion_over_halves(part, axis) for part in np.split(values, [n // 2], axis=axis))
    return np.logaddexp(a, b)


@right("E04.1", "einsum and a branch for -inf")
def logsumexp_einsum_and_a_branch_for_inf(values, axis=None):
    rows = values.reshape(1, -1) if axis is None else np.moveaxis(values, axis, -1)
    top = rows.max(-1)
    finite = np.where(top == -np.inf, 0, top)
    total = np.einsum("...i->...", np.exp(rows - finite[..., None]))
    return (finite + np.log(total)).reshape(-1)[0] if axis is None else finite + np.log(total)


MUTANTS.equivalent["E04.1"] = {"0.0 -> 1.0": "any finite number will do where all values are -inf"}

# --- E04.2 ----------------------------------------------------------------------------------------------------------


def _softmax(logits, axis=-1):
    odds = np.exp(logits - np.max(logits, axis=axis, keepdims=True))
    return odds / np.sum(odds, axis=axis, keepdims=True)


@wrong("E04.2", "log_of_underflowed_softmax")
def log_softmax_log_of_underflowed_softmax(logits, axis=-1):
    return np.log(_softmax(logits, axis))


@wrong("E04.2", "exp_out_of_range")
def log_softmax_exp_out_of_range(logits, axis=-1):
    return np.log(np.exp(logits) / np.sum(np.exp(logits), axis=axis, keepdims=True))


@wrong("E04.2", "exp_out_of_range")
def log_softmax_exp_out_of_range_2(logits, axis=-1):
    return logits - np.log(np.sum(np.exp(logits), axis=axis, keepdims=True))


@wrong(
    "E04.2", "wider_format", "a wider format only moves the cliff: exp(-20000) is 0 there too; subtract in log space"
)
def log_softmax_wider_format(logits, axis=-1):
    return np.log(_softmax(logits.astype(np.longdouble), axis)).astype(logits.dtype)


@wrong("E04.2", "share_for_softmax")
def log_softmax_share_for_softmax(logits, axis=-1):
    return np.log(logits / np.sum(logits, axis=axis, keepdims=True))


@wrong("E04.2", "share_for_softmax")
def log_softmax_share_for_softmax_2(logits, axis=-1):
    return logits / np.sum(logits, axis=axis, keepdims=True)


@wrong("E04.2", "share_for_softmax")
def log_softmax_share_for_softmax_3(logits, axis=-1):
    return np.log(np.abs(logits) / np.sum(np.abs(logits), axis=axis, keepdims=True))


@wrong("E04.2", "probability_for_log", "those are the probabilities; the task asks for their logarithms")
def log_softmax_probability_for_log(logits, axis=-1):
    return _softmax(logits, axis)


@wrong("E04.2", "wrong_axis")
def log_softmax_wrong_axis(logits, axis=-1):
    return log_space.log_softmax(logits, 0)


@wrong("E04.2", "axis_ignored", "the axis was not used: it is the last one only if no other is given")
def log_softmax_axis_ignored(logits, axis=-1):
    return log_space.log_softmax(logits, -1)


@wrong("E04.2", "axis_ignored", "one normaliser was computed for the whole array; each row (or column) has its own")
def log_softmax_axis_ignored_2(logits, axis=-1):
    return logits - np.logaddexp.reduce(logits, axis=None)


@wrong("E04.2", "one_maximum_for_all_rows")
def log_softmax_one_maximum_for_all_rows(logits, axis=-1):
    shifted = logits - np.max(logits)
    return shifted - np.log(np.sum(np.exp(shifted), axis=axis, keepdims=True))


@wrong("E04.2", "keepdims_missing")
def log_softmax_keepdims_missing(logits, axis=-1):
    return logits - np.logaddexp.reduce(logits, axis=axis)


@wrong("E04.2", "maximum_for_normaliser")
def log_softmax_maximum_for_normaliser(logits, axis=-1):
    return logits - np.max(logits, axis=axis, keepdims=True)


@wrong(
    "E04.2",
    "floor_for_zero",
    "a small constant beside the probability changes it: what is improbable comes out far too probable",
)
def log_softmax_floor_for_zero(logits, axis=-1):
    return np.log(_softmax(logits, axis) + 1e-12)


@wrong(
    "E04.2", "floor_for_zero", "a floor under the probability changes it: what is improbable comes out far too probable"
)
def log_softmax_floor_for_zero_2(logits, axis=-1):
    return np.log(np.maximum(_softmax(logits, axis), 1e-30))


@wrong("E04.2", "infinity_made_finite", "an impossible token (a logit of -inf) has to stay impossible")
def log_softmax_infinity_made_finite(logits, axis=-1):
    return np.nan_to_num(log_space.log_softmax(logits, axis))


@wrong("E04.2", "single_precision_inside")
def log_softmax_single_precision_inside(logits, axis=-1):
    return log_space.log_softmax(np.asarray(logits, dtype=np.float32), axis)


common("E04.2", log_space.log_softmax, "surprisal_for_log_prob", "bits_for_nats", "log10_for_ln")


@wrong("E04.2", "log_mean_exp", "that divides by the mean of the exponentials; their sum is what normalises")
def log_softmax_log_mean_exp(logits, axis=-1):
    return log_space.log_softmax(logits, axis) + np.log(logits.shape[axis])


@wrong("E04.2", "clipped_for_overflow", "the logits were cut to a range in which exp is safe, so their gaps are lost")
def log_softmax_clipped_for_overflow(logits, axis=-1):
    return log_space.log_softmax(np.clip(logits, -80, 80), axis)


@wrong("E04.2", "wrong_shape", "that is the normaliser of each row; the log-probability of every token is asked for")
def log_softmax_wrong_shape(logits, axis=-1):
    return np.logaddexp.reduce(logits, axis=axis)


@wrong(
    "E04.2", "axis_ignored", "the exponentials were added up over the whole array; each row (or column) has its own sum"
)
def log_softmax_axis_ignored_3(logits, axis=-1):
    shifted = logits - np.max(logits, axis=axis, keepdims=True)
    return shifted - np.log(np.sum(np.exp(shifted)))


@wrong(
    "E04.2",
    "maximum_not_added_back",
    "the maximum was subtracted inside the sum only: take it from the logits too, or add it back after the log",
)
def log_softmax_maximum_not_added_back(logits, axis=-1):
    return logits - np.log(np.sum(np.exp(logits - np.max(logits, axis=axis, keepdims=True)), axis=axis, keepdims=True))


@wrong(
    "E04.2",
    "floor_for_zero",
    "a probability of 0 got the logarithm 0, which says that it is certain; subtract in log space",
)
def log_softmax_floor_for_zero_3(logits, axis=-1):
    p = _softmax(logits, axis)
    return np.where(p > 0, np.log(p), 0.0)


@right("E04.2", "ours")
def log_softmax_ours(logits, axis=-1):
    return log_space.log_softmax(logits, axis)


@right("E04.2", "the logits minus np.logaddexp.reduce")
def log_softmax_the_logits_minus_np_logaddexp(logits, axis=-1):
    return logits - np.logaddexp.reduce(logits, axis=axis, keepdims=True)


@right("E04.2", "torch")
def log_softmax_torch(logits, axis=-1):
    import torch

    return torch.log_softmax(torch.tensor(logits), dim=axis)


@right("E04.2", "torch.distributions, with a gradient")
def log_softmax_torch_distributions(logits, axis=-1):
    import torch

    rows = torch.tensor(logits, requires_grad=True).movedim(axis, -1)
    return (rows - rows.logsumexp(-1, keepdim=True)).movedim(-1, axis)


@right("E04.2", "nested lists, in plain Python")
def log_softmax_nested_lists_in_plain_python(logits, axis=-1):
    def one(row):
        top = max(row)
        total = math.fsum(math.exp(u - top) for u in row)
        return [u - top - math.log(total) for u in row]

    rows = np.moveaxis(logits, axis, -1)
    flat = np.array([one(row) for row in rows.reshape(-1, rows.shape[-1]).tolist()])
    return np.moveaxis(flat.reshape(rows.shape), -1, axis).tolist()


@right("E04.2", "the shift by the maximum along the axis")
def log_softmax_the_shift_by_the_maximum_along(logits, axis=-1):
    return np.apply_along_axis(lambda u: u - u.max() - np.log(np.exp(u - u.max()).sum()), axis, logits)


@right("E04.2", "pairwise differences: minus the log of the sum of exp(u_j - u_k)")
def log_softmax_pairwise_differences_minus(logits, axis=-1):
    rows = np.moveaxis(np.asarray(logits, dtype=float), axis, -1)
    gaps = rows[..., None, :] - np.where(np.isfinite(rows), rows, 0.0)[..., :, None]
    result = np.where(np.isfinite(rows), -np.logaddexp.reduce(gaps, axis=-1), -np.inf)
    return np.moveaxis(result, -1, axis)


# --- E04.3 ----------------------------------------------------------------------------------------------------------


@wrong("E04.3", "complement_cancelled")
def log1mexp_complement_cancelled(x):
    return np.log(1 - np.exp(x))


@wrong(
    "E04.3",
    "complement_cancelled",
    "1 - exp(x) rounds to 0 near x = 0, and math.log(0) raises: use expm1 near 0 and log1p far from it",
)
def log1mexp_complement_cancelled_2(x):
    return math.log(1 - math.exp(x))


@wrong("E04.3", "expm1_alone")
def log1mexp_expm1_alone(x):
    return math.log(-math.expm1(x))


@wrong("E04.3", "log1p_alone")
def log1mexp_log1p_alone(x):
    return np.log1p(-np.exp(x))


@wrong(
    "E04.3",
    "log1p_alone",
    "exp(x) rounds to 1 near x = 0, and math.log1p(-1.0) raises: there log(-expm1(x)) keeps the digits",
)
def log1mexp_log1p_alone_2(x):
    return math.log1p(-math.exp(x))


@wrong("E04.3", "complement_cancelled")
def log1mexp_complement_cancelled_3(x):
    return np.log(-np.expm1(x)) if x < -math.log(2) else np.log1p(-np.exp(x))


@wrong("E04.3", "log1p_alone")
def log1mexp_log1p_alone_3(x):
    return np.log(1 - np.exp(x)) if x > -math.log(2) else np.log1p(-np.exp(x))


@wrong("E04.3", "expm1_alone")
def log1mexp_expm1_alone_2(x):
    return np.log(-np.expm1(x)) if x > -math.log(2) else np.log(1 - np.exp(x))


@wrong("E04.3", "log1pexp_for_log1mexp")
def log1mexp_log1pexp_for_log1mexp(x):
    return math.log1p(math.exp(x))


@wrong("E04.3", "probability_taken_for_log")
def log1mexp_probability_taken_for_log(x):
    return math.log1p(-x)


@wrong("E04.3", "approximation_for_all")
def log1mexp_approximation_for_all(x):
    return -math.exp(x)


@wrong("E04.3", "approximation_for_all")
def log1mexp_approximation_for_all_2(x):
    return math.log(-x)


@wrong(
    "E04.3", "approximation_for_all", "near 0 that takes log(-x), the first term only; log(-expm1(x)) is exact there"
)
def log1mexp_approximation_for_all_3(x):
    return math.log(-x) if x > -0.01 else math.log1p(-math.exp(x))


@wrong("E04.3", "probability_for_log", "that is the complement 1 - exp(x) itself; the task asks for its logarithm")
def log1mexp_probability_for_log(x):
    return -math.expm1(x)


@wrong(
    "E04.3",
    "floor_for_zero",
    "a small constant inside the log changes the result where 1 - exp(x) is small; none is needed",
)
def log1mexp_floor_for_zero(x):
    return math.log(1 - math.exp(x) + 1e-12)


common("E04.3", log_space.log1mexp, "surprisal_for_log_prob", "bits_for_nats", "nothing_returned")


@wrong("E04.3", "sign_lost", "the sign of x was lost: x is negative, and exp(-x) is above 1")
def log1mexp_sign_lost(x):
    return np.log(np.expm1(-x))


@wrong(
    "E04.3",
    "single_precision_inside",
    "that was computed in float32, which has too few digits here; in torch ask for dtype=torch.float64",
)
def log1mexp_single_precision_inside(x):
    return float(log_space.log1mexp(np.float32(x)))


@wrong(
    "E04.3",
    "complement_cancelled",
    "28 decimal digits are not enough: near 1 they leave nothing of exp(-80); use expm1 and log1p, or many more digits",
)
def log1mexp_complement_cancelled_4(x):
    return float((1 - Decimal(x).exp()).ln())


@right("E04.3", "ours")
def log1mexp_ours(x):
    return log_space.log1mexp(x)


@right("E04.3", "a switch at -0.1")
def log1mexp_a_switch_at_0_1(x):
    return math.log(-math.expm1(x)) if x > -0.1 else math.log1p(-math.exp(x))


@right("E04.3", "a switch at -2, in numpy")
def log1mexp_a_switch_at_2_in_numpy(x):
    return np.where(x >= -2, np.log(-np.expm1(x)), np.log1p(-np.exp(x)))


@right("E04.3", "by the size of the probability")
def log1mexp_by_the_size_of_the_probability(x):
    p = math.exp(x)
    return math.log1p(-p) if p < 0.5 else math.log(-math.expm1(x))


@right("E04.3", "torch")
def log1mexp_torch(x):
    import torch

    x = torch.tensor(x, dtype=torch.float64, requires_grad=True)
    return torch.where(x > -math.log(2), torch.log(-torch.expm1(x)), torch.log1p(-torch.exp(x)))


@right("E04.3", "sixty decimal digits")
def log1mexp_sixty_decimal_digits(x):
    context = Context(prec=60)
    return context.ln(context.subtract(Decimal(1), context.exp(Decimal(x))))


@right("E04.3", "log tanh of half of it")
def log1mexp_log_tanh_of_half(x):  # 1 - exp(x) = 2 t / (1 + t) with t = tanh(-x / 2)
    if x < -1:
        return math.log1p(-math.exp(x))
    t = math.tanh(-x / 2)
    return math.log(2 * t) - math.log1p(t)


MUTANTS.equivalent["E04.3"] = {
    "x > -math.log(2) -> x >= -math.log(2)": "at -log 2 both branches are accurate",
    "2 -> 3": "a switch at -1.1: both branches are accurate there",
    "math.log(2) -> 2": "a switch at -2: both branches are accurate there",
}

# --- E04.4 ----------------------------------------------------------------------------------------------------------

_TINY = -math.log1p(math.exp(-40))
wrong_value("E04.4", 0.0, "almost_certain_is_certain")
wrong_value("E04.4", -40.0, "loser_for_favourite")
wrong_value("E04.4", -_TINY, "surprisal_for_log_prob")
wrong_value("E04.4", 40.0, "logs_for_probabilities", "that is the gap of the logits; the log-probability is asked for")
wrong_value("E04.4", 1.0, "probability_for_log", "1.0 is the probability, and rounded; the task asks for its logarithm")
wrong_value("E04.4", -math.log(2), "factor_ignored", "that is log 0.5, the log-probability of a gap of 0")
wrong_value("E04.4", _TINY / math.log(2), "bits_for_nats")
wrong_value("E04.4", _TINY / math.log(10), "log10_for_ln")
wrong_value(
    "E04.4",
    -(2.0**-53),
    "almost_certain_is_certain",
    "that is a rounding error of 1.0, not the value: 1 + exp(-40) must never be computed; use log1p",
)
wrong_value("E04.4", -math.exp(-20), "factor_ignored", "that belongs to a gap of 20; the gap is 40")
right_value("E04.4", -np.logaddexp(0.0, -40.0), "np.logaddexp")
right_value("E04.4", -math.exp(-40), "the first term of the series, equal to 17 digits")
right_value("E04.4", log_space.log_softmax([40.0, 0.0])[0], "our log_softmax")
right_value("E04.4", np.float32(_TINY), "single precision")
_FIFTY = Context(prec=50)
right_value("E04.4", -_FIFTY.ln(_FIFTY.add(1, _FIFTY.exp(Decimal(-40)))), "fifty decimal digits")
right_value("E04.4", -Fraction(math.exp(-40)), "a fraction")
right_value("E04.4", math.log1p(-1 / (1 + math.exp(40))), "the complement of the other class")


@right("E04.4", "torch.nn.functional.logsigmoid")
def e04_4_torch_nn_functional_logsigmoid():
    import torch

    return torch.nn.functional.logsigmoid(torch.tensor(40.0, dtype=torch.float64))


MUTANTS.equivalent["E04.4"] = {
    "math.log1p(math.exp(-40)) -> math.exp(-40)": "log1p(z) is z to 17 digits for so small a z"
}

# --- E04.5 ----------------------------------------------------------------------------------------------------------


@wrong("E04.5", "zero_times_infinity")
def masked_sum_zero_times_infinity(log_probs, mask):
    return float((log_probs * mask).sum())


@wrong("E04.5", "infinity_made_finite")
def masked_sum_infinity_made_finite(log_probs, mask):
    return np.nan_to_num(log_probs * mask).sum()


@wrong("E04.5", "infinity_made_finite")
def masked_sum_infinity_made_finite_2(log_probs, mask):
    return (np.nan_to_num(log_probs) * mask).sum()


@wrong("E04.5", "infinity_made_finite")
def masked_sum_infinity_made_finite_3(log_probs, mask):
    return (np.nan_to_num(np.where(np.isinf(log_probs), -1e9, log_probs)) * mask).sum()


@wrong("E04.5", "impossible_left_out")
def masked_sum_impossible_left_out(log_probs, mask):
    return (np.where(np.isfinite(log_probs), log_probs, 0.0) * mask).sum()


@wrong("E04.5", "impossible_left_out")
def masked_sum_impossible_left_out_2(log_probs, mask):
    return log_probs[np.isfinite(log_probs)].sum()


@wrong("E04.5", "impossible_left_out", "the NaN was replaced by 0 at the end, and with it the whole sum")
def masked_sum_impossible_left_out_3(log_probs, mask):
    return float(np.nan_to_num((log_probs * mask).sum(), nan=0.0, neginf=-np.inf))


common("E04.5", lambda log_probs, mask: log_probs[mask].sum(), "probability_for_log", "surprisal_for_log_prob")
common(
    "E04.5",
    lambda log_probs, mask: log_probs[mask].sum(),
    "mean_of_logs",
    count=lambda log_probs, mask: max(mask.sum(), 1),
)


@wrong("E04.5", "mean_of_logs", "that was divided by the number of positions, padding included; the sum is asked for")
def masked_sum_mean_of_logs(log_probs, mask):
    return np.where(mask, log_probs, 0.0).mean()


@wrong("E04.5", "padding_counted")
def masked_sum_padding_counted(log_probs, mask):
    return log_probs.sum()


@wrong("E04.5", "mask_inverted")
def masked_sum_mask_inverted(log_probs, mask):
    return log_probs[~mask].sum()


@wrong("E04.5", "mask_as_index")
def masked_sum_mask_as_index(log_probs, mask):
    return log_probs[mask.astype(int)].sum()


@wrong("E04.5", "sum_for_each_row")
def masked_sum_sum_for_each_row(log_probs, mask):
    return np.where(mask, log_probs, 0.0).sum(axis=-1)


@wrong(
    "E04.5", "log_of_sum", "that adds the probabilities; along a sequence they are multiplied, so their logs are added"
)
def masked_sum_log_of_sum(log_probs, mask):
    return np.logaddexp.reduce(log_probs[mask])


@wrong("E04.5", "first_token_dropped", "the first token that counts is missing")
def masked_sum_first_token_dropped(log_probs, mask):
    return log_probs[mask][1:].sum()


@wrong("E04.5", "last_token_dropped", "the last token that counts is missing")
def masked_sum_last_token_dropped(log_probs, mask):
    return log_probs[mask][:-1].sum()


@wrong(
    "E04.5",
    "padding_counted",
    "the padding was taken to stand at the end; the mask may have gaps, and padding on the left",
)
def masked_sum_padding_counted_2(log_probs, mask):
    return log_probs.ravel()[: int(mask.sum())].sum()


@wrong(
    "E04.5", "padding_counted", "one -inf anywhere made everything impossible: what stands under False does not count"
)
def masked_sum_padding_counted_3(log_probs, mask):
    return -np.inf if np.isneginf(log_probs).any() else np.where(mask, log_probs, 0.0).sum()


@right("E04.5", "boolean indexing")
def masked_sum_boolean_indexing(log_probs, mask):
    return log_probs[mask].sum()


@right("E04.5", "np.where")
def masked_sum_np_where(log_probs, mask):
    return np.where(mask, log_probs, 0).sum()


@right("E04.5", "sum(where=...)")
def masked_sum_sum_where(log_probs, mask):
    return np.sum(log_probs, where=mask)


@right("E04.5", "a loop over pairs")
def masked_sum_a_loop_over_pairs(log_probs, mask):
    total = 0
    for x, counts in zip(np.ravel(log_probs), np.ravel(mask), strict=True):
        if counts:
            total += x
    return total


@right("E04.5", "itertools.compress and fsum")
def masked_sum_itertools_compress_and_fsum(log_probs, mask):
    return math.fsum(itertools.compress(log_probs.flat, mask.flat))


@right("E04.5", "torch, masked_fill, with a gradient")
def masked_sum_torch_masked_fill(log_probs, mask):
    import torch

    return torch.tensor(log_probs, requires_grad=True).masked_fill(~torch.tensor(mask), 0.0).sum()


@right("E04.5", "np.nansum of the product, which has NaN in the padding only")
def masked_sum_np_nansum_of_the_product(log_probs, mask):
    return np.nansum(log_probs * mask)


@right("E04.5", "one row at a time")
def masked_sum_one_row_at_a_time(log_probs, mask):
    if log_probs.ndim > 1:
        return sum(masked_sum_one_row_at_a_time(row, some) for row, some in zip(log_probs, mask, strict=True))
    return sum(log_probs[i] for i in np.flatnonzero(mask))


@right("E04.5", "a masked array, with 0 for nothing")
def masked_sum_a_masked_array_with_0(log_probs, mask):
    return np.ma.array(log_probs, mask=~mask).filled(0.0).sum()


@right("E04.5", "a copy whose padding is set to 0")
def masked_sum_a_copy_whose_padding_is_set_to_0(log_probs, mask):
    safe = log_probs.copy()
    safe[np.logical_not(mask)] = 0
    return float(safe.sum())


# --- E04.6 ----------------------------------------------------------------------------------------------------------

wrong_value("E04.6", [1.0, 0.5, -1.5, 0.0], "sum_of_logits_is_zero")
wrong_value("E04.6", [0.3, 0.1, -0.4], "sum_of_logits_is_zero")
wrong_value("E04.6", [5.0, 0.01], "softmax_agrees_with_share")
wrong_value("E04.6", [1.0, 0.0], "softmax_agrees_with_share")
wrong_value("E04.6", [3.0, 0.5, -0.5], "softmax_agrees_with_share")
wrong_value("E04.6", [1.0, 1.0, 1.0], "share_too_small", "u[0] / sum(u) is 0.3333333333 here; it has to be above 0.99")
wrong_value("E04.6", [1.0, 0.5, 0.5, 0.0], "share_too_small", "u[0] / sum(u) is 0.5 here; it has to be above 0.99")
wrong_value("E04.6", [0.5, 1.0, -0.5, 0.0], "share_too_small", "u[0] / sum(u) is 0.5 here; it has to be above 0.99")
wrong_value("E04.6", [0.0, 0.0], "sum_of_logits_is_zero")
right_value("E04.6", (1, 0.5, -0.5, 0), "a tuple, ints among the floats")
right_value("E04.6", np.array([0.5, -0.3, -0.199, 0.0, 0.0]), "a share of 500")
right_value("E04.6", [1.0] + [0.0] * 9, "many tokens at 0")
right_value("E04.6", [-3.0, 0.0], "a negative logit with a share of 1")
right_value("E04.6", [Fraction(1), Fraction(1, 2), Fraction(-1, 2), 0], "fractions")
right_value("E04.6", iter([1.0, 0.9, -0.9]), "an iterator")
right_value("E04.6", [300.0, 299.9, -299.9, 299.95, -299.95], "large logits")

# --- E04.7 ----------------------------------------------------------------------------------------------------------

U = np.array([[2.0, -1.0, 0.5, 3.0, 0.2], [0.0, 1.5, -2.0, 1.0, 0.7], [-0.4, 0.9, 2.2, -1.3, 0.1]])
Y = [3, 1, 4]


NOTHING_SEEN = (
    "True came back for every scorer, even for a sum of logits: is the shift 0, or are only rankings compared?"
)


@wrong("E04.7", "one_verdict_for_all", NOTHING_SEEN)
def is_shift_invariant_one_verdict_for_all(scorer):
    return True


@wrong("E04.7", "one_verdict_for_all")
def is_shift_invariant_one_verdict_for_all_2(scorer):
    return False


@wrong("E04.7", "ranking_for_score")
def is_shift_invariant_ranking_for_score(scorer):
    rivals = [list(ids) for ids in itertools.product(range(5), repeat=3)][::7]

    def ranking(logits):
        return sorted(rivals, key=lambda ids: round(float(scorer(logits, ids)), 6))

    return ranking(U) == ranking(U + 6)


@wrong("E04.7", "equal_for_close")
def is_shift_invariant_equal_for_close(scorer):
    return bool(scorer(U, Y) == scorer(U + 0.3, Y))


@wrong("E04.7", "scaled_for_shifted")
def is_shift_invariant_scaled_for_shifted(scorer):
    return abs(scorer(U, Y) - scorer(3 * U, Y)) < 1e-6


@wrong("E04.7", "one_logit_shifted")
def is_shift_invariant_one_logit_shifted(scorer):
    moved = U.copy()
    moved[np.arange(3), Y] += 5
    return abs(scorer(U, Y) - scorer(moved, Y)) < 1e-6


@wrong("E04.7", "symmetric_fixture")
def is_shift_invariant_symmetric_fixture(scorer):
    flat = np.full((3, 5), 2.0)
    return abs(scorer(flat, Y) - scorer(flat + 7, Y)) < 1e-6


@wrong("E04.7", "one_verdict_for_all", NOTHING_SEEN)
def is_shift_invariant_one_verdict_for_all_3(scorer):
    return abs(scorer(U, Y) - scorer(U + 0, Y)) < 1e-6


@wrong("E04.7", "one_logit_shifted")
def is_shift_invariant_one_logit_shifted_2(scorer):
    return abs(scorer(U, Y) - scorer(U, np.roll(Y, 1))) < 1e-6


@wrong("E04.7", "normalisation_for_invariance")
def is_shift_invariant_normalisation_for_invariance(scorer):
    return scorer(U, Y) <= 0


@wrong("E04.7", "one_position_tested")
def is_shift_invariant_one_position_tested(scorer):
    return abs(scorer(U[:1], Y[:1]) - scorer(U[:1] + 7, Y[:1])) < 1e-6


@wrong("E04.7", "threshold_too_wide")
def is_shift_invariant_threshold_too_wide(scorer):
    return abs(scorer(U, Y) - scorer(U + 0.5, Y)) < 0.5


@wrong("E04.7", "threshold_too_wide")
def is_shift_invariant_threshold_too_wide_2(scorer):
    return abs(scorer(U, Y) - scorer(U + 5, Y)) < 1


@wrong("E04.7", "symmetric_fixture")
def is_shift_invariant_symmetric_fixture_2(scorer):
    return abs(scorer(np.zeros((3, 5)), Y) - scorer(np.full((3, 5), 4.0), Y)) < 1e-6


@wrong("E04.7", "one_position_tested")
def is_shift_invariant_one_position_tested_2(scorer):
    moved = U.copy()
    moved[-1] += 3
    return abs(scorer(U, Y) - scorer(moved, Y)) < 1e-6


@wrong("E04.7", "verdict_inverted")
def is_shift_invariant_verdict_inverted(scorer):
    return not np.isclose(scorer(U, Y), scorer(U + 3, Y))


@wrong("E04.7", "sign_lost", "the change was compared without abs: a score that falls is not invariant either")
def is_shift_invariant_sign_lost(scorer):
    return scorer(U + 3, Y) - scorer(U, Y) < 1e-6


@wrong("E04.7", "nothing_returned")
def is_shift_invariant_nothing_returned(scorer):
    np.isclose(scorer(U, Y), scorer(U + 3, Y))


@right("E04.7", "one shift, np.isclose")
def is_shift_invariant_one_shift_np_isclose(scorer):
    return np.isclose(scorer(U, Y), scorer(U + 3, Y))


@right("E04.7", "a shift for each position, many random trials")
def is_shift_invariant_a_shift_for_each_position(scorer):
    rng = np.random.default_rng()
    for _ in range(20):
        n, vocabulary = rng.integers(2, 6), rng.integers(4, 9)
        logits, ids = rng.normal(size=(n, vocabulary)), rng.integers(vocabulary, size=n)
        if abs(scorer(logits, ids) - scorer(logits + rng.normal(size=(n, 1)), ids)) > 1e-8:
            return False
    return True


@right("E04.7", "assertions")
def is_shift_invariant_assertions(scorer):
    try:
        for shift in (-10, 0.25, 1000):
            np.testing.assert_allclose(scorer(U + shift, Y), scorer(U, Y), atol=1e-8)
    except AssertionError:
        return False
    return True


@right("E04.7", "the derivative with respect to a shift is 0")
def is_shift_invariant_the_derivative_with_respect(scorer):
    step = 1e-3
    slopes = [(scorer(U + c + step, Y) - scorer(U + c - step, Y)) / (2 * step) for c in (0.0, 1.0)]
    return max(map(abs, slopes)) < 1e-6


@right("E04.7", "0 or 1, and another vocabulary")
def is_shift_invariant_0_or_1_and_another_vocabulary(scorer):
    logits = np.arange(12.0).reshape(2, 6) ** 1.3 % 5
    return int(abs(scorer(logits, np.array([5, 2])) - scorer(logits - 4.5, np.array([5, 2]))) < 1e-9)


@right("E04.7", "one position at a time")
def is_shift_invariant_one_position_at_a_time(scorer):
    def moved(row):
        logits = U.copy()
        logits[row] += 2
        return scorer(logits, Y)

    return all(math.isclose(moved(row), scorer(U, Y), rel_tol=1e-9, abs_tol=1e-9) for row in range(len(Y)))


MUTANTS.equivalent["E04.7"] = {
    "4 -> 5": "another seed of the logits",
    "4 -> 3": "another seed of the logits",
    "3 -> 4": "another target",
    "3 -> 2": "another target",
    "1 -> 2": "another target",
    "1 -> 0": "another target",
    "4 -> 3 #2": "another target",
    "5 -> 6": "a larger vocabulary",
    "logits + shifts -> logits - shifts": "a shift may have either sign",
    "abs(change) < 1e-06 -> abs(change) <= 1e-06": "no change is exactly as large as the tolerance",
}
