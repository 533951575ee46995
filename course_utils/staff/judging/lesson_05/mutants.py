"""Wrong answers to lesson 05 that its judge has to name, and unusual right ones that it has to accept."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction

import numpy as np

from course_utils import log_space
from course_utils.staff.judging.mutants import Mutants

MUTANTS = Mutants()
wrong, right = MUTANTS.wrong, MUTANTS.right
wrong_value, right_value = MUTANTS.wrong_value, MUTANTS.right_value


# --- E05.1 and E05.2 ------------------------------------------------------------------------------------------------

LAST = "that is the last term alone; the log-likelihood of the sequence is the sum of all of them"
FIRST = "the first token is missing: the start token costs nothing, but the token after it does"
END = "the last token is missing: its log-probability belongs to the sum too"

wrong_value("E05.1", 3.5, "surprisal_for_log_prob")
wrong_value("E05.1", -1.5 * -0.8 * -1.2, "product_of_logs")
wrong_value("E05.1", (-1.5 - 0.8 - 1.2) / 3, "mean_for_log_likelihood")
wrong_value("E05.1", math.exp(-3.5), "probability_for_log")
wrong_value("E05.1", -1.0 - 1.5 - 0.8 - 1.2, "start_token_costs")
wrong_value("E05.1", -1.2, "last_only", LAST)
wrong_value("E05.1", -0.8 - 1.2, "first_token_dropped", FIRST)
wrong_value("E05.1", -1.5 - 0.8, "last_token_dropped", END)
wrong_value("E05.1", -3.5 / math.log(2), "bits_for_nats")
wrong_value("E05.1", (-1.5 - 0.8 - 1.2) / 4, "mean_for_log_likelihood")
right_value("E05.1", -3.4999999999999996, "the last digit of another order")
right_value("E05.1", Fraction(-7, 2), "a fraction")
right_value("E05.1", Decimal("-3.5"), "a decimal")
right_value("E05.1", np.array([-3.5], dtype=np.float32), "an array of one number, in float32")

wrong_value("E05.2", -1.2, "mean_or_last")
wrong_value("E05.2", -1.5 * -0.9 * -1.2, "product_of_logs")
wrong_value("E05.2", 3.6, "surprisal_for_log_prob")
wrong_value("E05.2", math.exp(-3.6), "probability_for_log")
wrong_value("E05.2", -4.6, "start_token_costs")
wrong_value("E05.2", -0.9 - 1.2, "first_token_dropped", FIRST)
wrong_value("E05.2", -1.5 - 0.9, "last_token_dropped", END)
wrong_value("E05.2", -3.6 / math.log(2), "bits_for_nats")
wrong_value(
    "E05.2", -0.9, "mean_for_log_likelihood", "that divides by four, the start token included; nothing is divided"
)
right_value("E05.2", -3.5999999999999996, "the last digit of an older Python")
right_value("E05.2", np.float64(-3.6), "a numpy scalar")
right_value("E05.2", Fraction(-18, 5), "a fraction")


# --- E05.3 ----------------------------------------------------------------------------------------------------------


def _losses(logits, targets):
    return np.array([np.logaddexp.reduce(row) - row[target] for row, target in zip(logits, targets, strict=True)])


def _reduced(losses, reduction):
    return {"none": lambda x: x, "sum": np.sum, "mean": np.mean}[reduction](losses)


def _softmax(logits, axis=-1):
    exp = np.exp(logits - logits.max(axis=axis, keepdims=True))
    return exp / exp.sum(axis=axis, keepdims=True)


def _target_probs(logits, targets):
    return _softmax(logits)[np.arange(len(targets)), targets]


@wrong("E05.3", "mean_for_sum_of_losses")
def nll_mean_for_sum_of_losses(logits, targets, reduction="mean"):
    losses = _losses(logits, targets)
    return losses if reduction == "none" else losses.mean()


@wrong("E05.3", "sum_for_mean_of_losses")
def nll_sum_for_mean_of_losses(logits, targets, reduction="mean"):
    losses = _losses(logits, targets)
    return losses if reduction == "none" else losses.sum()


@wrong("E05.3", "sum_for_mean_of_losses", 'the default is "mean": without a third argument the mean is asked for')
def nll_sum_for_mean_of_losses_2(logits, targets, reduction="sum"):
    return _reduced(_losses(logits, targets), reduction)


@wrong("E05.3", "reduction_ignored")
def nll_reduction_ignored(logits, targets, reduction="mean"):
    losses = _losses(logits, targets)
    return losses.sum() if reduction == "sum" else losses.mean()


@wrong("E05.3", "reduction_ignored")
def nll_reduction_ignored_2(logits, targets, reduction="mean"):
    losses = _losses(logits, targets)
    return losses.mean() if reduction == "mean" else losses.sum()


@wrong("E05.3", "never_reduced")
def nll_never_reduced(logits, targets, reduction="mean"):
    return _losses(logits, targets)


@wrong("E05.3", "probability_for_loss")
def nll_probability_for_loss(logits, targets, reduction="mean"):
    return _reduced(_target_probs(logits, targets), reduction)


@wrong("E05.3", "probability_for_loss")
def nll_probability_for_loss_2(logits, targets, reduction="mean"):
    return _reduced(-_target_probs(logits, targets), reduction)


@wrong("E05.3", "one_minus_p_for_loss")
def nll_one_minus_p_for_loss(logits, targets, reduction="mean"):
    return _reduced(1 - _target_probs(logits, targets), reduction)


@wrong("E05.3", "squared_error_for_loss")
def nll_squared_error_for_loss(logits, targets, reduction="mean"):
    return _reduced(((_softmax(logits) - np.eye(logits.shape[1])[targets]) ** 2).sum(axis=1), reduction)


@wrong("E05.3", "shifted_twice")
def nll_shifted_twice(logits, targets, reduction="mean"):
    return _reduced(_losses(logits[:-1], targets[1:]), reduction)


@wrong("E05.3", "shifted_twice")
def nll_shifted_twice_2(logits, targets, reduction="mean"):
    return _reduced(_losses(logits[1:], targets[:-1]), reduction)


@wrong("E05.3", "shifted_twice")
def nll_shifted_twice_3(logits, targets, reduction="mean"):
    return _reduced(_losses(logits, np.roll(targets, -1)), reduction)


@wrong("E05.3", "log_likelihood_for_loss")
def nll_log_likelihood_for_loss(logits, targets, reduction="mean"):
    return _reduced(-_losses(logits, targets), reduction)


@wrong("E05.3", "logits_for_log_probs")
def nll_logits_for_log_probs(logits, targets, reduction="mean"):
    return _reduced(-logits[np.arange(len(targets)), targets], reduction)


@wrong("E05.3", "normalised_over_positions")
def nll_normalised_over_positions(logits, targets, reduction="mean"):
    log_probs = log_space.log_softmax(logits, axis=0)
    return _reduced(-log_probs[np.arange(len(targets)), targets], reduction)


@wrong("E05.3", "normalised_over_everything")
def nll_normalised_over_everything(logits, targets, reduction="mean"):
    log_probs = logits - np.logaddexp.reduce(logits, axis=None)
    return _reduced(-log_probs[np.arange(len(targets)), targets], reduction)


@wrong("E05.3", "mean_over_vocabulary")
def nll_mean_over_vocabulary(logits, targets, reduction="mean"):
    losses = _losses(logits, targets)
    return losses.sum() / logits.size if reduction == "mean" else _reduced(losses, reduction)


@wrong("E05.3", "mean_over_vocabulary", 'with "mean" the sum is divided by T, the number of targets, not by V')
def nll_mean_over_vocabulary_2(logits, targets, reduction="mean"):
    losses = _losses(logits, targets)
    return losses.sum() / logits.shape[1] if reduction == "mean" else _reduced(losses, reduction)


@wrong("E05.3", "mean_over_vocabulary", 'with "mean" the sum is divided by T, not by T - 1: nothing has been shifted')
def nll_mean_over_vocabulary_3(logits, targets, reduction="mean"):
    losses = _losses(logits, targets)
    return losses.sum() / max(len(targets) - 1, 1) if reduction == "mean" else _reduced(losses, reduction)


@wrong("E05.3", "best_token_for_target")
def nll_best_token_for_target(logits, targets, reduction="mean"):
    return _reduced(_losses(logits, logits.argmax(axis=1)), reduction)


@wrong("E05.3", "columns_for_targets")
def nll_columns_for_targets(logits, targets, reduction="mean"):
    return _reduced(-log_space.log_softmax(logits)[:, targets], reduction)


@wrong("E05.3", "loss_in_bits")
def nll_loss_in_bits(logits, targets, reduction="mean"):
    return _reduced(_losses(logits, targets) / np.log(2), reduction)


@wrong("E05.3", "log_of_underflowed_softmax")
def nll_log_of_underflowed_softmax(logits, targets, reduction="mean"):
    return _reduced(-np.log(_target_probs(logits, targets)), reduction)


@wrong(
    "E05.3", "exp_out_of_range", "exp(1000) is inf, so nan or inf comes out: log_softmax never takes the exp of that"
)
def nll_exp_out_of_range(logits, targets, reduction="mean"):
    probs = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return _reduced(-np.log(probs[np.arange(len(targets)), targets]), reduction)


@wrong(
    "E05.3",
    "zero_times_infinity",
    "0 * log 0 is nan: do not multiply a one-hot target with the log of an underflowed p",
)
def nll_zero_times_infinity(logits, targets, reduction="mean"):
    return _reduced(-(np.eye(logits.shape[1])[targets] * np.log(_softmax(logits))).sum(axis=1), reduction)


@wrong("E05.3", "epsilon_in_loss")
def nll_epsilon_in_loss(logits, targets, reduction="mean"):
    return _reduced(-np.log(_target_probs(logits, targets) + 1e-12), reduction)


@wrong("E05.3", "epsilon_in_loss")
def nll_epsilon_in_loss_2(logits, targets, reduction="mean"):
    return _reduced(-np.log(np.clip(_target_probs(logits, targets), 1e-15, 1)), reduction)


@wrong("E05.3", "entropy_for_cross_entropy")
def nll_entropy_for_cross_entropy(logits, targets, reduction="mean"):
    return _reduced(-(_softmax(logits) * log_space.log_softmax(logits)).sum(axis=1), reduction)


@wrong("E05.3", "last_target_missing")
def nll_last_target_missing(logits, targets, reduction="mean"):
    return _reduced(_losses(logits[:-1], targets[:-1]), reduction)


@wrong(
    "E05.3",
    "probability_for_loss",
    "the log of the mean probability was taken: first the log of each one, then the mean",
)
def nll_probability_for_loss_3(logits, targets, reduction="mean"):
    probs = _target_probs(logits, targets)
    return -np.log(probs) if reduction == "none" else -np.log(_reduced(probs, reduction))


@wrong("E05.3", "softmax_twice")
def nll_softmax_twice(logits, targets, reduction="mean"):
    return _reduced(_losses(_softmax(logits), targets), reduction)


@wrong("E05.3", "column_of_losses")
def nll_column_of_losses(logits, targets, reduction="mean"):
    return _reduced(-np.take_along_axis(log_space.log_softmax(logits), targets[:, None], axis=1), reduction)


@wrong("E05.3", "one_maximum_for_all_rows")
def nll_one_maximum_for_all_rows(logits, targets, reduction="mean"):
    exp = np.exp(logits - logits.max())
    return _reduced(-np.log((exp / exp.sum(axis=1, keepdims=True))[np.arange(len(targets)), targets]), reduction)


@right("E05.3", "torch in float32")
def nll_torch_in_float32(logits, targets, reduction="mean"):
    import torch

    single = torch.tensor(logits, dtype=torch.float32)
    return torch.nn.functional.cross_entropy(single, torch.tensor(targets), reduction=reduction)


@right("E05.3", "torch's cross_entropy, with gradient")
def nll_torchs_cross_entropy(logits, targets, reduction="mean"):
    import torch

    leaf = torch.tensor(logits, requires_grad=True)
    return torch.nn.functional.cross_entropy(leaf, torch.tensor(targets), reduction=reduction)


@right("E05.3", "torch's nll_loss after log_softmax")
def nll_torchs_nll_loss(logits, targets, reduction="mean"):
    import torch

    log_probs = torch.log_softmax(torch.from_numpy(logits), dim=-1)
    return torch.nn.functional.nll_loss(log_probs, torch.from_numpy(targets), reduction=reduction).numpy()


@right("E05.3", "one-hot targets and einsum")
def nll_one_hot_targets_and_einsum(logits, targets, reduction="mean"):
    one_hot = np.eye(logits.shape[1])[targets]
    losses = -np.einsum("tv,tv->t", one_hot, log_space.log_softmax(logits))
    return losses if reduction == "none" else losses.sum() / (len(losses) if reduction == "mean" else 1)


@right("E05.3", "loops and math alone, a list of losses")
def nll_loops_and_math_alone_a_list(u, y, reduction="mean"):
    found = []
    for row, target in zip(u, y, strict=True):
        top = max(row)
        found.append(top + math.log(sum(math.exp(v - top) for v in row)) - row[target])
    return {"none": found, "sum": math.fsum(found), "mean": math.fsum(found) / len(found)}[reduction]


@right("E05.3", "our own function")
def nll_our_own_function(logits, targets, reduction="mean"):
    return log_space.nll(logits, targets, reduction)


@right("E05.3", "differences to the target's logit, a generator")
def nll_differences_to_the_targets_logit(logits, targets, reduction="mean"):
    each = (float(np.logaddexp.reduce(row - row[k])) for row, k in zip(logits, targets, strict=True))
    if reduction == "none":
        return each
    total = sum(each)
    return total / len(targets) if reduction == "mean" else total


@right("E05.3", "take_along_axis, keyword arguments inside")
def nll_take_along_axis(logits, targets, reduction="mean"):
    picked = np.take_along_axis(log_space.log_softmax(logits), targets[:, None], axis=1)[:, 0]
    return getattr(np, reduction)(-picked) if reduction != "none" else -picked


MUTANTS.equivalent["E05.3"] = {"-1 -> 1": "the logits have two axes, so axis 1 is the last one"}


# --- E05.4 ----------------------------------------------------------------------------------------------------------


def _lead(model="A", per_pair=0.5, log_ratio=50.0):
    return {"model": model, "nats_per_pair": per_pair, "log_ratio": log_ratio}


wrong_value("E05.4", _lead("B"), "larger_magnitude_wins")
wrong_value("E05.4", _lead("B", -0.5, -50.0), "larger_magnitude_wins")
wrong_value("E05.4", _lead("B", 0.75, 0.75), "larger_magnitude_wins")
wrong_value("E05.4", _lead("A", 0.75, 50.0), "ratio_of_logs")
wrong_value("E05.4", _lead("A", 0.5, 0.75), "ratio_of_logs")
wrong_value("E05.4", _lead("A", 0.5, math.log(200 / 150)), "ratio_of_logs")
wrong_value("E05.4", _lead("A", 50.0, 50.0), "total_for_per_pair")
wrong_value("E05.4", _lead("A", 0.5, 0.5), "per_pair_for_total")
wrong_value("E05.4", _lead("A", -0.5, -50.0), "lead_with_wrong_sign")
wrong_value("E05.4", _lead("A", 0.5, -50.0), "lead_with_wrong_sign")
wrong_value("E05.4", _lead("A", -1.5, 50.0), "own_value_for_lead")
wrong_value("E05.4", _lead("A", 2.0, 50.0), "pairs_over_nats")
wrong_value("E05.4", _lead("A", 0.5, math.exp(50)), "ratio_for_log_ratio")
wrong_value("E05.4", _lead("A", 0.5, -350.0), "logs_added_for_ratio")
wrong_value("E05.4", _lead("A", 0.5, 50 / math.log(2)), "bits_for_nats")
right_value("E05.4", _lead("model a"), "the name written out, in small letters")
right_value("E05.4", _lead("Model A", Fraction(1, 2), 50), "a fraction and an int")
right_value("E05.4", ("A", 0.5, 50), "a tuple in the same order")
right_value(
    "E05.4", {"Log_Ratio": np.float64(50), "MODEL": "a.", "Nats_Per_Pair": np.array([0.5])}, "other keys, arrays"
)


# --- E05.5 ----------------------------------------------------------------------------------------------------------


def _perplexity(total, n):
    return np.exp(-total / n)


def _bits_per_byte(total, n_bytes):
    return -total / n_bytes / np.log(2)


def _wrong_perplexity(misconception, function, text=""):
    wrong("E05.5", misconception, text, bits_per_byte=_bits_per_byte)(function)


def _wrong_bits(misconception, function, text=""):
    wrong("E05.5", misconception, text, bits_per_byte=function)(_perplexity)


_wrong_perplexity("two_to_the_nats", lambda total, n: 2 ** (-total / n))
_wrong_perplexity("e_to_the_bits", lambda total, n: math.exp(min(-total / n / math.log(2), 700)))
_wrong_perplexity("start_token_counted", lambda total, n: math.exp(-total / (n + 1)))
_wrong_perplexity("one_token_too_few", lambda total, n: math.exp(-total / (n - 1)))
_wrong_perplexity("perplexity_with_wrong_sign", lambda total, n: math.exp(total / n))
_wrong_perplexity("perplexity_of_the_text", lambda total, n: math.exp(-total))
_wrong_perplexity("perplexity_of_the_text", lambda total, n: np.exp(-total))
_wrong_perplexity("mean_loss_for_perplexity", lambda total, n: -total / n)
_wrong_perplexity("inverse_probability_per_token", lambda total, n: np.exp(-total) / n)
_wrong_perplexity("perplexity_through_the_product", lambda total, n: np.exp(total) ** (-1 / n))
_wrong_perplexity("perplexity_through_the_product", lambda total, n: math.exp(total) ** (-1 / n))
_wrong_perplexity("perplexity_through_the_product", lambda total, n: math.exp(-total) ** (1 / n))
_wrong_bits("nats_per_byte", lambda total, n_bytes: -total / n_bytes)
_wrong_bits("bits_multiplied_by_ln2", lambda total, n_bytes: -total * math.log(2) / n_bytes)
_wrong_bits("bits_with_wrong_sign", lambda total, n_bytes: total / math.log(2) / n_bytes)
_wrong_bits("perplexity_per_byte", lambda total, n_bytes: math.exp(-total / n_bytes))
_wrong_bits("perplexity_per_byte", lambda total, n_bytes: 2 ** (-total / math.log(2) / n_bytes))
_wrong_bits("bytes_as_bits", lambda total, n_bytes: -total / math.log(2) / n_bytes / 8)
_wrong_bits("one_byte_too_many", lambda total, n_bytes: -total / math.log(2) / (n_bytes + 1))
_wrong_bits("decimal_digits_per_byte", lambda total, n_bytes: -total / math.log(10) / n_bytes)
wrong("E05.5", "two_to_the_nats", bits_per_byte=lambda total, n_bytes: -total / n_bytes)(
    lambda total, n: 2 ** (-total / n)
)


@right(
    "E05.5",
    "2 to the power of bits per token",
    bits_per_byte=lambda total, n_bytes: -total * math.log2(math.e) / n_bytes,
)
def perplexity_2_to_the_power_of_bits_per_token(total, n):
    return 2 ** (-total / (n * math.log(2)))


@right("E05.5", "our own functions", bits_per_byte=log_space.bits_per_byte)
def perplexity_our_own_functions(total, n):
    return log_space.perplexity(total, n)


@right("E05.5", "the inverse of the geometric mean", bits_per_byte=lambda a, b: math.log(math.exp(-a / b), 2))
def perplexity_the_inverse_of_the_geometric(total, n):
    return 1 / math.exp(total / n)


def _torch_bits(total, n_bytes):
    import torch

    return -torch.tensor(total, dtype=torch.float64) / n_bytes / torch.log(torch.tensor(2.0, dtype=torch.float64))


@right("E05.5", "torch scalars", bits_per_byte=_torch_bits)
def perplexity_torch_scalars(total, n):
    import torch

    return torch.exp(torch.tensor(-total / n, dtype=torch.float64, requires_grad=True))


@right("E05.5", "decimals", bits_per_byte=lambda total, n: Decimal(-total) / Decimal(n) / Decimal(2).ln())
def perplexity_decimals(total, n):
    return (Decimal(-total) / Decimal(n)).exp()


# --- E05.6 ----------------------------------------------------------------------------------------------------------


@wrong("E05.6", "winner_takes_all")
def fit_winner_takes_all(counts):
    return [float(k == counts.index(max(counts))) for k in range(len(counts))]


@wrong("E05.6", "winner_takes_all")
def fit_winner_takes_all_2(counts):
    best = [count == max(counts) for count in counts]
    return [b / sum(best) for b in best]


@wrong("E05.6", "uniform_for_fit")
def fit_uniform_for_fit(counts):
    return [1 / len(counts)] * len(counts)


@wrong("E05.6", "add_one_smoothing")
def fit_add_one_smoothing(counts):
    return [(count + 1) / (sum(counts) + len(counts)) for count in counts]


@wrong("E05.6", "add_one_smoothing")
def fit_add_one_smoothing_2(counts):
    return [(count + 0.1) / (sum(counts) + 0.1 * len(counts)) for count in counts]


@wrong("E05.6", "counts_for_probabilities")
def fit_counts_for_probabilities(counts):
    return counts


@wrong("E05.6", "softmax_of_counts")
def fit_softmax_of_counts(counts):
    return _softmax(np.array(counts, dtype=float))


@wrong("E05.6", "divided_by_largest")
def fit_divided_by_largest(counts):
    return [count / max(counts) for count in counts]


@wrong("E05.6", "divided_by_kinds")
def fit_divided_by_kinds(counts):
    return [count / len(counts) for count in counts]


@wrong("E05.6", "rare_is_probable")
def fit_rare_is_probable(counts):
    inverse = 1 / np.array(counts)
    return inverse / inverse.sum()


@wrong("E05.6", "fit_sorted")
def fit_fit_sorted(counts):
    return [count / sum(counts) for count in sorted(counts, reverse=True)]


@wrong("E05.6", "fit_sorted")
def fit_fit_sorted_2(counts):
    return [count / sum(counts) for count in sorted(counts)]


@wrong("E05.6", "log_probs_for_fit")
def fit_log_probs_for_fit(counts):
    return [math.log(count / sum(counts)) for count in counts]


def _ascent(counts, steps, size):
    shares, logits = np.array(counts) / sum(counts), np.zeros(len(counts))
    for _ in range(steps):
        logits = logits + size * (shares - _softmax(logits))
    return _softmax(logits)


@wrong("E05.6", "unfinished_fit")
def fit_unfinished_fit(counts):
    return _ascent(counts, 20, 0.5)


@wrong("E05.6", "power_of_shares")
def fit_power_of_shares(counts):
    squares = np.array(counts) ** 2
    return squares / squares.sum()


@wrong("E05.6", "power_of_shares")
def fit_power_of_shares_2(counts):
    roots = np.sqrt(counts)
    return roots / roots.sum()


@wrong("E05.6", "rounded_fit")
def fit_rounded_fit(counts):
    return [round(count / sum(counts), 2) for count in counts]


@right("E05.6", "gradient ascent on logits")
def fit_gradient_ascent_on_logits(counts):
    return _ascent(counts, 900, 2.0)


@right("E05.6", "softmax of the log-counts")
def fit_softmax_of_the_log_counts(counts):
    return _softmax(np.log(counts))


@right("E05.6", "six digits, which add up to 0.999999 at times")
def fit_six_digits_which_add_up_to_0(counts):
    return [round(count / sum(counts), 6) for count in counts]


@right("E05.6", "fractions")
def fit_fractions(counts):
    return [Fraction(count, sum(counts)) for count in counts]


@right("E05.6", "a generator")
def fit_a_generator(counts):
    return (count / sum(counts) for count in counts)


@right("E05.6", "torch, with gradient")
def fit_torch_with_gradient(counts):
    import torch

    weights = torch.tensor(counts, dtype=torch.float64, requires_grad=True)
    return weights / weights.sum()


@right("E05.6", "float32")
def fit_float32(counts):
    return np.array(counts, dtype=np.float32) / np.float32(sum(counts))


@right("E05.6", "a tenth of the tolerance away")
def fit_a_tenth_of_the_tolerance_away(counts):
    shares = np.array(counts) / sum(counts)
    wave = np.resize([1.0, -1.0], len(counts)) * 1e-5
    return shares + (wave - wave.mean())


# --- E05.7 ----------------------------------------------------------------------------------------------------------

CONFLICT = [("Is it warm?", "yes"), ("Is it warm?", "no")]


def _witness(claim=False, data=CONFLICT):
    return {"claim": claim, "data": data}


wrong_value("E05.7", _witness(True), "perfect_means_certain")
wrong_value("E05.7", _witness("True", [("a", "b")]), "perfect_means_certain")
wrong_value("E05.7", _witness(data=[("2+2?", "4"), ("3+3?", "6")]), "no_conflict_in_data")
wrong_value("E05.7", _witness(data=[("2+2?", "4")]), "no_conflict_in_data")
wrong_value("E05.7", _witness(data=[("2+2?", "4"), ("2+2?", "4"), ("3+3?", "6")]), "same_pair_repeated")
wrong_value("E05.7", _witness(data=[("2+2?", "4"), ("1+3?", "4")]), "prompts_share_an_answer")
wrong_value("E05.7", _witness(data=[("yes", "Is it warm?"), ("no", "Is it warm?")]), "prompts_share_an_answer")
wrong_value("E05.7", _witness(data=[]), "no_data")
wrong_value("E05.7", {"claim": True, "data": [("a", "b"), ("c", "b")]}, "perfect_means_certain")
right_value("E05.7", (False, CONFLICT), "a tuple in the same order")
right_value("E05.7", _witness(data=[["x", "y"], ["x", "y z"]]), "an answer that begins another one, lists")
right_value("E05.7", _witness("no", {("x", "b"), ("x", "c"), ("d", "b")}), "a set of pairs, the verdict as a word")
right_value("E05.7", _witness(np.bool_(False), data=[("", "a"), ("", "b")]), "an empty prompt, a numpy bool")
right_value("E05.7", _witness(0, [(x, y) for x in "ab" for y in "cd"]), "several conflicts, 0 for False")
right_value(
    "E05.7", _witness(data=iter([("x", ("the", "sun")), ("x", ("the", "moon"))])), "answers as tokens, an iterator"
)
right_value("E05.7", _witness(data=[("2+2?", 4), ("2+2?", 5)]), "answers as numbers")
right_value("E05.7", _witness(data=np.array(CONFLICT)), "an array of strings")
right_value("E05.7", _witness(data={"Is it warm?": ["yes", "no"]}), "a dict from prompt to answers")
right_value("E05.7", _witness(data=(("x", ""), ("x", "a"))), "an empty answer")


MUTANTS.equivalent["E05.7"] = {
    "for answer in answers -> for answer in list(answers)[1:]": "two of the three yes are left, and the no",
}


# --- E05.8 ----------------------------------------------------------------------------------------------------------

P = (0.7, 0.2, 0.1)


def _cross_entropy(q, p=P):
    return -math.fsum(a * math.log(b) for a, b in zip(q, p, strict=True))


SMOOTH = (0.9 + 0.1 / 3, 0.1 / 3, 0.1 / 3)
wrong_value("E05.8", -math.log(0.7), "one_hot_for_smoothed")
wrong_value("E05.8", -math.log(0.9 * 0.7 + 0.1 / 3), "prediction_smoothed")
wrong_value("E05.8", _cross_entropy((0.9, 0.05, 0.05)), "smoothed_over_the_others")
wrong_value("E05.8", _cross_entropy((1.0, 0.1, 0.1)), "epsilon_for_each")
wrong_value("E05.8", _cross_entropy((0.9, 0.1, 0.1)), "epsilon_for_each")
wrong_value("E05.8", -0.9 * math.log(0.7), "only_right_token_scaled")
wrong_value("E05.8", -SMOOTH[0] * math.log(0.7), "only_right_token_scaled")
wrong_value("E05.8", _cross_entropy(P, SMOOTH), "cross_entropy_swapped")
wrong_value("E05.8", _cross_entropy(SMOOTH) - _cross_entropy(SMOOTH, SMOOTH), "kl_for_cross_entropy")
wrong_value("E05.8", -_cross_entropy(SMOOTH), "smoothed_sign")
wrong_value("E05.8", _cross_entropy(SMOOTH) / math.log(2), "bits_for_nats")
wrong_value(
    "E05.8",
    _cross_entropy((0.9, 0.1 / 3, 0.1 / 3)),
    "epsilon_for_each",
    "the target adds up to less than 1: the right token gets 1 - epsilon and, on top, its share epsilon / K",
)
right_value("E05.8", 0.4632973812, "ten digits")
right_value("E05.8", 0.9 * -math.log(0.7) + 0.1 * _cross_entropy((1 / 3, 1 / 3, 1 / 3)), "a mixture of two losses")


@right("E05.8", "torch's cross_entropy in float32, as a Python float")
def e05_8_torchs_cross_entropy_in_float32():
    import torch

    logits = torch.log(torch.tensor([P]))
    return torch.nn.functional.cross_entropy(logits, torch.tensor([0]), label_smoothing=0.1).item()


@right("E05.8", "torch's cross_entropy in float64")
def e05_8_torchs_cross_entropy_in_float64():
    import torch

    logits = torch.log(torch.tensor([P], dtype=torch.float64))
    return torch.nn.functional.cross_entropy(logits, torch.tensor([0]), label_smoothing=0.1)
