"""Wrong answers to lesson 08 that its judge has to name, and unusual right ones that it has to accept."""

from __future__ import annotations

import itertools
import math
from decimal import Decimal
from fractions import Fraction

import numpy as np

from course_utils.log_space import log_softmax, logsumexp
from course_utils.staff.judging.mutants import Mutants

MUTANTS = Mutants()
common, wrong, right = MUTANTS.common, MUTANTS.wrong, MUTANTS.right
wrong_value, right_value = MUTANTS.wrong_value, MUTANTS.right_value


def _softmax(logits, axis=-1):
    return np.exp(log_softmax(logits, axis=axis))


# --- E08.1 ----------------------------------------------------------------------------------------------------------


def _share(weights):
    return weights / weights.sum(axis=-1, keepdims=True)


@wrong("E08.1", "share_for_softmax")
def token_probs_share_for_softmax(logits):
    return logits / logits.sum(axis=-1, keepdims=True)


@wrong("E08.1", "magnitudes_normalised")
def token_probs_magnitudes_normalised(logits):
    return _share(np.abs(logits))


@wrong("E08.1", "magnitudes_normalised")
def token_probs_magnitudes_normalised_2(logits):
    return np.abs(_share(logits))


@wrong("E08.1", "negatives_clipped")
def token_probs_negatives_clipped(logits):
    return _share(np.maximum(logits, 0))


@wrong("E08.1", "negatives_clipped")
def token_probs_negatives_clipped_2(logits):
    return np.clip(_share(logits), 0, 1)


@wrong("E08.1", "minimum_subtracted")
def token_probs_minimum_subtracted(logits):
    return _share(logits - logits.min(axis=-1, keepdims=True))


@wrong("E08.1", "squares_for_exponentials")
def token_probs_squares_for_exponentials(logits):
    return _share(logits**2)


@wrong("E08.1", "sigmoid_for_softmax")
def token_probs_sigmoid_for_softmax(logits):
    return 1 / (1 + np.exp(-logits))


@wrong("E08.1", "sigmoid_for_softmax")
def token_probs_sigmoid_for_softmax_2(logits):
    return _share(1 / (1 + np.exp(-logits)))


@wrong("E08.1", "normalised_over_positions")
def token_probs_normalised_over_positions(logits):
    return _softmax(logits, axis=0)


@wrong("E08.1", "normalised_over_everything")
def token_probs_normalised_over_everything(logits):
    return _softmax(logits, axis=None)


@wrong(
    "E08.1", "exp_out_of_range", "exp(1000) is inf, and inf / inf is NaN: subtract the maximum of each row before exp"
)
def token_probs_exp_out_of_range(logits):
    return _share(np.exp(logits))


@wrong("E08.1", "one_maximum_for_all_rows")
def token_probs_one_maximum_for_all_rows(logits):
    return _share(np.exp(logits - logits.max()))


@wrong("E08.1", "clipped_for_overflow")
def token_probs_clipped_for_overflow(logits):
    return _share(np.exp(np.clip(logits, -500, 500)))


@wrong("E08.1", "exponentials_unnormalised")
def token_probs_exponentials_unnormalised(logits):
    return np.exp(logits - logits.max(axis=-1, keepdims=True))


@wrong("E08.1", "exponentials_unnormalised")
def token_probs_exponentials_unnormalised_2(logits):
    return np.exp(logits)


@wrong("E08.1", "logs_for_probabilities")
def token_probs_logs_for_probabilities(logits):
    return log_softmax(logits)


@wrong("E08.1", "powers_of_two")
def token_probs_powers_of_two(logits):
    return _share(2.0 ** (logits - logits.max(axis=-1, keepdims=True)))


@wrong(
    "E08.1",
    "softmax_twice",
    "a softmax was taken twice: the second one treats probabilities as logits, and flattens them",
)
def token_probs_softmax_twice(logits):
    return _softmax(_softmax(logits))


@wrong("E08.1", "winner_gets_everything")
def token_probs_winner_gets_everything(logits):
    return (logits == logits.max(axis=-1, keepdims=True)).astype(float)


@wrong("E08.1", "single_precision_inside")
def token_probs_single_precision_inside(logits):
    return _softmax(logits.astype(np.float32)).astype(float)


common("E08.1", _softmax, "nothing_returned")


@right("E08.1", "the maximum subtracted by hand")
def token_probs_the_maximum_subtracted_by_hand(logits):
    weights = np.exp(logits - np.max(logits, axis=-1, keepdims=True))
    return weights / np.sum(weights, axis=-1, keepdims=True)


@right("E08.1", "logaddexp, as many times as there are tokens")
def token_probs_logaddexp(logits):
    return np.exp(logits - np.logaddexp.reduce(logits, axis=-1, keepdims=True))


@right("E08.1", "torch, with gradient")
def token_probs_torch_with_gradient(logits):
    import torch

    return torch.softmax(torch.tensor(logits, requires_grad=True), dim=-1)


@right("E08.1", "one over a sum of differences, in lists")
def token_probs_one_over_a_sum_of_differences(logits):
    if logits.ndim == 2:
        return [token_probs_of(row) for row in logits.tolist()]
    return token_probs_of(logits.tolist())


def token_probs_of(row):
    best = max(row)
    weights = [math.exp(u - best) for u in row]
    return [w / math.fsum(weights) for w in weights]


@right("E08.1", "apply_along_axis with a helper")
def token_probs_apply_along_axis_with_a_helper(logits):
    return np.apply_along_axis(lambda row: np.exp(row - logsumexp(row)), -1, logits)


