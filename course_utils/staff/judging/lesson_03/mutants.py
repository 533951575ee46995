"""Wrong answers to lesson 03 that its judge has to name, and unusual right ones that it has to accept."""

from __future__ import annotations

import math
from decimal import Context, Decimal
from fractions import Fraction

import matplotlib.pyplot as plt
import numpy as np

from course_utils.log_space import round_to_bfloat16
from course_utils.staff.judging.mutants import Mutants

MUTANTS = Mutants()
common, wrong, right = MUTANTS.common, MUTANTS.wrong, MUTANTS.right
wrong_value, right_value = MUTANTS.wrong_value, MUTANTS.right_value

# --- E03.1 ----------------------------------------------------------------------------------------------------------

wrong_value("E03.1", -1.5 * 2.0 * 1.2, "product_of_logs")
wrong_value("E03.1", (-1.5 - 2.0 - 1.2) / 3, "mean_of_logs")
wrong_value("E03.1", math.exp(-4.7), "probability_for_log")
wrong_value("E03.1", 4.7, "surprisal_for_log_prob")
wrong_value("E03.1", 3.6, "product_of_logs")
wrong_value("E03.1", -4.7 / math.log(2), "bits_for_nats")
wrong_value("E03.1", -4.7 / math.log(10), "log10_for_ln")
wrong_value("E03.1", math.log(math.exp(-1.5) + math.exp(-2.0) + math.exp(-1.2)), "log_of_sum")
wrong_value("E03.1", -2.0 - 1.2, "first_token_dropped", "log Pr(the) is missing: it belongs to the sum too")
wrong_value("E03.1", -1.5 - 2.0, "last_token_dropped", "log Pr(sat | the cat) is missing: it belongs to the sum too")
wrong_value("E03.1", -1.2, "last_only", "that is the last term alone; the sum of all three is asked for")
wrong_value(
    "E03.1",
    -5.7,
    "start_token_scored",
    "there is no start symbol in this model, and one would add log 1 = 0: only the three terms count",
)
right_value("E03.1", -4.699999999999999, "the last digit is another one")
right_value("E03.1", Fraction(-47, 10), "an exact fraction")
right_value("E03.1", Decimal("-4.7"), "a decimal")
right_value("E03.1", np.sum([-1.5, -2.0, -1.2]), "a numpy scalar")
right_value("E03.1", np.float32(-4.7), "single precision")
right_value("E03.1", math.log(math.exp(-1.5) * math.exp(-2.0) * math.exp(-1.2)), "through the probabilities")

# --- E03.2 ----------------------------------------------------------------------------------------------------------

_LOG = math.log(0.01)
wrong_value("E03.2", (math.log10(0.01), math.log10(0.1) + math.log10(0.5) + math.log10(0.2)), "log10_for_ln")
wrong_value("E03.2", (math.log2(0.01), math.log2(0.1) + math.log2(0.5) + math.log2(0.2)), "bits_for_nats")
wrong_value("E03.2", (0.01, 0.01), "probability_for_log")
wrong_value("E03.2", (-_LOG, -_LOG), "surprisal_for_log_prob")
wrong_value(
    "E03.2",
    (0.01, _LOG),
    "probability_for_log",
    "the first number is the product; the task asks for its logarithm",
)
wrong_value(
    "E03.2",
    (_LOG, math.log(0.1 + 0.5 + 0.2)),
    "log_of_sum",
    "the second number is the log of a sum; it should be the sum of the logs",
)
wrong_value(
    "E03.2",
    (math.log(0.1 + 0.5 + 0.2), _LOG),
    "log_of_sum",
    "the first number is the log of a sum; it should be the log of the product",
)
wrong_value(
    "E03.2",
    (_LOG, math.log(0.1) * math.log(0.5) * math.log(0.2)),
    "product_of_logs",
    "the second number is the product of the logs; it should be their sum",
)
wrong_value(
    "E03.2", (_LOG, _LOG / 3), "mean_of_logs", "the second number is the mean of the logs; it should be their sum"
)
right_value("E03.2", [_LOG, _LOG], "a list")
right_value("E03.2", np.array([_LOG, np.log([0.1, 0.5, 0.2]).sum()]), "an array")
right_value("E03.2", (np.log(np.prod([0.2, 0.5, 0.1])), math.fsum(map(math.log, (0.2, 0.5, 0.1)))), "another order")
right_value("E03.2", {"log of product": _LOG, "sum of logs": _LOG}, "a dict")
right_value("E03.2", np.log(np.float32([0.01, 0.01])), "single precision")

