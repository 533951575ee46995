"""Wrong answers to lesson 06 that its judge has to name, and unusual right ones that it has to accept."""

from __future__ import annotations

import functools
import itertools
import math
from decimal import Decimal
from fractions import Fraction

import numpy as np

from course_utils.log_space import logsumexp
from course_utils.staff.judging.mutants import Mutants

MUTANTS = Mutants()
common, wrong, right = MUTANTS.common, MUTANTS.wrong, MUTANTS.right
wrong_value, right_value = MUTANTS.wrong_value, MUTANTS.right_value

# --- E06.1 ----------------------------------------------------------------------------------------------------------

wrong_value("E06.1", -12.0 + -8.5, "joint_marginal_added")
wrong_value("E06.1", -8.5 - -12.0, "marginal_minus_joint")
wrong_value("E06.1", -12.0 / -8.5, "logs_divided")
wrong_value("E06.1", -8.5 / -12.0, "logs_divided_other_way")
wrong_value("E06.1", -12.0 * -8.5, "product_of_logs")
wrong_value("E06.1", -12.0, "joint_for_conditional")
wrong_value("E06.1", -8.5, "marginal_for_conditional")
wrong_value("E06.1", math.exp(-3.5), "probability_for_log")
wrong_value("E06.1", math.exp(-12), "probability_of_joint")
wrong_value("E06.1", -3.5 / math.log(2), "bits_for_nats")
wrong_value("E06.1", (-12.0 + -8.5) / 2, "mean_of_logs", "that is the mean of joint and marginal; subtract them")
wrong_value("E06.1", None, "nothing_returned", "None (is a return missing?) came back where a number is asked for")
right_value("E06.1", np.float64(-12.0) - np.float64(-8.5), "a numpy scalar")
right_value("E06.1", np.subtract([-12.0], [-8.5]), "an array of one element")
right_value("E06.1", Fraction(-7, 2), "a fraction")
right_value("E06.1", Decimal("-12.0") - Decimal("-8.5"), "decimals")
right_value("E06.1", math.log(math.exp(-12.0) / math.exp(-8.5)), "through the probabilities")
right_value("E06.1", np.float32(-3.5), "single precision")


@right("E06.1", "a torch tensor with gradient")
def e06_1_a_torch_tensor_with_gradient():
    import torch

    return torch.tensor(-12.0, requires_grad=True) - torch.tensor(-8.5)


# --- E06.2 ----------------------------------------------------------------------------------------------------------

_LOG, _P = -3.5 - -5.2, math.exp(-3.5 - -5.2)
wrong_value("E06.2", (True, _LOG, _P), "impossible_pair_accepted")
wrong_value("E06.2", (True, -1.7, math.exp(-1.7)), "impossible_pair_accepted")
wrong_value("E06.2", (False, -1.7, math.exp(-1.7)), "impossible_numbers_reversed")
wrong_value("E06.2", (False, -8.7, math.exp(-8.7)), "impossible_numbers_added")
wrong_value("E06.2", (False, _P, _LOG), "impossible_numbers_swapped")
wrong_value("E06.2", (False, 0.0, 1.0), "impossible_numbers_clipped")
wrong_value("E06.2", (False, 1.7, 5.47), "impossible_numbers_rounded")
wrong_value("E06.2", (None, _LOG, _P), "verdict_missing")
right_value("E06.2", (False, 1.7, 5.473947391727199), "typed in with all digits")
right_value("E06.2", (False, 1.7000000000000002, _P), "1.7000000000000002, the difference in floating point")
right_value("E06.2", [False, _LOG, _P], "a list")
right_value("E06.2", {"possible": False, "log_prob": _LOG, "prob": _P}, "a dict")
right_value("E06.2", ("impossible", Fraction(17, 10), math.exp(1.7)), "a word, a fraction")
right_value("E06.2", (np.False_, np.float64(_LOG), np.exp(_LOG)), "numpy scalars")
right_value("E06.2", (False, (_LOG, _P)), "the numbers as a pair")
right_value("E06.2", np.array([False, _LOG, _P]), "an array")
right_value("E06.2", ("no", -3.5 + 5.2, math.exp(-3.5) / math.exp(-5.2)), "the probability as a quotient")