@right("E08.1", "einsum for the normaliser")
def token_probs_einsum_for_the_normaliser(logits):
    weights = np.exp(logits - logits.max(-1)[..., None])
    return weights / np.einsum("...v->...", weights)[..., None]


@right("E08.1", "decimals")
def token_probs_decimals(logits):
    def probs(row):
        weights = [(Decimal(u) - Decimal(max(row))).exp() for u in row]
        return [w / sum(weights) for w in weights]

    return [probs(row) for row in logits.tolist()] if logits.ndim == 2 else probs(logits.tolist())


# --- E08.2 ----------------------------------------------------------------------------------------------------------


def _best(candidates, score):
    return int(np.argmax([score(probs) for probs in candidates]))


def _logs(probs):
    return float(np.log(np.array(probs)).sum())


@wrong("E08.2", "log_of_underflowed_product")
def pick_log_of_underflowed_product(candidates):
    return _best(candidates, lambda probs: np.log(np.prod(probs)))


@wrong("E08.2", "log_of_underflowed_product")
def pick_log_of_underflowed_product_2(candidates):
    return max(range(len(candidates)), key=lambda i: math.prod(candidates[i]))


@wrong("E08.2", "wider_format")
def pick_wider_format(candidates):
    return _best(candidates, lambda probs: np.prod(np.array(probs, dtype=np.longdouble)))


@wrong("E08.2", "constant_beside_product")
def pick_constant_beside_product(candidates):
    return _best(candidates, lambda probs: math.log(math.prod(probs) + 1e-12))


@wrong("E08.2", "floor_for_zero")
def pick_floor_for_zero(candidates):
    return _best(candidates, lambda probs: math.fsum(math.log(p + 1e-12) for p in probs))


@wrong("E08.2", "floor_for_zero")
def pick_floor_for_zero_2(candidates):
    return _best(candidates, lambda probs: math.fsum(math.log(max(p, 1e-10)) for p in probs))


@wrong("E08.2", "impossible_token_skipped")
def pick_impossible_token_skipped(candidates):
    return _best(candidates, lambda probs: math.fsum(math.log(p) for p in probs if p > 0))


@wrong("E08.2", "length_normalised")
def pick_length_normalised(candidates):
    return _best(candidates, lambda probs: _logs(probs) / len(probs))


@wrong("E08.2", "mean_for_ranking")
def pick_mean_for_ranking(candidates):
    return _best(candidates, np.mean)


@wrong("E08.2", "sum_for_product")
def pick_sum_for_product(candidates):
    return _best(candidates, sum)


@wrong("E08.2", "smallest_factor")
def pick_smallest_factor(candidates):
    return _best(candidates, min)


@wrong("E08.2", "last_only")
def pick_last_only(candidates):
    return _best(candidates, lambda probs: probs[-1])


@wrong("E08.2", "first_only")
def pick_first_only(candidates):
    return _best(candidates, lambda probs: probs[0])


@wrong("E08.2", "shortest_wins")
def pick_shortest_wins(candidates):
    return _best(candidates, lambda probs: -len(probs))


@wrong("E08.2", "zip_cuts_to_shortest")
def pick_zip_cuts_to_shortest(candidates):
    shortest = min(map(len, candidates))
    return _best(candidates, lambda probs: _logs(probs[:shortest]))


@wrong("E08.2", "least_probable")
def pick_least_probable(candidates):
    return int(np.argmin([_logs(probs) for probs in candidates]))


@wrong("E08.2", "score_for_index")
def pick_score_for_index(candidates):
    return max(_logs(probs) for probs in candidates)


@wrong("E08.2", "candidate_for_index")
def pick_candidate_for_index(candidates):
    return max(candidates, key=_logs)


@wrong("E08.2", "counted_from_one")
def pick_counted_from_one(candidates):
    return _best(candidates, _logs) + 1


@right("E08.2", "numpy, with an index of numpy's")
def pick_numpy_with_an_index_of_numpys(candidates):
    return np.argmax([np.log(probs).sum() for probs in candidates])


@right("E08.2", "decimals, multiplied")
def pick_decimals_multiplied(candidates):
    import decimal

    with decimal.localcontext() as context:
        context.Emin = -999999
        products = [Decimal(1)] * len(candidates)
        for i, probs in enumerate(candidates):
            for p in probs:
                products[i] *= Decimal(p)
    return products.index(max(products))


@right("E08.2", "torch")
def pick_torch(candidates):
    import torch

    return torch.stack([torch.tensor(probs, dtype=torch.float64).log().sum() for probs in candidates]).argmax()


@right("E08.2", "base 2, with a key function")
def pick_base_2_with_a_key_function(candidates):
    def bits(i):
        return math.fsum(-math.inf if p == 0 else math.log2(p) for p in candidates[i])

    return max(range(len(candidates)), key=bits)


@right("E08.2", "a loop that stops at an impossible token")
def pick_a_loop_that_stops(candidates):
    winner, best = 0, -math.inf
    for i, probs in enumerate(candidates):
        total = 0.0
        for p in probs:
            if p == 0:
                total = -math.inf
                break
            total += math.log(p)
        if total > best:
            winner, best = i, total
    return winner