# --- E03.3 ----------------------------------------------------------------------------------------------------------

ROUND = {"float64": np.float64, "float32": np.float32, "float16": np.float16, "bfloat16": round_to_bfloat16}
TINY = {"float64": 2.0**-1022, "float32": 2.0**-126, "float16": 2.0**-14, "bfloat16": 2.0**-126}
EPS = {"float64": 2.0**-52, "float32": 2.0**-23, "float16": 2.0**-10, "bfloat16": 2.0**-7}
HALF_OF_SMALLEST = {"float64": 1075, "float32": 150, "float16": 25, "bfloat16": 134}  # as exponents of 2


def _steps(p, rounded, stop=lambda product: product == 0, factor=None):
    n, product, factor = 0, 1.0, rounded(p) if factor is None else factor
    while not stop(product):
        n, product = n + 1, rounded(product * factor)
    return n


@wrong("E03.3", "normal_minimum_for_zero")
def first_underflow_normal_minimum_for_zero(p, dtype):
    return _steps(p, float, lambda product: product < TINY[dtype])


@wrong("E03.3", "last_nonzero_counted")
def first_underflow_last_nonzero_counted(p, dtype):
    return _steps(p, ROUND[dtype]) - 1


@wrong("E03.3", "counted_once_too_often")
def first_underflow_counted_once_too_often(p, dtype):
    return _steps(p, ROUND[dtype]) + 1


@wrong("E03.3", "one_format_for_all")
def first_underflow_one_format_for_all(p, dtype):
    return _steps(p, float)


@wrong("E03.3", "bfloat16_as_float32")
def first_underflow_bfloat16_as_float32(p, dtype):
    return _steps(p, ROUND["float32" if dtype == "bfloat16" else dtype])


@wrong("E03.3", "epsilon_for_zero")
def first_underflow_epsilon_for_zero(p, dtype):
    return _steps(p, float, lambda product: product < EPS[dtype])


@wrong("E03.3", "epsilon_for_zero")
def first_underflow_epsilon_for_zero_2(p, dtype):
    return _steps(p, float, lambda product: ROUND[dtype](1 + product) == 1)


@wrong("E03.3", "truncated_for_rounded")
def first_underflow_truncated_for_rounded(p, dtype):
    def cut(x):
        if dtype == "bfloat16":
            return (np.float32(x).view(np.uint32) & np.uint32(0xFFFF0000)).view(np.float32)
        return ROUND[dtype](x)

    return _steps(p, cut)


@wrong("E03.3", "factor_ignored")
def first_underflow_factor_ignored(p, dtype):
    return {"float64": 324, "float32": 46, "float16": 8, "bfloat16": 41}[dtype]


@wrong("E03.3", "smallest_number_for_zero")
def first_underflow_smallest_number_for_zero(p, dtype):
    return _steps(p, float, lambda product: product < 2.0 ** (1 - HALF_OF_SMALLEST[dtype]))


@wrong("E03.3", "one_format_for_all", "that is the answer for float32: round to the format that dtype names")
def first_underflow_one_format_for_all_2(p, dtype):
    return _steps(p, np.float32)


@wrong("E03.3", "bfloat16_missing")
def first_underflow_bfloat16_missing(p, dtype):
    return _steps(p, np.dtype(dtype).type)


@wrong("E03.3", "normal_minimum_for_zero")
def first_underflow_normal_minimum_for_zero_2(p, dtype):
    return math.ceil(math.log(TINY[dtype]) / math.log(p))


@right("E03.3", "a formula in logs")
def first_underflow_a_formula_in_logs(p, dtype):
    return math.ceil(HALF_OF_SMALLEST[dtype] * math.log(2) / -math.log(p) - 1e-9)


@right("E03.3", "only the products are rounded")
def first_underflow_only_the_products_are_rounded(p, dtype):
    return _steps(p, ROUND[dtype], factor=p)


@right("E03.3", "np.cumprod, and bfloat16 by hand")
def first_underflow_np_cumprod_and_bfloat16_by_hand(p, dtype):
    if dtype == "bfloat16":
        return float(_steps(p, ROUND[dtype]))
    return np.argmax(np.cumprod(np.full(1100, p, dtype=dtype), dtype=dtype) == 0) + 1


@right("E03.3", "torch has all four formats")
def first_underflow_torch_has_all_four_formats(p, dtype):
    import torch

    one = torch.ones((), dtype=getattr(torch, dtype))
    n, product = 0, one
    while product > 0:
        n, product = n + 1, product * (one * p)
    return n