# --- E06.3 ----------------------------------------------------------------------------------------------------------


def _continuations(lm, n, tokens=None):
    """All y of n tokens, or fewer that end in EOS."""
    tokens = range(lm.vocabulary_size) if tokens is None else tokens
    going, ended = [[]], []
    for _ in range(n):
        longer = [[*y, token] for y in going for token in tokens]
        ended += [y for y in longer if y[-1] == lm.eos]
        going = [y for y in longer if y[-1] != lm.eos]
    return going, ended


def _joints(lm, x, ys):
    return lm.log_prob_ids([[*x, *y] for y in ys])


def _all(lm, x, n):
    return _joints(lm, x, [y for part in _continuations(lm, n) for y in part])


@wrong("E06.3", "log_joint_summed")
def marginal_by_enumeration_log_joint_summed(lm, x, n):
    return float(np.sum(_all(lm, x, n)))


@wrong("E06.3", "log_joint_summed")
def marginal_by_enumeration_log_joint_summed_2(lm, x, n):
    scores = _all(lm, x, n)
    return float(np.sum(scores[np.isfinite(scores)]))


@wrong("E06.3", "joint_averaged")
def marginal_by_enumeration_joint_averaged(lm, x, n):
    scores = _all(lm, x, n)
    return float(logsumexp(scores) - math.log(len(scores)))


@wrong(
    "E06.3", "mean_of_logs", "that is the mean of the log-probabilities; alternatives add as probabilities: logsumexp"
)
def marginal_by_enumeration_mean_of_logs(lm, x, n):
    scores = _all(lm, x, n)
    return float(np.mean(scores[np.isfinite(scores)]))


@wrong("E06.3", "best_y_for_all")
def marginal_by_enumeration_best_y_for_all(lm, x, n):
    return float(np.max(_all(lm, x, n)))


@wrong("E06.3", "symbol_skipped")
def marginal_by_enumeration_symbol_skipped(lm, x, n):
    going, ended = _continuations(lm, n, range(2, lm.vocabulary_size))
    return logsumexp(_joints(lm, x, going + ended))


@wrong("E06.3", "symbol_skipped")
def marginal_by_enumeration_symbol_skipped_2(lm, x, n):
    last = lm.vocabulary_size - 1 - (lm.eos is not None)
    going, ended = _continuations(lm, n, [t for t in range(lm.vocabulary_size) if t != last])
    return logsumexp(_joints(lm, x, going + ended))


@wrong("E06.3", "eos_left_out")
def marginal_by_enumeration_eos_left_out(lm, x, n):
    return logsumexp(_joints(lm, x, _continuations(lm, n)[0]))


@wrong("E06.3", "early_ends_missing")
def marginal_by_enumeration_early_ends_missing(lm, x, n):
    going, ended = _continuations(lm, n)
    return logsumexp(_joints(lm, x, [y for y in going + ended if len(y) == n]))


@wrong("E06.3", "early_ends_twice")
def marginal_by_enumeration_early_ends_twice(lm, x, n):
    everything = list(itertools.product(range(lm.vocabulary_size), repeat=n))
    return logsumexp(_joints(lm, x, everything + [y for y in _continuations(lm, n)[1] if len(y) < n]))


@wrong("E06.3", "early_ends_twice")
def marginal_by_enumeration_early_ends_twice_2(lm, x, n):
    going, ended = _continuations(lm, n)
    return logsumexp(_joints(lm, x, going + ended + ended))


@wrong(
    "E06.3",
    "early_ends_twice",
    "a continuation was cut off at its EOS, and then stood in the list several times: keep each one once, in a set",
)
def marginal_by_enumeration_early_ends_twice_3(lm, x, n):
    every = [list(y) for y in itertools.product(range(lm.vocabulary_size), repeat=n)]
    return logsumexp(_joints(lm, x, [y[: y.index(lm.eos) + 1] if lm.eos in y else y for y in every]))