@right("E08.2", "mantissa and exponent kept apart")
def pick_mantissa_and_exponent_kept_apart(candidates):
    def product(probs):
        mantissa, exponent = 1.0, 0
        for p in probs:
            mantissa, more = math.frexp(mantissa * p)
            exponent += more
        return (mantissa > 0, exponent, mantissa)

    return max(range(len(candidates)), key=lambda i: product(candidates[i]))


# --- E08.3 ----------------------------------------------------------------------------------------------------------

BIAS = -5 * math.log(0.4)


def _wrong_score(misconception, text=""):
    return wrong("E08.3", misconception, text, verbose_bias=lambda: BIAS)


def _steps(logits, targets, normaliser):
    return float(sum(row[t] - normaliser(row, t) for row, t in zip(logits, targets, strict=True)))


def _top(k):
    return lambda row, t: logsumexp(np.sort(row)[-k:])


@_wrong_score("shortlist_kept")
def score_shortlist_kept(logits, targets):
    return _steps(logits, targets, _top(2))


@wrong("E08.3", "shortlist_kept", verbose_bias=lambda: 0.0)
def score_shortlist_kept_2(logits, targets):
    return _steps(logits, targets, _top(2))


@_wrong_score("larger_shortlist")
def score_larger_shortlist(logits, targets):
    return _steps(logits, targets, _top(4))


@_wrong_score("larger_shortlist")
def score_larger_shortlist_2(logits, targets):
    return _steps(logits, targets, lambda row, t: _top(len(row) - 1)(row, t))


@_wrong_score("larger_shortlist")
def score_larger_shortlist_3(logits, targets):
    return _steps(logits, targets, _top(3))


@_wrong_score("larger_shortlist")
def score_larger_shortlist_4(logits, targets):
    return _steps(logits, targets, _top(5))


@_wrong_score("fixed_shortlist")
def score_fixed_shortlist(logits, targets):
    return _steps(logits, targets, lambda row, t: logsumexp(row[:3]))


@_wrong_score("fixed_shortlist", "the normaliser leaves one id of the vocabulary out: it has to run over the whole row")
def score_fixed_shortlist_2(logits, targets):
    return _steps(logits, targets, lambda row, t: logsumexp(row[1:]))


def _inside(row, t):
    return row[t] >= np.sort(row)[-2]


@_wrong_score("shortlist_where_target_is_in_it")
def score_shortlist_where_target_is_in_it(logits, targets):
    return _steps(logits, targets, lambda row, t: _top(2)(row, t) if _inside(row, t) else logsumexp(row))


@_wrong_score("outside_is_impossible")
def score_outside_is_impossible(logits, targets):
    return _steps(logits, targets, lambda row, t: _top(2)(row, t) if _inside(row, t) else math.inf)


@_wrong_score(
    "outside_is_impossible", "a target outside the two best tokens came out impossible: improbable is not impossible"
)
def score_outside_is_impossible_2(logits, targets):
    return _steps(logits, targets, lambda row, t: logsumexp(row) if _inside(row, t) else math.inf)


@_wrong_score("outside_is_skipped")
def score_outside_is_skipped(logits, targets):
    return _steps(logits, targets, lambda row, t: _top(2)(row, t) if _inside(row, t) else row[t])


@_wrong_score("bias_subtracted_everywhere")
def score_bias_subtracted_everywhere(logits, targets):
    return _steps(logits, targets, _top(2)) - BIAS


@_wrong_score("bias_subtracted_everywhere")
def score_bias_subtracted_everywhere_2(logits, targets):
    return _steps(logits, targets, _top(2)) + len(targets) * math.log(0.4)


@_wrong_score("mean_for_repair")
def score_mean_for_repair(logits, targets):
    return _steps(logits, targets, _top(2)) / len(targets)


@_wrong_score("mean_for_repair")
def score_mean_for_repair_2(logits, targets):
    return _steps(logits, targets, lambda row, t: logsumexp(row)) / len(targets)


@_wrong_score("logits_added_up")
def score_logits_added_up(logits, targets):
    return _steps(logits, targets, lambda row, t: 0.0)


@_wrong_score("maximum_for_normaliser")
def score_maximum_for_normaliser(logits, targets):
    return _steps(logits, targets, lambda row, t: row.max())


@_wrong_score(
    "exp_out_of_range", "exp(1000) is inf and exp(-1000) is 0 in floating point: use logsumexp, over the whole row"
)
def score_exp_out_of_range(logits, targets):
    return _steps(logits, targets, lambda row, t: np.log(np.exp(row).sum()))


@_wrong_score("probability_for_log")
def score_probability_for_log(logits, targets):
    return math.exp(_steps(logits, targets, lambda row, t: logsumexp(row)))


@_wrong_score("surprisal_for_log_prob")
def score_surprisal_for_log_prob(logits, targets):
    return -_steps(logits, targets, lambda row, t: logsumexp(row))


@_wrong_score("bits_for_nats")
def score_bits_for_nats(logits, targets):
    return _steps(logits, targets, lambda row, t: logsumexp(row)) / math.log(2)


@_wrong_score("last_step_for_path", "that is the last step alone; all targets count")
def score_last_step_for_path(logits, targets):
    return float(log_softmax(logits)[-1, targets[-1]])


@_wrong_score("normalised_over_positions")
def score_normalised_over_positions(logits, targets):
    return float(log_softmax(logits, axis=0)[np.arange(len(targets)), targets].sum())


@_wrong_score("normalised_over_everything")
def score_normalised_over_everything(logits, targets):
    return float(log_softmax(logits, axis=None)[np.arange(len(targets)), targets].sum())