@right("E03.3", "exact fractions against half of the smallest number")
def first_underflow_exact_fractions_against_half(p, dtype):
    return next(n for n in range(1, 2000) if Fraction(str(p)) ** n <= Fraction(1, 2 ** HALF_OF_SMALLEST[dtype]))


# --- E03.4 ----------------------------------------------------------------------------------------------------------


def _log(p):
    return math.log(p) if p > 0 else -math.inf


def _sum_of_logs(probs):
    return sum(map(_log, probs))


@wrong("E03.4", "log_of_underflowed_product")
def sequence_log_prob_log_of_underflowed_product(probs):
    return np.log(np.prod(probs))


@wrong("E03.4", "log_of_underflowed_product", "math.log(0.0) raises: the product has underflowed; add up logs instead")
def sequence_log_prob_log_of_underflowed_product_2(probs):
    return math.log(math.prod(probs))


common(
    "E03.4",
    _sum_of_logs,
    "log10_for_ln",
    "bits_for_nats",
    "surprisal_for_log_prob",
    "nothing_returned",
    "mean_of_logs",
    count=lambda probs: max(len(probs), 1),
)


@wrong("E03.4", "probability_for_log")
def sequence_log_prob_probability_for_log(probs):
    return math.prod(probs)


@wrong("E03.4", "log_of_sum")
def sequence_log_prob_log_of_sum(probs):
    return _log(sum(probs)) if probs else 0.0


@wrong("E03.4", "product_of_logs")
def sequence_log_prob_product_of_logs(probs):
    return math.prod(map(_log, probs)) if probs else 0.0


@wrong("E03.4", "probabilities_added_for_logs")
def sequence_log_prob_probabilities_added_for_logs(probs):
    return sum(probs)


@wrong("E03.4", "floor_for_zero")
def sequence_log_prob_floor_for_zero(probs):
    return sum(math.log(max(p, 1e-12)) for p in probs)


@wrong("E03.4", "floor_for_zero")
def sequence_log_prob_floor_for_zero_2(probs):
    return sum(math.log(p + 1e-300) for p in probs)


@wrong(
    "E03.4", "floor_for_zero", "the small constant changes every probability, and an impossible token becomes possible"
)
def sequence_log_prob_floor_for_zero_3(probs):
    return sum(math.log(p + 1e-8) for p in probs)


@wrong(
    "E03.4", "floor_for_zero", "np.nan_to_num makes a finite number of -inf: what is impossible has to stay impossible"
)
def sequence_log_prob_floor_for_zero_4(probs):
    return np.nan_to_num(np.log(np.array(probs, dtype=float))).sum()


@wrong("E03.4", "floor_for_zero", "a large negative number is not -inf: a long possible sequence may well lie below it")
def sequence_log_prob_floor_for_zero_5(probs):
    return sum(math.log(p) if p > 0 else -1e9 for p in probs)


@wrong("E03.4", "wider_format")
def sequence_log_prob_wider_format(probs):
    narrow, product = Context(prec=30, Emin=-4950, Emax=4950), Decimal(1)  # the range of an extended double
    for p in probs:
        product = narrow.multiply(product, Decimal(p))
    return float(product.ln()) if product else -math.inf


@wrong("E03.4", "impossible_token_skipped")
def sequence_log_prob_impossible_token_skipped(probs):
    return sum(math.log(p) for p in probs if p > 0)


@wrong("E03.4", "logarithm_of_zero", "math.log(0) raises an error: an impossible token has the log -inf")
def sequence_log_prob_logarithm_of_zero(probs):
    return sum(math.log(p) for p in probs)


@wrong("E03.4", "first_token_dropped", "the log of the first factor is missing: it belongs to the sum too")
def sequence_log_prob_first_token_dropped(probs):
    return sum(map(_log, probs[1:]))


@wrong("E03.4", "last_token_dropped", "the log of the last factor is missing: it belongs to the sum too")
def sequence_log_prob_last_token_dropped(probs):
    return sum(map(_log, probs[:-1]))


@wrong("E03.4", "last_only", "that is the log of the last factor alone; the logs of all of them are added")
def sequence_log_prob_last_only(probs):
    return _log(probs[-1]) if probs else 0.0


@wrong("E03.4", "empty_sequence_undefined")
def sequence_log_prob_empty_sequence_undefined(probs):
    return sum(map(_log, probs)) if probs else -math.inf