@wrong(
    "E06.3",
    "early_ends_twice",
    "what has ended was counted again with one more EOS: after EOS comes EOS, the same text; count each text once",
)
def marginal_by_enumeration_early_ends_twice_4(lm, x, n):
    every = [y for k in range(1, n + 1) for y in itertools.product(range(lm.vocabulary_size), repeat=k)]
    return logsumexp(_joints(lm, x, [y for y in every if len(y) == n or y[-1] == lm.eos]))


@wrong("E06.3", "every_length_counted")
def marginal_by_enumeration_every_length_counted(lm, x, n):
    every = [y for k in range(1, n + 1) for y in itertools.product(range(lm.vocabulary_size), repeat=k)]
    return logsumexp(_joints(lm, x, every))


@wrong("E06.3", "conditionals_added_up")
def marginal_by_enumeration_conditionals_added_up(lm, x, n):
    going, ended = _continuations(lm, n)
    return logsumexp(lm.conditional_log_prob_ids([(x, y) for y in going + ended]))


@wrong("E06.3", "x_after_y")
def marginal_by_enumeration_x_after_y(lm, x, n):
    going, ended = _continuations(lm, n)
    return logsumexp(lm.log_prob_ids([[lm.bos, *y, *x[1:]] for y in going + ended]))


common(
    "E06.3",
    lambda lm, x, n: logsumexp(_all(lm, x, n)),
    "probability_for_log",
    "surprisal_for_log_prob",
    "bits_for_nats",
    "nothing_returned",
)


@wrong("E06.3", "sum_through_underflow")
def marginal_by_enumeration_sum_through_underflow(lm, x, n):
    with np.errstate(divide="ignore"):
        return float(np.log(np.exp(_all(lm, x, n)).sum()))


@wrong(
    "E06.3",
    "log_of_zero_raises",
    "the answer raised ValueError: an impossible x has a sum of 0, and math.log refuses it; return -math.inf",
)
def marginal_by_enumeration_log_of_zero_raises(lm, x, n):
    return math.log(math.fsum(math.exp(score) for score in _all(lm, x, n)))


@wrong("E06.3", "nan_for_zero")
def marginal_by_enumeration_nan_for_zero(lm, x, n):
    scores = _all(lm, x, n)
    return float(scores.max() + np.log(np.exp(scores - scores.max()).sum()))


@right("E06.3", "itertools.product: after EOS comes EOS, so every string that ends is in it once")
def marginal_by_enumeration_itertools_product_after_eos(lm, x, n):
    ys = itertools.product(range(lm.vocabulary_size), repeat=n)
    return logsumexp(lm.log_prob_ids([[*x, *y] for y in ys]))


@right("E06.3", "recursion over next_log_probs")
def marginal_by_enumeration_recursion_over_next_log_probs(lm, x, n):
    def rest(ids, left):
        if left == 0 or ids[-1] == lm.eos:
            return 0.0
        row = lm.next_log_probs(ids)
        return logsumexp([row[t] + rest([*ids, t], left - 1) for t in range(len(row)) if row[t] > -math.inf])

    return lm.log_prob_ids([x])[0] + rest(x, n)


@right("E06.3", "all tuples, cut off at EOS and kept once")
def marginal_by_enumeration_all_tuples_cut_off_at_eos(lm, x, n):
    every = itertools.product(range(lm.vocabulary_size), repeat=n)
    ys = {y[: y.index(lm.eos) + 1] if lm.eos in y else y for y in every}
    return logsumexp([lm.log_prob_ids([x + list(y)])[0] for y in ys])


@right("E06.3", "a stack of texts that still go on")
def marginal_by_enumeration_a_stack_of_texts_that_still_go(lm, x, n):
    total, stack = -math.inf, [list(x)]
    while stack:
        text = stack.pop()
        if text[-1] == lm.eos or len(text) == len(x) + n:
            total = np.logaddexp(total, lm.log_prob_ids([text])[0])
        else:
            stack += [[*text, token] for token in range(lm.vocabulary_size) if token != lm.bos]
    return total


@right("E06.3", "np.logaddexp, one y after the other")
def marginal_by_enumeration_np_logaddexp_one_y(lm, x, n):
    going, ended = _continuations(lm, n)
    return functools.reduce(np.logaddexp, (lm.log_prob_ids([x + y])[0] for y in ended + going), -math.inf)