def _full(logits, targets):
    return _steps(logits, targets, lambda row, t: logsumexp(row))


for _bias, _name, _text in (
    (-BIAS, "bias_with_wrong_sign", ""),
    (BIAS / 5, "bias_of_one_step", ""),
    (-2 * math.log(0.95), "bias_of_the_other", ""),
    (math.exp(BIAS), "bias_as_factor", ""),
    (5 * math.log(0.3) / (5 * math.log(0.75)), "bias_as_ratio", ""),
    (5 * math.log(0.3), "bias_is_score", ""),
    (5 * math.log(0.75), "bias_is_score", ""),
    (5 * math.log(0.75) - 2 * math.log(0.95) * -1 - math.log(0.14), "bias_against_the_other", ""),
    (math.log(0.14) - 5 * math.log(0.3), "bias_against_the_other", ""),
    (-5 * math.log(0.6), "mass_of_the_rest", ""),
    (BIAS / math.log(2), "bits_for_nats", "bias: that is in bits; the task asks for nats"),
    (5 * 0.6, "mass_of_the_rest", "bias: masses were added where their logs are to be added"),
    (4.5815, "rounded", "right, but rounded: return the unrounded number"),
    (4.58, "rounded", "right, but rounded: return the unrounded number"),
):
    wrong("E08.3", _name, _text, verbose_bias=lambda bias=_bias: bias)(_full)


def _bias():
    return BIAS


@right("E08.3", "log-softmax and one indexing", verbose_bias=lambda: np.float64(4.581453659370776))
def score_log_softmax_and_one_indexing(logits, targets):
    return log_softmax(logits)[np.arange(len(targets)), targets].sum()


@right("E08.3", "a chunked log-sum-exp over the whole vocabulary", verbose_bias=_bias)
def score_a_chunked_log_sum_exp(logits, targets):
    def lse(row):
        return logsumexp([logsumexp(row[i : i + 2]) for i in range(0, len(row), 2)])

    return math.fsum(row[t] - lse(row) for row, t in zip(logits, targets, strict=True))


@right("E08.3", "torch cross-entropy, with gradient", verbose_bias=lambda: math.log(97.65625))
def score_torch_cross_entropy(logits, targets):
    import torch

    logits = torch.tensor(logits, dtype=torch.float64, requires_grad=True)
    return -torch.nn.functional.cross_entropy(logits, torch.tensor(targets), reduction="sum")


@right("E08.3", "a running logaddexp", verbose_bias=lambda: 5 * math.log(0.75) - 5 * math.log(0.3))
def score_a_running_logaddexp(logits, targets):
    total = 0.0
    for row, target in zip(logits.tolist(), targets, strict=True):
        lse = -math.inf
        for u in row:
            lse = np.logaddexp(lse, u)
        total += row[target] - lse
    return total


@right("E08.3", "a shortlist of the whole vocabulary", verbose_bias=lambda: [4.581453659370776][0])
def score_a_shortlist_of_the_whole(logits, targets):
    return _steps(logits, targets, lambda row, t: _top(len(row))(row, t))


@right("E08.3", "minus the loss of the course's nll", verbose_bias=lambda: np.array([BIAS]))
def score_minus_the_loss_of_the_courses(logits, targets):
    from course_utils.log_space import nll

    return -nll(logits, np.array(targets), reduction="sum")


# --- E08.4 ----------------------------------------------------------------------------------------------------------

A_A = [([10.0, 9.0, 0.0], 0), ([0.0, 0.0, 0.0], 0)]
B_B = [([10.0, 9.0, 0.0], 1), ([8.0, 7.0, 0.0], 1)]


def _true(steps):
    return float(sum(logits[token] - logsumexp(logits) for logits, token in steps))


def _raw(steps):
    return float(sum(logits[token] for logits, token in steps))


TOTALS = (_true(A_A), _true(B_B))


def _winner(scores):
    return int(np.argmax(scores)), list(scores)


def _wrong_select(misconception, text=""):
    return wrong("E08.4", misconception, text, e08_4=lambda: ("AA", *TOTALS))


@wrong("E08.4", "logits_added_up", e08_4=lambda: ("BB", 10.0, 16.0))
def select_logits_added_up(candidates):
    return _winner([_raw(steps) for steps in candidates])


@_wrong_select("logits_added_up")
def select_logits_added_up_2(candidates):
    return _winner([_raw(steps) for steps in candidates])


@_wrong_select(
    "length_normalised", "those are means of logits: dividing by the length does not make them log-probabilities"
)
def select_length_normalised(candidates):
    return _winner([_raw(steps) / len(steps) for steps in candidates])


@_wrong_select("mean_of_logs")
def select_mean_of_logs(candidates):
    return _winner([_true(steps) / len(steps) for steps in candidates])


@_wrong_select("logs_for_probabilities_wanted", "the scores are probabilities; the task asks for their logarithms")
def select_logs_for_probabilities_wanted(candidates):
    return _winner([math.exp(_true(steps)) for steps in candidates])


@_wrong_select("surprisal_for_log_prob")
def select_surprisal_for_log_prob(candidates):
    return _winner([-_true(steps) for steps in candidates])


@_wrong_select("bits_for_nats")
def select_bits_for_nats(candidates):
    return _winner([_true(steps) / math.log(2) for steps in candidates])


@_wrong_select("maximum_for_normaliser")
def select_maximum_for_normaliser(candidates):
    return _winner([float(sum(u[t] - max(u) for u, t in steps)) for steps in candidates])