@wrong("E03.4", "empty_sequence_undefined")
def sequence_log_prob_empty_sequence_undefined_2(probs):
    logs = [_log(p) for p in probs]
    return len(probs) * np.mean(logs)


@wrong(
    "E03.4", "empty_sequence_undefined", "the empty list gives an error; it has to give 0, the log of the empty product"
)
def sequence_log_prob_empty_sequence_undefined_3(probs):
    total = _log(probs[0])
    for p in probs[1:]:
        total += _log(p)
    return total


@wrong("E03.4", "wrong_shape", "that is the log of each factor; the task asks for their sum, one number")
def sequence_log_prob_wrong_shape(probs):
    return [_log(p) for p in probs]


@right("E03.4", "math.fsum and a branch for 0")
def sequence_log_prob_math_fsum_and_a_branch_for_0(probs):
    return 0.0 if not probs else -math.inf if 0 in probs else math.fsum(math.log(p) for p in probs)


@right("E03.4", "numpy, with its warning")
def sequence_log_prob_numpy_with_its_warning(probs):
    return np.log(probs).sum()


@right("E03.4", "numpy under errstate")
def sequence_log_prob_numpy_under_errstate(probs):
    with np.errstate(divide="ignore"):
        return np.sum(np.log(np.asarray(probs, dtype=float)))


@right("E03.4", "a torch tensor with gradient")
def sequence_log_prob_a_torch_tensor_with_gradient(probs):
    import torch

    return torch.tensor(probs, dtype=torch.float64, requires_grad=True).log().sum()


@right("E03.4", "single precision")
def sequence_log_prob_single_precision(probs):
    return np.log(np.array(probs, dtype=np.float32)).sum()


@right("E03.4", "a loop")
def sequence_log_prob_a_loop(probs):
    total = 0
    for p in probs:
        if p == 0:
            return float("-inf")
        total = total + math.log(p)
    return total


@right("E03.4", "the product as mantissa and exponent")
def sequence_log_prob_the_product_as_mantissa(probs):
    mantissa, exponent = 1.0, 0
    for p in probs:
        mantissa, shift = math.frexp(mantissa * p)
        exponent += shift
    return math.log(mantissa) + exponent * math.log(2) if mantissa else -math.inf


@right("E03.4", "logs to base 2, and the unit changed at the end")
def sequence_log_prob_logs_to_base_2_and_the_unit(probs):
    return sum(math.log2(p) if p else -math.inf for p in probs) * math.log(2)


@right("E03.4", "np.einsum over the logs")
def sequence_log_prob_np_einsum_over_the_logs(probs):
    return np.einsum("i->", np.log(np.array(probs, dtype=float)))


# --- E03.5 ----------------------------------------------------------------------------------------------------------


def _first_best(scores):
    scores = [float(score) for score in scores]
    return scores.index(max(scores))


TIE = "the products underflow to 0 and tie, so that the first one wins: take the log of each factor and add"


@wrong("E03.5", "log_of_underflowed_product", TIE)
def best_log_of_underflowed_product(candidates):
    return _first_best(np.log(np.prod(probs)) for probs in candidates)


@wrong("E03.5", "log_of_underflowed_product", TIE)
def best_log_of_underflowed_product_2(candidates):
    return int(np.argmax([math.prod(probs) for probs in candidates]))


@wrong("E03.5", "constant_beside_product")
def best_constant_beside_product(candidates):
    return _first_best(np.log(np.prod(probs) + 1e-300) for probs in candidates)


@wrong("E03.5", "wider_format")
def best_wider_format(candidates):
    products = [Context(prec=30, Emin=-4950, Emax=4950).create_decimal(1) for _ in candidates]
    narrow = Context(prec=30, Emin=-4950, Emax=4950)  # the range of an extended double, on every machine
    for i, probs in enumerate(candidates):
        for p in probs:
            products[i] = narrow.multiply(products[i], Decimal(p))
    return products.index(max(products))


@wrong("E03.5", "mean_for_ranking")
def best_mean_for_ranking(candidates):
    return _first_best(np.mean(probs) for probs in candidates)


@wrong("E03.5", "length_normalised")
def best_length_normalised(candidates):
    return _first_best(_sum_of_logs(probs) / len(probs) for probs in candidates)


@wrong("E03.5", "length_normalised")
def best_length_normalised_2(candidates):
    return _first_best(math.prod(p ** (1 / len(probs)) for p in probs) for probs in candidates)