@right("E06.3", "the chain rule, with no y at all: graded by its value")
def marginal_by_enumeration_the_chain_rule_with_no_y_at_all(lm, x, n):
    return lm.log_prob_ids([x])


@right("E06.3", "torch")
def marginal_by_enumeration_torch(lm, x, n):
    import torch

    return torch.logsumexp(torch.tensor(_all(lm, x, n), requires_grad=True), dim=0)


@right("E06.3", "its own logsumexp, with the largest taken out and the impossible handled")
def marginal_by_enumeration_its_own_logsumexp(lm, x, n):
    scores = [float(s) for s in _all(lm, x, n)]
    best = max(scores)
    return best if best == -math.inf else best + math.log(sum(math.exp(s - best) for s in scores))


@right("E06.3", "the toy's own list of continuations")
def marginal_by_enumeration_the_toys_own_list(lm, x, n):
    return logsumexp(lm.log_prob_ids(x + list(y) for y in lm.continuations(n)))


# --- E06.4 ----------------------------------------------------------------------------------------------------------


def _refuse(bad):
    if bad:
        raise ValueError("not possible")


def _undefined(joint, marginal):
    return math.isnan(joint) or math.isnan(marginal) or marginal == -math.inf


@wrong("E06.4", "no_tolerance")
def validate_no_tolerance(joint, marginal, tol=1e-9):
    _refuse(_undefined(joint, marginal) or joint > marginal)


@wrong("E06.4", "no_tolerance", "equal numbers were refused: y may be certain after x, so joint = marginal is legal")
def validate_no_tolerance_2(joint, marginal, tol=1e-9):
    _refuse(_undefined(joint, marginal) or joint >= marginal)


@wrong("E06.4", "no_tolerance", "equal numbers were refused where tol is 0: legal is what lies above by AT MOST tol")
def validate_no_tolerance_3(joint, marginal, tol=1e-9):
    _refuse(_undefined(joint, marginal) or joint >= marginal + tol)


@wrong("E06.4", "impossible_test_reversed")
def validate_impossible_test_reversed(joint, marginal, tol=1e-9):
    _refuse(_undefined(joint, marginal) or joint < marginal - tol)


@wrong("E06.4", "any_difference_refused")
def validate_any_difference_refused(joint, marginal, tol=1e-9):
    _refuse(_undefined(joint, marginal) or abs(joint - marginal) > tol)


@wrong("E06.4", "impossible_test_reversed")
def validate_impossible_test_reversed_2(joint, marginal, tol=1e-9):
    _refuse(_undefined(joint, marginal) or abs(joint) > abs(marginal) + tol)


@wrong("E06.4", "undefined_conditional_accepted")
def validate_undefined_conditional_accepted(joint, marginal, tol=1e-9):
    _refuse(math.isnan(joint) or math.isnan(marginal) or joint > marginal + tol)


@wrong("E06.4", "nan_accepted")
def validate_nan_accepted(joint, marginal, tol=1e-9):
    _refuse(marginal == -math.inf or joint > marginal + tol)


@wrong(
    "E06.4",
    "nan_accepted",
    "NaN or a marginal of -inf was accepted: both make every comparison useless, so ask for them first",
)
def validate_nan_accepted_2(joint, marginal, tol=1e-9):
    _refuse(joint > marginal + tol)


@wrong("E06.4", "nan_accepted")
def validate_nan_accepted_3(joint, marginal, tol=1e-9):
    _refuse(joint == math.nan or marginal == math.nan or marginal == -math.inf or joint > marginal + tol)


@wrong("E06.4", "impossible_y_refused")
def validate_impossible_y_refused(joint, marginal, tol=1e-9):
    _refuse(_undefined(joint, marginal) or joint == -math.inf or joint > marginal + tol)


@wrong("E06.4", "verdict_returned")
def validate_verdict_returned(joint, marginal, tol=1e-9):
    return not (_undefined(joint, marginal) or joint > marginal + tol)