@_wrong_select("one_normaliser_for_all_steps")
def select_one_normaliser_for_all_steps(candidates):
    return _winner([_raw(steps) - len(steps) * float(logsumexp(steps[0][0])) for steps in candidates])


@_wrong_select("softmax_over_candidates")
def select_softmax_over_candidates(candidates):
    return _winner(log_softmax([_raw(steps) for steps in candidates]).tolist())


@_wrong_select("softmax_over_candidates")
def select_softmax_over_candidates_2(candidates):
    return _winner(log_softmax([_true(steps) for steps in candidates]).tolist())


@_wrong_select("last_step_for_path", "only the last step was scored: all steps count")
def select_last_step_for_path(candidates):
    return _winner([_true(steps[-1:]) for steps in candidates])


@_wrong_select("first_step_for_path", "only the first step was scored: all steps count")
def select_first_step_for_path(candidates):
    return _winner([_true(steps[:1]) for steps in candidates])


@_wrong_select("raw_logit_added")
def select_raw_logit_added(candidates):
    return _winner([_true(steps[:1]) + _raw(steps[1:]) for steps in candidates])


@_wrong_select("winner_by_logits")
def select_winner_by_logits(candidates):
    return int(np.argmax([_raw(steps) for steps in candidates])), [_true(steps) for steps in candidates]


@_wrong_select("winner_by_mean")
def select_winner_by_mean(candidates):
    scores = [_true(steps) for steps in candidates]
    return int(np.argmax([s / len(steps) for s, steps in zip(scores, candidates, strict=True)])), scores


@_wrong_select("least_probable")
def select_least_probable(candidates):
    scores = [_true(steps) for steps in candidates]
    return scores.index(min(scores)), scores


@_wrong_select("counted_from_one")
def select_counted_from_one(candidates):
    scores = [_true(steps) for steps in candidates]
    return scores.index(max(scores)) + 1, scores


@_wrong_select(
    "exp_out_of_range", "exp(1000) is inf and exp(-1000) is 0 in floating point: use logsumexp or log_softmax"
)
def select_exp_out_of_range(candidates):
    def step(u, t):
        return float(np.log(np.exp(u[t]) / np.exp(u).sum()))

    return _winner([sum(step(np.array(u), t) for u, t in steps) for steps in candidates])


@_wrong_select("swapped", "the scores came first: return (winner, scores)")
def select_swapped(candidates):
    return _winner([_true(steps) for steps in candidates])[::-1]


def _good_select(candidates):
    return _winner([_true(steps) for steps in candidates])


for _said, _name, _text in (
    (("BB", *TOTALS), "larger_logit_sum_wins", ""),
    (("BB", 10.0, 16.0), "larger_logit_sum_wins", ""),
    ((1, *TOTALS), "bare_number_one", ""),
    (("AA", 10.0, 16.0), "logits_added_up", ""),
    (("BB", 5.0, 8.0), "length_normalised", "numbers: logits divided by the length are still logits of two contexts"),
    (("AA", *(x / 2 for x in TOTALS)), "mean_of_logs", ""),
    (("AA", *(math.exp(x) for x in TOTALS)), "logs_for_probabilities_wanted", ""),
    (("AA", TOTALS[1], TOTALS[0]), "swapped", ""),
    (("AA", -1.4119, -2.6268), "rounded", "right, but rounded: return the unrounded number"),
    (("AA", -math.log(3), _true(B_B[1:])), "last_step_for_path", ""),
    (("AA", _true(A_A[:1]), _true(B_B[:1])), "first_step_for_path", ""),
):
    wrong("E08.4", _name, _text, e08_4=lambda said=_said: said)(_good_select)


@right("E08.4", "numpy, and the winner as 'Candidate 1'", e08_4=lambda: ("Candidate 1", *map(np.float64, TOTALS)))
def select_numpy_and_the_winner(candidates):
    scores = np.array([sum(log_softmax(u)[t] for u, t in steps) for steps in candidates])
    return np.argmax(scores), scores


@right("E08.4", "torch, and the winner as index 0", e08_4=lambda: [0, list(TOTALS)])
def select_torch_and_the_winner_as_index_0(candidates):
    import torch

    scores = [
        sum(torch.log_softmax(torch.tensor(u, dtype=torch.float64), -1)[t] for u, t in steps) for steps in candidates
    ]
    return int(torch.stack(scores).argmax()), scores


@right("E08.4", "a loop over steps, and the winner as its tokens", e08_4=lambda: (["A", "A"], *TOTALS))
def select_a_loop_over_steps_and_the_winner(candidates):
    scores, winner = [], 0
    for steps in candidates:
        total = 0.0
        for logits, token in steps:
            top = max(logits)
            total += logits[token] - top - math.log(math.fsum(math.exp(u - top) for u in logits))
        scores.append(total)
        if total > scores[winner]:
            winner = len(scores) - 1
    return [winner, tuple(scores)]


@right("E08.4", "minus the odds against each token, and '[A,A]'", e08_4=lambda: ("[A,A]", *TOTALS))
def select_minus_the_odds_against(candidates):
    def log_prob(u, t):
        return -float(logsumexp([other - u[t] for other in u]))

    scores = {i: sum(log_prob(*step) for step in steps) for i, steps in enumerate(candidates)}
    return max(scores, key=scores.get), list(scores.values())


@right("E08.4", "dicts", e08_4=lambda: {"winner": "aa", "AA": TOTALS[0], "BB": TOTALS[1]})
def select_dicts(candidates):
    winner, scores = _good_select(candidates)
    return {"winner": winner, "scores": scores}