@wrong(
    "E03.5",
    "sum_for_product",
    "that ranks by the sum of the probabilities; the most probable one has the largest product",
)
def best_sum_for_product(candidates):
    return _first_best(math.fsum(probs) for probs in candidates)


@wrong("E03.5", "smallest_factor", "that compares the smallest factors only; all of them count")
def best_smallest_factor(candidates):
    return _first_best(min(probs) for probs in candidates)


@wrong("E03.5", "last_only", "that compares the last tokens only; all of them count")
def best_last_only(candidates):
    return _first_best(probs[-1] for probs in candidates)


@wrong("E03.5", "first_only", "that compares the first tokens only; all of them count")
def best_first_only(candidates):
    return _first_best(probs[0] for probs in candidates)


@wrong("E03.5", "score_for_index")
def best_score_for_index(candidates):
    return max(map(_sum_of_logs, candidates))


@wrong("E03.5", "least_probable")
def best_least_probable(candidates):
    scores = list(map(_sum_of_logs, candidates))
    return scores.index(min(scores))


@wrong("E03.5", "shortest_wins")
def best_shortest_wins(candidates):
    return min(range(len(candidates)), key=lambda i: len(candidates[i]))


@wrong("E03.5", "logarithm_of_zero", "math.log(0) raises an error: a candidate with a 0 in it has the score -inf")
def best_logarithm_of_zero(candidates):
    return _first_best(sum(math.log(p) for p in probs) for probs in candidates)


@wrong(
    "E03.5", "impossible_token_skipped", "a candidate with a 0 in it is impossible: its log, -inf, belongs in the sum"
)
def best_impossible_token_skipped(candidates):
    return _first_best(sum(math.log(p) for p in probs if p > 0) for probs in candidates)


@wrong("E03.5", "zip_cuts_to_shortest")
def best_zip_cuts_to_shortest(candidates):
    n = min(map(len, candidates))
    return _first_best(_sum_of_logs(probs[:n]) for probs in candidates)


@right("E03.5", "sums of logs in numpy")
def best_sums_of_logs_in_numpy(candidates):
    return np.argmax([np.log(probs).sum() for probs in candidates])


@right("E03.5", "logs to base 10, which rank alike")
def best_logs_to_base_10_which_rank_alike(candidates):
    return max(range(len(candidates)), key=lambda i: sum(math.log10(p) if p else -math.inf for p in candidates[i]))


@right("E03.5", "Decimal, with its wide exponent")
def best_decimal_with_its_wide_exponent(candidates):
    wide = Context(prec=30, Emin=-999999, Emax=999999)
    products = []
    for probs in candidates:
        product = Decimal(1)
        for p in probs:
            product = wide.multiply(product, Decimal(p))
        products.append(product)
    return products.index(max(products))


@right("E03.5", "mantissa and exponent")
def best_mantissa_and_exponent(candidates):
    def scaled(probs):
        mantissa, exponent = 1.0, 0
        for p in probs:
            mantissa, shift = math.frexp(mantissa * p)
            exponent += shift
        return (exponent, mantissa) if mantissa else (-math.inf, 0.0)

    return max(range(len(candidates)), key=lambda i: scaled(candidates[i]))


@right("E03.5", "exact whole numbers")
def best_exact_whole_numbers(candidates):
    parts = [[p.as_integer_ratio() for p in probs] for probs in candidates]
    tops = [math.prod(top for top, _ in ratios) for ratios in parts]
    bottoms = [math.prod(bottom for _, bottom in ratios) for ratios in parts]
    leader = 0
    for i in range(1, len(candidates)):
        if tops[i] * bottoms[leader] > tops[leader] * bottoms[i]:
            leader = i
    return leader


@right("E03.5", "torch")
def best_torch(candidates):
    import torch

    return torch.stack([torch.tensor(probs, dtype=torch.float64).log().sum() for probs in candidates]).argmax()


@right("E03.5", "the smallest surprisal")
def best_the_smallest_surprisal(candidates):
    losses = [-_sum_of_logs(probs) for probs in candidates]
    return losses.index(min(losses))


# --- E03.6 ----------------------------------------------------------------------------------------------------------


def _answers(reason="C", formula="B", witness=([0.1] * 60, [0.2] * 80)):
    return {"reason": reason, "formula": formula, "witness": witness}