@wrong("E06.4", "error_not_raised")
def validate_error_not_raised(joint, marginal, tol=1e-9):
    if _undefined(joint, marginal) or joint > marginal + tol:
        return ValueError("impossible")
    return None


@wrong("E06.4", "error_not_raised")
def validate_error_not_raised_2(joint, marginal, tol=1e-9):
    return AssertionError if _undefined(joint, marginal) or joint > marginal + tol else None


@wrong("E06.4", "everything_accepted")
def validate_everything_accepted(joint, marginal, tol=1e-9):
    return None


@wrong(
    "E06.4",
    "everything_accepted",
    "every pair was refused, the ordinary ones too: raise only where the joint lies above the marginal",
)
def validate_everything_accepted_2(joint, marginal, tol=1e-9):
    _refuse(True)


@wrong("E06.4", "wrong_exception")
def validate_wrong_exception(joint, marginal, tol=1e-9):
    if _undefined(joint, marginal) or joint > marginal + tol:
        raise Exception("impossible")


@wrong(
    "E06.4",
    "wrong_exception",
    "an error of another kind was raised: RuntimeError inherits neither from ValueError nor from AssertionError",
)
def validate_wrong_exception_2(joint, marginal, tol=1e-9):
    if _undefined(joint, marginal) or joint > marginal + tol:
        raise RuntimeError("impossible")


@wrong("E06.4", "tolerance_fixed")
def validate_tolerance_fixed(joint, marginal, tol=1e-9):
    _refuse(_undefined(joint, marginal) or joint > marginal + 1e-9)


@wrong("E06.4", "tolerance_relative")
def validate_tolerance_relative(joint, marginal, tol=1e-9):
    _refuse(_undefined(joint, marginal) or joint > marginal + tol * abs(marginal))


@wrong("E06.4", "tolerance_relative")
def validate_tolerance_relative_2(joint, marginal, tol=1e-9):
    _refuse(_undefined(joint, marginal) or (joint > marginal and not math.isclose(joint, marginal, abs_tol=tol)))


@wrong("E06.4", "threshold_too_wide")
def validate_threshold_too_wide(joint, marginal, tol=1e-9):
    _refuse(_undefined(joint, marginal) or (joint > marginal + tol and not np.isclose(joint, marginal)))


@wrong(
    "E06.4",
    "through_the_probability",
    "the probabilities were compared, and those of long texts are both 0: compare the logs",
)
def validate_through_the_probability(joint, marginal, tol=1e-9):
    _refuse(_undefined(joint, marginal) or math.exp(joint) > math.exp(marginal + tol))


@right("E06.4", "assert, the right way round")
def validate_assert_the_right_way_round(joint, marginal, tol=1e-9):
    assert marginal > -math.inf
    assert joint <= marginal + tol


@right("E06.4", "a class of its own, and a verdict beside it")
def validate_a_class_of_its_own_and_a_verdict(joint, marginal, tol=1e-9):
    class ImpossibleScore(ValueError):
        pass

    if _undefined(joint, marginal) or joint - marginal > tol:
        raise ImpossibleScore(joint, marginal)
    return True


@right("E06.4", "by sizes: surprisals turn the comparison round")
def validate_by_sizes_surprisals_turn(joint, marginal, tol=1e-9):
    surprisal, of_x = -joint, -marginal
    if not (of_x < math.inf and surprisal >= of_x - tol):
        raise AssertionError("y would have a negative surprisal")


@right("E06.4", "by the difference: it is NaN where the conditional is undefined")
def validate_by_the_difference_it_is_nan(joint, marginal, tol=1e-9):
    with np.errstate(invalid="ignore"):
        conditional = np.float64(joint) - np.float64(marginal)
    if np.isnan(conditional) or conditional > tol:
        raise ValueError("Pr(y|x) is undefined or above 1")


@right("E06.4", "torch")
def validate_torch(joint, marginal, tol=1e-9):
    import torch

    joint, marginal = (torch.tensor(v, dtype=torch.float64) for v in (joint, marginal))
    if not torch.isfinite(marginal) or torch.isnan(joint) or bool(joint > marginal + tol):
        raise ValueError("impossible")