# --- E08.5 ----------------------------------------------------------------------------------------------------------

LAST_A, LAST_B = -math.log(3), _true([([5.0, 1.0, 0.0], 0)])
AUDIT_A, AUDIT_B = _true([([4.0, 3.0, 3.9], 0)]) + LAST_A, _true([([4.0, 3.0, 3.9], 1)]) + LAST_B


def _audit(winner, *log_probs):
    return {"winner": winner, "log_probs": log_probs}


wrong_value("E08.5", _audit("A", 10.0, 8.0), "audit_confirms_report")
wrong_value("E08.5", _audit("A", AUDIT_A, AUDIT_B), "audit_confirms_report")
wrong_value("E08.5", _audit("B", 10.0, 8.0), "logits_added_up")
wrong_value("E08.5", _audit("B", LAST_A, LAST_B), "last_step_for_path")
wrong_value("E08.5", _audit("A", AUDIT_A - LAST_A, AUDIT_B - LAST_B), "audit_confirms_report")
wrong_value("E08.5", _audit("B", AUDIT_A - LAST_A, AUDIT_B - LAST_B), "first_step_for_path")
wrong_value("E08.5", _audit("B", math.exp(AUDIT_A), math.exp(AUDIT_B)), "logs_for_probabilities_wanted")
wrong_value("E08.5", _audit("B", AUDIT_A / 2, AUDIT_B / 2), "mean_of_logs")
wrong_value("E08.5", _audit("B", -AUDIT_A, -AUDIT_B), "surprisal_for_log_prob")
wrong_value("E08.5", _audit("B", AUDIT_A / math.log(2), AUDIT_B / math.log(2)), "bits_for_nats")
wrong_value("E08.5", _audit("B", AUDIT_B, AUDIT_A), "swapped")
wrong_value("E08.5", _audit("B", -1.9196, -1.8457), "rounded", "right, but rounded: return the unrounded number")
_TOGETHER = float(logsumexp([6.0, 6.0, 6.0, 5.0, 1.0, 0.0]))
wrong_value(
    "E08.5", _audit("B", AUDIT_A - LAST_A + 6 - _TOGETHER, AUDIT_B - LAST_B + 5 - _TOGETHER), "scored_in_one_context"
)
right_value("E08.5", _audit("B", AUDIT_A, AUDIT_B), "tuples")
right_value(
    "E08.5", {"winner": "Completion B", "log_probs": [AUDIT_A, AUDIT_B], "probs": (0.147, 0.158)}, "with probabilities"
)
right_value("E08.5", {"log_probs": {"A": AUDIT_A, "B": AUDIT_B}, "winner": "b"}, "a dict inside, lower case")
right_value("E08.5", ("B", (AUDIT_A, AUDIT_B)), "a tuple")
right_value("E08.5", ("B", AUDIT_A, AUDIT_B), "a flat tuple")
right_value("E08.5", {"winner": "[B1, B2]", "log_probs": np.array([AUDIT_A, AUDIT_B])}, "tokens, an array")
right_value("E08.5", {"winner": ["B1", "B2"], "log_probs": (Decimal(AUDIT_A), Fraction(AUDIT_B))}, "exact types")

# --- E08.6 ----------------------------------------------------------------------------------------------------------


def _at(logs, tokens):
    return logs[np.arange(len(tokens)), tokens]


def _favourites(logits):
    return logits.argmax(axis=1)


def _log_mean(logs):
    return float(np.log(np.exp(logs).mean()))


@wrong("E08.6", "nothing_repaired")
def sequence_score_nothing_repaired(logits, ids):
    return _log_mean(_at(log_softmax(logits, axis=0), _favourites(logits)))


@wrong(
    "E08.6",
    "best_token_scored",
    "one of three is gone: the model's favourites are scored, and the log is taken of a mean",
)
def sequence_score_best_token_scored(logits, ids):
    return _log_mean(_at(log_softmax(logits), _favourites(logits)))


@wrong(
    "E08.6",
    "normalised_over_positions",
    "one of three is gone: the softmax runs over positions, and the log is taken of a mean",
)
def sequence_score_normalised_over_positions(logits, ids):
    return _log_mean(_at(log_softmax(logits, axis=0), ids))


@wrong(
    "E08.6",
    "normalised_over_positions",
    "one of three is gone: the softmax runs over positions, and the model's favourites are scored",
)
def sequence_score_normalised_over_positions_2(logits, ids):
    return float(_at(log_softmax(logits, axis=0), _favourites(logits)).sum())


@wrong(
    "E08.6",
    "log_of_mean",
    "two of three are gone: the log is still taken of a mean; take the log of each and add them up",
)
def sequence_score_log_of_mean(logits, ids):
    return _log_mean(_at(log_softmax(logits), ids))


@wrong(
    "E08.6", "best_token_scored", "two of three are gone: the model's favourites are still scored, whatever the ids say"
)
def sequence_score_best_token_scored_2(logits, ids):
    return float(_at(log_softmax(logits), _favourites(logits)).sum())


@wrong(
    "E08.6",
    "normalised_over_positions",
    "two of three are gone: the softmax still runs over positions, not over tokens",
)
def sequence_score_normalised_over_positions_3(logits, ids):
    return float(_at(log_softmax(logits, axis=0), ids).sum())