wrong_value("E03.6", _answers(reason="A"), "speed_for_stability")
wrong_value("E03.6", _answers(reason="B"), "logs_improve_the_model")
wrong_value("E03.6", _answers(reason="D"), "logs_change_the_ranking")
wrong_value("E03.6", _answers(reason="E"), "logs_normalise_length")
wrong_value("E03.6", _answers(reason="F"), "logs_are_positive")
wrong_value("E03.6", _answers(formula="A"), "log_of_sum")
wrong_value("E03.6", _answers(formula="C"), "product_of_logs")
wrong_value("E03.6", _answers(formula="D"), "probabilities_added_for_logs")
wrong_value("E03.6", _answers(formula="E"), "context_dropped")
wrong_value("E03.6", _answers(witness=([0.1] * 60, [0.1] * 60)), "witness_is_equal_in_log")
wrong_value("E03.6", _answers(witness=([0.1] * 100, [0.01] * 50)), "witness_is_equal_in_log")
wrong_value("E03.6", _answers(witness=([0.1] * 60 + [0.2] * 9, [0.2] * 9 + [0.1] * 60)), "witness_is_equal_in_log")
wrong_value("E03.6", _answers(witness=([0.1] * 40, [0.2] * 60)), "witness_has_not_underflowed")
wrong_value("E03.6", _answers(witness=([0.9, 0.8], [0.7, 0.6])), "witness_has_not_underflowed")
wrong_value("E03.6", _answers(witness=([0.1] * 60, [0.9] * 200)), "witness_has_not_underflowed")
wrong_value(
    "E03.6",
    _answers(witness=([0.0, 0.5], [0.2] * 80)),
    "witness_holds_zero",
)
wrong_value(
    "E03.6",
    _answers(witness=([-2.3] * 60, [-1.6] * 80)),
    "logs_for_probabilities",
    "witness: those are log-probabilities; the two lists hold probabilities, numbers above 0 and at most 1",
)
right_value("E03.6", ("c", "b", [[0.1] * 60, [0.2] * 80]), "a tuple, small letters")
right_value(
    "E03.6", _answers("(C)", "B.", [[1e-30, 1e-30], [1e-25, 1e-25]]), "letters with brackets and dots, short lists"
)
right_value("E03.6", _answers(witness=np.array([[0.1] * 60, [0.11] * 60])), "an array with two rows")
right_value("E03.6", _answers(witness=(np.full(60, 0.1), np.full(99, 0.05))), "two arrays")
right_value("E03.6", _answers(witness={"a": [0.1] * 60, "b": [0.1] * 61}), "a dict of two lists")
right_value("E03.6", _answers(witness=([Fraction(1, 10)] * 60, [Fraction(1, 9)] * 60)), "fractions")
right_value("E03.6", _answers(witness=([0.5] * 150, [0.5] * 151)), "just over the cliff")
right_value("E03.6", _answers(witness=([1e-50], [1e-60])), "one token each")
right_value("E03.6", _answers(witness=([0.9] * 1200, [0.8] * 800)), "products that are 0 by size, not step by step")

# --- E03.7 ----------------------------------------------------------------------------------------------------------


def _product(p, n, dtype):
    rounded, product, products = ROUND[dtype], 1.0, []
    for _ in range(n):
        product = rounded(product * rounded(p))
        products.append(float(product))
    return np.array(products)


def _two(scale="log"):
    _, (ax_product, ax_log) = plt.subplots(2)
    ax_product.set_yscale(scale)
    return ax_product, ax_log


def _right_plot(p, n, dtype):
    ax_product, ax_log = _two()
    ax_product.plot(range(1, n + 1), _product(p, n, dtype))
    ax_log.plot(range(1, n + 1), np.arange(1, n + 1) * math.log(p))
    return ax_product, ax_log


@wrong("E03.7", "no_product_line")
def plot_underflow_no_product_line(p, n, dtype="float32"):
    ax_product, ax_log = _two()
    ax_product.axvline(10)
    ax_log.plot(range(1, n + 1), np.arange(1, n + 1) * math.log(p))
    return ax_product, ax_log


@wrong("E03.7", "product_on_linear_axis")
def plot_underflow_product_on_linear_axis(p, n, dtype="float32"):
    ax_product, ax_log = _two("linear")
    ax_product.plot(range(1, n + 1), _product(p, n, dtype))
    ax_log.plot(range(1, n + 1), np.arange(1, n + 1) * math.log(p))
    return ax_product, ax_log


@wrong("E03.7", "log_of_underflowed_product")
def plot_underflow_log_of_underflowed_product(p, n, dtype="float32"):
    ax_product, ax_log = _two()
    ax_product.plot(range(1, n + 1), _product(p, n, dtype))
    ax_log.plot(range(1, n + 1), np.log(_product(p, n, dtype)))
    return ax_product, ax_log