# --- E06.5: boundary, dropout, eos, mean ----------------------------------------------------------------------------


def _causes(*names):
    return dict(zip("ABCD", names, strict=True))


wrong_value("E06.5", _causes(*["model is broken"] * 4), "model_is_broken")
wrong_value("E06.5", _causes(*["mean"] * 4), "mean_for_every_case")
wrong_value("E06.5", _causes(*["dropout"] * 4), "dropout_for_every_case")
wrong_value("E06.5", _causes("eos", "dropout", "boundary", "mean"), "eos_and_boundary_swapped")
wrong_value("E06.5", _causes("dropout", "boundary", "eos", "mean"), "dropout_and_boundary_swapped")
right_value("E06.5", _causes("re-tokenised", "train mode", "EOS only on x", "averaged"), "synonyms")
right_value("E06.5", _causes("Tokenization", "training mode", "</s>", "mean-reduction"), "other spellings")
right_value("E06.5", _causes("BOUNDARY", "DROPOUT", "EOS", "MEAN"), "capital letters")
right_value("E06.5", ("boundary", "dropout", "eos", "mean"), "a tuple in order")
right_value(
    "E06.5", {"d": "mean reduction", "c": "eos_on_x", "b": "dropout on", "a": "retokenised boundary"}, "any order"
)

# --- E06.6 ----------------------------------------------------------------------------------------------------------

wrong_value("E06.6", -3.5 - -5.2, "means_subtracted")
wrong_value("E06.6", 4 * -3.5, "joint_total_for_conditional")
wrong_value("E06.6", 2 * -5.2, "marginal_total_for_conditional")
wrong_value("E06.6", 4 * -3.5 + 2 * -5.2, "totals_added")
wrong_value("E06.6", (4 * -3.5 - 2 * -5.2) / 4, "mean_over_the_joint")
wrong_value("E06.6", (4 * -3.5 - 2 * -5.2) / 2, "mean_over_y")
wrong_value("E06.6", 2 * (-3.5 - -5.2), "means_scaled_by_y")
wrong_value("E06.6", 4 * (-3.5 - -5.2), "means_scaled_by_y")
wrong_value("E06.6", 2 * -5.2 - 4 * -3.5, "marginal_minus_joint")
wrong_value("E06.6", math.exp(-3.6), "probability_for_log")
wrong_value("E06.6", -3.6 / math.log(2), "bits_for_nats")
right_value("E06.6", 4 * -3.5 - 2 * -5.2, "-3.5999999999999996, in floating point")
right_value("E06.6", -3.6, "in the head")
right_value("E06.6", np.sum([-3.5] * 4) - np.sum([-5.2] * 2), "numpy")
right_value("E06.6", Fraction("-14") + Fraction("10.4"), "fractions")

# --- E06.7 ----------------------------------------------------------------------------------------------------------


def _five(*answers):
    return dict(zip("12345", answers, strict=True))


_RIGHT = ("joint", "conditional", "marginal", "conditional", "C")
wrong_value("E06.7", _five("joint", "joint", *_RIGHT[2:]), "response_only_is_joint")
wrong_value("E06.7", _five("conditional", *_RIGHT[1:]), "all_tokens_is_conditional")
wrong_value("E06.7", _five("joint", "conditional", "conditional", "conditional", "C"), "prompt_only_is_conditional")
wrong_value("E06.7", _five("joint", "conditional", "marginal", "joint", "C"), "difference_is_joint")
wrong_value("E06.7", _five("conditional", "joint", *_RIGHT[2:]), "all_tokens_is_conditional")
wrong_value("E06.7", _five(*_RIGHT[:4], "A"), "joint_is_conditional")
wrong_value("E06.7", _five(*_RIGHT[:4], "B"), "joint_is_product_of_marginals")
wrong_value("E06.7", _five(*_RIGHT[:4], "D"), "joint_is_sum")
wrong_value("E06.7", _five(*_RIGHT[:4], "E"), "joint_is_reversed")
right_value("E06.7", _five("J", "C", "M", "C", "c"), "first letters")
right_value("E06.7", {1: "JOINT", 2: "cond", 3: "marg.", 4: "Conditional", 5: "(C)"}, "numbers as keys, short names")
right_value("E06.7", list(_RIGHT), "a list in order")
right_value("E06.7", _five("log Pr([x, y])", "log Pr(y|x)", "Pr(x)", "p(y | x)", "C"), "formulas")
right_value("E06.7", _five("joint objective", "the conditional", "marginal of x", "conditional loss", "C."), "in words")