@wrong("E08.6", "mean_of_logs")
def sequence_score_mean_of_logs(logits, ids):
    return float(_at(log_softmax(logits), ids).mean())


@wrong("E08.6", "log_of_sum")
def sequence_score_log_of_sum(logits, ids):
    return float(np.log(np.exp(_at(log_softmax(logits), ids)).sum()))


@wrong("E08.6", "log_of_underflowed_product")
def sequence_score_log_of_underflowed_product(logits, ids):
    return float(np.log(np.prod(np.exp(_at(log_softmax(logits), ids)))))


common(
    "E08.6",
    lambda logits, ids: float(_at(log_softmax(logits), ids).sum()),
    "probability_for_log",
    "surprisal_for_log_prob",
    "bits_for_nats",
)


@wrong("E08.6", "normalised_over_everything")
def sequence_score_normalised_over_everything(logits, ids):
    return float(_at(log_softmax(logits, axis=None), ids).sum())


@wrong("E08.6", "logits_added_up")
def sequence_score_logits_added_up(logits, ids):
    return float(_at(logits, ids).sum())


@wrong(
    "E08.6",
    "exp_out_of_range",
    "exp(1000) is inf and exp(-1000) is 0 in floating point: use log_softmax along the vocabulary",
)
def sequence_score_exp_out_of_range(logits, ids):
    probs = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return float(np.log(_at(probs, ids)).sum())


@wrong("E08.6", "ids_shifted")
def sequence_score_ids_shifted(logits, ids):
    return float(_at(log_softmax(logits)[:-1], ids[1:]).sum())


@wrong("E08.6", "first_token_dropped")
def sequence_score_first_token_dropped(logits, ids):
    return float(_at(log_softmax(logits), ids)[1:].sum())


@wrong("E08.6", "last_token_dropped")
def sequence_score_last_token_dropped(logits, ids):
    return float(_at(log_softmax(logits), ids)[:-1].sum())


@wrong("E08.6", "columns_for_targets")
def sequence_score_columns_for_targets(logits, ids):
    return float(log_softmax(logits)[:, ids].sum())


@wrong("E08.6", "whole_rows_added")
def sequence_score_whole_rows_added(logits, ids):
    return float(log_softmax(logits).sum())


@right("E08.6", "torch cross-entropy")
def sequence_score_torch_cross_entropy(logits, ids):
    import torch

    return -torch.nn.functional.cross_entropy(torch.tensor(logits), torch.tensor(ids), reduction="sum")


@right("E08.6", "torch gather, with gradient")
def sequence_score_torch_gather_with_gradient(logits, ids):
    import torch

    logs = torch.log_softmax(torch.tensor(logits, requires_grad=True), dim=1)
    return logs.gather(1, torch.tensor(ids)[:, None]).sum()


@right("E08.6", "a loop")
def sequence_score_a_loop(logits, ids):
    total = 0.0
    for row, token in zip(logits, ids, strict=True):
        total += row[token] - logsumexp(row)
    return total


@right("E08.6", "take_along_axis")
def sequence_score_take_along_axis(logits, ids):
    return np.take_along_axis(log_softmax(logits, axis=-1), np.array(ids)[:, None], axis=1).sum()


@right("E08.6", "one-hot and einsum")
def sequence_score_one_hot_and_einsum(logits, ids):
    return np.einsum("tv,tv->", log_softmax(logits), np.eye(logits.shape[1])[ids])


@right("E08.6", "logits first, all normalisers afterwards")
def sequence_score_logits_first_all_normalisers(logits, ids):
    chosen = math.fsum(logits[i][t] for i, t in enumerate(ids))
    return chosen - math.fsum(np.logaddexp.reduce(row) for row in logits)


# --- E08.7 ----------------------------------------------------------------------------------------------------------


def _wrong_complete(misconception, text=""):
    return wrong("E08.7", misconception, text, choice=lambda: "D")


def _sum(tokens, eos):
    return sum(tokens) + eos


@_wrong_complete("eos_forgotten")
def complete_score_eos_forgotten(token_log_probs, eos_log_prob):
    return float(sum(token_log_probs))


@wrong("E08.7", "eos_forgotten", choice=lambda: "B")
def complete_score_eos_forgotten_2(token_log_probs, eos_log_prob):
    return float(sum(token_log_probs))


@_wrong_complete("per_token_score")
def complete_score_per_token_score(token_log_probs, eos_log_prob):
    return _sum(token_log_probs, eos_log_prob) / (len(token_log_probs) + 1)


@wrong("E08.7", "per_token_score", choice=lambda: "A")
def complete_score_per_token_score_2(token_log_probs, eos_log_prob):
    return _sum(token_log_probs, eos_log_prob) / (len(token_log_probs) + 1)


@_wrong_complete("per_token_score")
def complete_score_per_token_score_3(token_log_probs, eos_log_prob):
    return _sum(token_log_probs, eos_log_prob) / max(len(token_log_probs), 1)


@_wrong_complete(
    "per_token_score", "the tokens were averaged before the end was added: log Pr(y|x) is the sum of all terms"
)
def complete_score_per_token_score_4(token_log_probs, eos_log_prob):
    return sum(token_log_probs) / max(len(token_log_probs), 1) + eos_log_prob


@_wrong_complete("length_penalty_applied")
def complete_score_length_penalty_applied(token_log_probs, eos_log_prob):
    return _sum(token_log_probs, eos_log_prob) / ((5 + len(token_log_probs) + 1) / 6) ** 0.6