@wrong("E03.7", "product_never_rounded")
def plot_underflow_product_never_rounded(p, n, dtype="float32"):
    ax_product, ax_log = _two()
    ax_product.plot(range(1, n + 1), p ** np.arange(1, n + 1))
    ax_log.plot(range(1, n + 1), np.arange(1, n + 1) * math.log(p))
    return ax_product, ax_log


@wrong("E03.7", "plot_starts_at_zero")
def plot_underflow_plot_starts_at_zero(p, n, dtype="float32"):
    ax_product, ax_log = _two()
    ax_product.plot(_product(p, n, dtype))
    ax_log.plot(np.arange(1, n + 1) * math.log(p))
    return ax_product, ax_log


@wrong("E03.7", "surprisal_for_log_prob")
def plot_underflow_surprisal_for_log_prob(p, n, dtype="float32"):
    ax_product, ax_log = _two()
    ax_product.plot(range(1, n + 1), _product(p, n, dtype))
    ax_log.plot(range(1, n + 1), -np.arange(1, n + 1) * math.log(p))
    return ax_product, ax_log


@wrong("E03.7", "bits_for_nats")
def plot_underflow_bits_for_nats(p, n, dtype="float32"):
    ax_product, ax_log = _two()
    ax_product.plot(range(1, n + 1), _product(p, n, dtype))
    ax_log.plot(range(1, n + 1), np.arange(1, n + 1) * math.log2(p))
    return ax_product, ax_log


@wrong("E03.7", "log10_for_ln")
def plot_underflow_log10_for_ln(p, n, dtype="float32"):
    ax_product, ax_log = _two()
    ax_product.plot(range(1, n + 1), _product(p, n, dtype))
    ax_log.plot(range(1, n + 1), np.arange(1, n + 1) * math.log10(p))
    return ax_product, ax_log


@wrong("E03.7", "one_format_for_all", "the product is drawn in float32 whatever dtype says: use ROUND[dtype]")
def plot_underflow_one_format_for_all(p, n, dtype="float32"):
    ax_product, ax_log = _two()
    ax_product.plot(range(1, n + 1), _product(p, n, "float32"))
    ax_log.plot(range(1, n + 1), np.arange(1, n + 1) * math.log(p))
    return ax_product, ax_log


@wrong("E03.7", "bfloat16_as_float32")
def plot_underflow_bfloat16_as_float32(p, n, dtype="float32"):
    return plot_underflow_one_format_for_all(p, n, dtype) if dtype == "bfloat16" else _right_plot(p, n, dtype)


@wrong("E03.7", "bfloat16_missing")
def plot_underflow_bfloat16_missing(p, n, dtype="float32"):
    np.dtype(dtype)
    return _right_plot(p, n, dtype)


@wrong(
    "E03.7",
    "floor_for_zero",
    "after the cliff the line does not fall to 0: a floor under the product hides what happened",
)
def plot_underflow_floor_for_zero(p, n, dtype="float32"):
    ax_product, ax_log = _two()
    ax_product.plot(range(1, n + 1), np.maximum(_product(p, n, dtype), 1e-320))
    ax_log.plot(range(1, n + 1), np.arange(1, n + 1) * math.log(p))
    return ax_product, ax_log


@wrong("E03.7", "nothing_returned", "None came back (is a return missing?): return the two Axes")
def plot_underflow_nothing_returned(p, n, dtype="float32"):
    ax_product, ax_log = _two()
    ax_product.plot(range(1, n + 1), _product(p, n, dtype))
    ax_log.plot(range(1, n + 1), np.arange(1, n + 1) * math.log(p))


@right("E03.7", "one panel and its twin, cut off at the cliff")
def plot_underflow_one_panel_and_its_twin_cut_off(p, n, dtype="float32"):
    _, ax = plt.subplots()
    products = _product(p, n, dtype)
    alive = products > 0
    ax.semilogy(np.arange(1, n + 1)[alive], products[alive], "o-", color="tab:red")
    twin = ax.twinx()
    twin.plot(np.arange(1, n + 1), np.cumsum(np.full(n, math.log(p))), "--")
    return ax, twin