# --- E06.8 ----------------------------------------------------------------------------------------------------------

_CHOICES = {
    "1": "joint",
    "2": "conditional",
    "3": "joint",
    "4": "conditional",
    "gap": "B",
    "less_probable": "P",
    "worse_per_token": "Q",
    "nats_per_token": (-1.0, -4.0),
}
wrong_value("E06.8", _CHOICES | {"4": "joint"}, "summariser_is_joint")
wrong_value("E06.8", _CHOICES | {"2": "joint"}, "summariser_is_joint")
wrong_value("E06.8", _CHOICES | {"1": "conditional"}, "pretraining_is_conditional")
wrong_value("E06.8", _CHOICES | {"3": "conditional"}, "detector_is_conditional")
wrong_value("E06.8", _CHOICES | {"gap": "A"}, "gap_blamed_on_x")
wrong_value("E06.8", _CHOICES | {"gap": "C"}, "gap_blamed_on_model")
wrong_value("E06.8", _CHOICES | {"gap": "D"}, "gap_makes_y_likely")
wrong_value("E06.8", _CHOICES | {"gap": "E"}, "gap_is_independence")
wrong_value("E06.8", _CHOICES | {"less_probable": "Q"}, "fewer_nats_is_less_probable")
wrong_value("E06.8", _CHOICES | {"worse_per_token": "P"}, "per_token_by_total")
wrong_value("E06.8", _CHOICES | {"less_probable": "Q", "worse_per_token": "P"}, "fewer_nats_is_less_probable")
wrong_value("E06.8", _CHOICES | {"nats_per_token": (1.0, 4.0)}, "per_token_numbers_wrong")
wrong_value("E06.8", _CHOICES | {"nats_per_token": (-40, -12)}, "per_token_numbers_wrong")
wrong_value("E06.8", _CHOICES | {"nats_per_token": (-4.0, -1.0)}, "per_token_numbers_wrong")
right_value("E06.8", dict(reversed(_CHOICES.items())), "another order")
right_value("E06.8", _CHOICES | {"3": "marginal"}, "the detector needs the marginal")
right_value("E06.8", _CHOICES | {"1": "J", "2": "C", "3": "j", "4": "cond", "gap": "b"}, "letters")
right_value("E06.8", _CHOICES | {"less_probable": "-40", "worse_per_token": -12}, "named by their totals")
right_value("E06.8", _CHOICES | {"nats_per_token": {"P": -1, "Q": -4}}, "a dict of values per token")
right_value("E06.8", {(int(k) if k.isdigit() else k): v for k, v in _CHOICES.items()}, "numbers as keys")
right_value("E06.8", _CHOICES | {"nats_per_token": np.array([-40, -12]) / np.array([40, 3])}, "an array")

# --- automatic mutants that are no mistakes -------------------------------------------------------------------------

_SAME_SUM = "looks ahead one token fewer: the joints add up to Pr(x) for every n"
_BOS = "leaves out only a y with BOS in it, which has probability 0"
MUTANTS.equivalent = {
    "E06.3": {
        "for _ in range(n) -> for _ in list(range(n))[1:]": _SAME_SUM,
        "for _ in range(n) -> for _ in list(range(n))[:-1]": _SAME_SUM,
        "for token in range(lm.vocabulary_size) -> for token in list(range(lm.vocabulary_size))[1:]": _BOS,
        "for y in longer if y[-1] == lm.eos -> for y in list(longer)[1:] if y[-1] == lm.eos": _BOS,
        "for y in longer if y[-1] != lm.eos -> for y in list(longer)[1:] if y[-1] != lm.eos": _BOS,
        "for y in going + ended -> for y in list(going + ended)[1:]": _BOS,
    }
}