@_wrong_complete("length_penalty_applied")
def complete_score_length_penalty_applied_2(token_log_probs, eos_log_prob):
    return _sum(token_log_probs, eos_log_prob) / ((5 + len(token_log_probs)) / 6) ** 0.6


@_wrong_complete("eos_alone")
def complete_score_eos_alone(token_log_probs, eos_log_prob):
    return eos_log_prob


@_wrong_complete("eos_twice")
def complete_score_eos_twice(token_log_probs, eos_log_prob):
    return sum(token_log_probs) + 2 * eos_log_prob


@_wrong_complete("eos_as_probability")
def complete_score_eos_as_probability(token_log_probs, eos_log_prob):
    return sum(token_log_probs) + math.exp(eos_log_prob)


@_wrong_complete("eos_subtracted")
def complete_score_eos_subtracted(token_log_probs, eos_log_prob):
    return sum(token_log_probs) - eos_log_prob


@_wrong_complete("empty_answer_is_free")
def complete_score_empty_answer_is_free(token_log_probs, eos_log_prob):
    return _sum(token_log_probs, eos_log_prob) if token_log_probs else 0.0


@_wrong_complete("impossible_made_finite")
def complete_score_impossible_made_finite(token_log_probs, eos_log_prob):
    return sum(max(x, -100.0) for x in [*token_log_probs, eos_log_prob])


@_wrong_complete("impossible_token_skipped")
def complete_score_impossible_token_skipped(token_log_probs, eos_log_prob):
    return sum(x for x in [*token_log_probs, eos_log_prob] if x > -math.inf)


@_wrong_complete("probability_for_log")
def complete_score_probability_for_log(token_log_probs, eos_log_prob):
    return math.exp(_sum(token_log_probs, eos_log_prob))


@_wrong_complete("log_of_underflowed_product")
def complete_score_log_of_underflowed_product(token_log_probs, eos_log_prob):
    with np.errstate(divide="ignore"):
        return float(np.log(np.prod(np.exp([*token_log_probs, eos_log_prob]))))


@_wrong_complete("surprisal_for_log_prob")
def complete_score_surprisal_for_log_prob(token_log_probs, eos_log_prob):
    return -_sum(token_log_probs, eos_log_prob)


@_wrong_complete("product_of_logs")
def complete_score_product_of_logs(token_log_probs, eos_log_prob):
    return math.prod([*token_log_probs, eos_log_prob])


@_wrong_complete("nothing_returned", "None (is a return missing?) came back where a number is asked for")
def complete_score_nothing_returned(token_log_probs, eos_log_prob):
    _sum(token_log_probs, eos_log_prob)


for _letter, _name in zip(
    "ABCE", ("mean_for_log_prob", "eos_left_unscored", "logits_for_ranking", "penalised_for_log_prob"), strict=True
):
    wrong("E08.7", _name, choice=lambda letter=_letter: letter)(_sum)


@right("E08.7", "numpy", choice=lambda: "d")
def complete_score_numpy(token_log_probs, eos_log_prob):
    return np.append(token_log_probs, eos_log_prob).sum()


@right("E08.7", "a loop that starts at the end", choice=lambda: "(D)")
def complete_score_a_loop_that_starts_at_the_end(token_log_probs, eos_log_prob):
    total = eos_log_prob
    for log_prob in token_log_probs:
        total += log_prob
    return total


@right("E08.7", "torch", choice=lambda: "Scorer D")
def complete_score_torch(token_log_probs, eos_log_prob):
    import torch

    return torch.tensor([*token_log_probs, eos_log_prob], dtype=torch.float64, requires_grad=True).sum()


@right("E08.7", "minus the sum of surprisals", choice=lambda: " D.")
def complete_score_minus_the_sum_of_surprisals(token_log_probs, eos_log_prob):
    return -math.fsum(-x for x in itertools.chain(token_log_probs, [eos_log_prob]))


@right("E08.7", "recursion", choice=lambda: "D")
def complete_score_recursion(token_log_probs, eos_log_prob):
    if not token_log_probs:
        return eos_log_prob
    return token_log_probs[0] + complete_rest(token_log_probs[1:], eos_log_prob)


def complete_rest(tokens, eos):
    return eos if not tokens else tokens[0] + complete_rest(tokens[1:], eos)


# --- E08.8 ----------------------------------------------------------------------------------------------------------

wrong_value("E08.8", 4, "bos_counted")
wrong_value(
    "E08.8", 11, "characters_counted", "eleven counts the characters; the loss of the dashboard is a mean over tokens"
)
wrong_value("E08.8", 9, "characters_counted")
wrong_value("E08.8", 2, "last_token_unpredicted")
wrong_value("E08.8", 3.5 * 1.1667, "losses_multiplied")
wrong_value("E08.8", 1.1667 / 3.5, "quotient_upside_down")
wrong_value("E08.8", -3.5 / 1.1667, "count_with_sign")
wrong_value("E08.8", 3.5 - 1.1667, "difference_for_count")
wrong_value("E08.8", -3.5 + 1.1667, "difference_for_count")
right_value("E08.8", 3, "an integer")
right_value("E08.8", 3.0, "a float")
right_value("E08.8", 3.5 / 1.1667, "the quotient of the rounded numbers")
right_value("E08.8", 3.5 / 1.17, "the quotient of numbers rounded once more")
right_value("E08.8", np.int64(3), "numpy")
right_value("E08.8", len("The cat sat".split()), "counted")
right_value("E08.8", Fraction(35000, 11667), "a fraction")