@right("E03.7", "NaN after the cliff, side by side, the other order, from 0 factors on")
def plot_underflow_nan_after_the_cliff_side_by_side(p, n, dtype="float32"):
    _, axes = plt.subplots(1, 2, sharex=True)
    products = np.concatenate([[1.0], _product(p, n, dtype)])
    axes[1].set_yscale("log")
    axes[1].plot(np.arange(n + 1), np.where(products > 0, products, np.nan))
    axes[1].axvline(products.argmin(), color="gray")
    axes[0].plot(np.arange(n + 1), np.arange(n + 1) * np.log(p))
    axes[0].axhline(0)
    return axes


@right("E03.7", "the figure comes back; masked array; logs in single precision")
def plot_underflow_the_figure_comes_back_masked(p, n, dtype="float32"):
    figure, (top, bottom) = plt.subplots(2, 1)
    products = _product(p, n, dtype)
    top.set_yscale("log")
    top.plot(range(1, n + 1), np.ma.masked_equal(products, 0))
    bottom.plot(range(1, n + 1), np.cumsum(np.log(np.full(n, p, dtype=np.float32)), dtype=np.float32))
    return figure


@right("E03.7", "two separate figures, pyplot")
def plot_underflow_two_separate_figures_pyplot(p, n, dtype="float32"):
    plt.figure()
    plt.plot(list(range(1, n + 1)), _product(p, n, dtype).tolist(), "k.")
    plt.yscale("log")
    first = plt.gca()
    plt.figure()
    plt.plot(list(range(1, n + 1)), [sum([math.log(p)] * k) for k in range(1, n + 1)])
    return [first, plt.gca()]


# --- E03.8 ----------------------------------------------------------------------------------------------------------


@wrong("E03.8", "multiplied_by_ln2")
def nats_to_bits_multiplied_by_ln2(nats):
    return nats * math.log(2)


@wrong("E03.8", "log_of_a_log")
def nats_to_bits_log_of_a_log(nats):
    return math.log2(nats)


@wrong("E03.8", "log_of_a_log")
def nats_to_bits_log_of_a_log_2(nats):
    return np.log2(nats)


@wrong("E03.8", "log_of_a_log")
def nats_to_bits_log_of_a_log_3(nats):
    return np.log2(abs(nats))


@wrong("E03.8", "sign_lost")
def nats_to_bits_sign_lost(nats):
    return -nats / math.log(2)


@wrong("E03.8", "sign_lost")
def nats_to_bits_sign_lost_2(nats):
    return abs(nats) / math.log(2)


@wrong("E03.8", "through_the_probability")
def nats_to_bits_through_the_probability(nats):
    return np.log2(np.exp(nats))


@wrong(
    "E03.8",
    "through_the_probability",
    "math.exp(nats) is 0 or overflows where nats are large: no probability is needed",
)
def nats_to_bits_through_the_probability_2(nats):
    return math.log2(math.exp(nats))


@wrong("E03.8", "digits_for_bits")
def nats_to_bits_digits_for_bits(nats):
    return nats / math.log(10)


@wrong("E03.8", "unit_unchanged")
def nats_to_bits_unit_unchanged(nats):
    return nats


@wrong("E03.8", "exponential_for_unit")
def nats_to_bits_exponential_for_unit(nats):
    return np.power(2.0, nats)


@wrong("E03.8", "exponential_for_unit")
def nats_to_bits_exponential_for_unit_2(nats):
    return np.exp(nats)


@wrong("E03.8", "divided_by_two")
def nats_to_bits_divided_by_two(nats):
    return nats / 2


@wrong("E03.8", "rounded_constant")
def nats_to_bits_rounded_constant(nats):
    return nats * 1.4427


@wrong("E03.8", "rounded_constant")
def nats_to_bits_rounded_constant_2(nats):
    return nats / 0.693


@right("E03.8", "times log2(e)")
def nats_to_bits_times_log2_e(nats):
    return nats * math.log2(math.e)


@right("E03.8", "numpy")
def nats_to_bits_numpy(nats):
    return np.divide(nats, np.log(2))


@right("E03.8", "a typed-in constant with all its digits")
def nats_to_bits_a_typed_in_constant(nats):
    return nats * 1.4426950408889634


@right("E03.8", "a torch tensor")
def nats_to_bits_a_torch_tensor(nats):
    import torch

    return torch.tensor(nats, dtype=torch.float64) / torch.tensor(2.0, dtype=torch.float64).log()


# --- automatic mutants that are no mistakes -------------------------------------------------------------------------

_OTHER_WITNESS = "another length, and just as good a witness"
MUTANTS.equivalent = {"E03.6": dict.fromkeys(("60 -> 61", "60 -> 59", "80 -> 81", "80 -> 79"), _OTHER_WITNESS)}
