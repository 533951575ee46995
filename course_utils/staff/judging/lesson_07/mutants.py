"""Wrong answers to lesson 07 that its judge has to name, and unusual right ones that it has to accept."""

from __future__ import annotations

import functools
import heapq
import itertools
import math
from decimal import Decimal
from fractions import Fraction

import numpy as np

from course_utils.staff.judging.mutants import Mutants

MUTANTS = Mutants()
common, wrong, right = MUTANTS.common, MUTANTS.wrong, MUTANTS.right
wrong_value, right_value = MUTANTS.wrong_value, MUTANTS.right_value

# --- E07.1 ----------------------------------------------------------------------------------------------------------

wrong_value("E07.1", -0.7 * -0.4, "product_of_logs")
wrong_value("E07.1", (-0.7 + -0.4) / 2, "mean_of_logs")
wrong_value("E07.1", -0.7 - -0.4, "logs_subtracted")
wrong_value("E07.1", -0.4 - -0.7, "logs_subtracted")
wrong_value("E07.1", -0.4, "last_only", "that is the log-probability of the last token alone; all tokens count")
wrong_value("E07.1", -0.7, "first_only", "that is the log-probability of the first token alone; all tokens count")
wrong_value("E07.1", math.exp(-1.1), "probability_for_log")
wrong_value("E07.1", math.log(0.7 * 0.4), "logs_taken_for_probabilities")
wrong_value("E07.1", math.log(math.exp(-0.7) + math.exp(-0.4)), "log_of_sum")
wrong_value("E07.1", 1.1, "surprisal_for_log_prob")
wrong_value("E07.1", -1.1 / math.log(2), "bits_for_nats")
wrong_value("E07.1", None, "nothing_returned", "None (is a return missing?) came back where a number is asked for")
right_value("E07.1", -0.7 + -0.4, "-1.1, in floating point")
right_value("E07.1", -1.1000000000000001, "-1.1000000000000001")
right_value("E07.1", Fraction("-0.7") + Fraction("-0.4"), "fractions")
right_value("E07.1", Decimal("-0.7") + Decimal("-0.4"), "decimals")
right_value("E07.1", np.sum([-0.7, -0.4]), "numpy")
right_value("E07.1", np.float32(-1.1), "single precision")
right_value("E07.1", math.log(math.exp(-0.7) * math.exp(-0.4)), "through the probabilities")


@right("E07.1", "a torch tensor with gradient")
def e07_1_a_torch_tensor_with_gradient():
    import torch

    return torch.tensor([-0.7, -0.4], requires_grad=True).sum()


# --- E07.2 ----------------------------------------------------------------------------------------------------------


def _steps(lm, x, y):
    """log Pr(y_i | x, y_<i) for each i."""
    return [float(lm.next_log_probs([*x, *y[:i]])[y[i]]) for i in range(len(y))]


@wrong("E07.2", "y_not_in_context")
def conditional_log_prob_y_not_in_context(lm, x, y):
    row = lm.next_log_probs(x)
    return math.fsum(row[token] for token in y)


@wrong("E07.2", "x_not_in_context")
def conditional_log_prob_x_not_in_context(lm, x, y):
    return math.fsum(lm.next_log_probs([lm.bos, *y[:i]])[y[i]] for i in range(len(y)))


@wrong("E07.2", "only_last_token_of_x")
def conditional_log_prob_only_last_token_of_x(lm, x, y):
    start = [lm.bos] + ([x[-1]] if len(x) > 1 else [])
    return math.fsum(_steps(lm, start, y))


@wrong("E07.2", "context_leaks")
def conditional_log_prob_context_leaks(lm, x, y):
    return math.fsum(lm.next_log_probs([*x, *y[: i + 1]])[y[i]] for i in range(len(y)))


@wrong("E07.2", "context_is_everything")
def conditional_log_prob_context_is_everything(lm, x, y):
    row = lm.next_log_probs([*x, *y])
    return math.fsum(row[token] for token in y)


@wrong("E07.2", "y1_skipped")
def conditional_log_prob_y1_skipped(lm, x, y):
    return math.fsum(_steps(lm, x, y)[1:])


@wrong("E07.2", "last_of_y_skipped")
def conditional_log_prob_last_of_y_skipped(lm, x, y):
    return math.fsum(_steps(lm, x, y)[:-1])


@wrong("E07.2", "previous_token_only")
def conditional_log_prob_previous_token_only(lm, x, y):
    contexts = [x] + [[lm.bos, token] for token in y[:-1]]
    return math.fsum(lm.next_log_probs(c)[t] for c, t in zip(contexts, y, strict=True)) if y else 0.0


@wrong("E07.2", "context_not_growing")
def conditional_log_prob_context_not_growing(lm, x, y):
    contexts = [x] + [[*x, token] for token in y[:-1]]
    return math.fsum(lm.next_log_probs(c)[t] for c, t in zip(contexts, y, strict=True)) if y else 0.0


@wrong("E07.2", "joint_for_conditional")
def conditional_log_prob_joint_for_conditional(lm, x, y):
    return float(lm.log_prob_ids([[*x, *y]])[0])


@wrong("E07.2", "marginal_for_conditional")
def conditional_log_prob_marginal_for_conditional(lm, x, y):
    return float(lm.log_prob_ids([x])[0])


@wrong("E07.2", "joint_marginal_added")
def conditional_log_prob_joint_marginal_added(lm, x, y):
    joint, marginal = lm.log_prob_ids([[*x, *y], x])
    return float(joint + marginal)


@wrong("E07.2", "marginal_minus_joint")
def conditional_log_prob_marginal_minus_joint(lm, x, y):
    joint, marginal = lm.log_prob_ids([[*x, *y], x])
    return float(marginal - joint)


@wrong("E07.2", "marginals_subtracted")
def conditional_log_prob_marginals_subtracted(lm, x, y):
    return float(lm.log_prob_ids([[lm.bos, *y]])[0] - lm.log_prob_ids([x])[0])


@wrong("E07.2", "y_order_reversed")
def conditional_log_prob_y_order_reversed(lm, x, y):
    return math.fsum(_steps(lm, x, y[::-1]))


@wrong("E07.2", "product_of_logs")
def conditional_log_prob_product_of_logs(lm, x, y):
    return math.prod(_steps(lm, x, y))


def _total(lm, x, y):
    return math.fsum(_steps(lm, x, y))


common(
    "E07.2",
    _total,
    "probability_for_log",
    "surprisal_for_log_prob",
    "nothing_returned",
    "mean_of_logs",
    count=lambda lm, x, y: max(len(y), 1),
)


@wrong("E07.2", "log_of_underflowed_product")
def conditional_log_prob_log_of_underflowed_product(lm, x, y):
    with np.errstate(divide="ignore"):
        return float(np.log(math.prod(math.exp(p) for p in _steps(lm, x, y))))


@wrong("E07.2", "eos_added")
def conditional_log_prob_eos_added(lm, x, y):
    ends = [] if lm.eos is None or lm.eos in y else [lm.eos]
    return math.fsum(_steps(lm, x, [*y, *ends]))


@wrong("E07.2", "floor_for_zero", "an impossible token was given a small probability; log 0 is -inf, and has to stay")
def conditional_log_prob_floor_for_zero(lm, x, y):
    return math.fsum(max(p, math.log(1e-12)) for p in _steps(lm, x, y))


@right("E07.2", "a loop over a growing context")
def conditional_log_prob_a_loop_over_a_growing_context(lm, x, y):
    total, context = 0.0, list(x)
    for token in y:
        total += lm.next_log_probs(context)[token]
        context.append(token)
    return total


@right("E07.2", "joint minus marginal")
def conditional_log_prob_joint_minus_marginal(lm, x, y):
    joint, marginal = lm.log_prob_ids([x + y, x])
    return joint - marginal


@right("E07.2", "joint minus marginal, both token by token from the start")
def conditional_log_prob_joint_minus_marginal_both_token(lm, x, y):
    def log_prob(ids):
        return math.fsum(lm.next_log_probs(ids[:i])[ids[i]] for i in range(1, len(ids)))

    return log_prob(x + y) - log_prob(x)


@right("E07.2", "from the last token to the first, recursively")
def conditional_log_prob_from_the_last_token_to_the_first(lm, x, y):
    import sys

    sys.setrecursionlimit(max(sys.getrecursionlimit(), 2000))

    def rest(n):
        return 0.0 if n == 0 else rest(n - 1) + lm.next_log_probs(x + y[: n - 1])[y[n - 1]]

    return rest(len(y))


@right("E07.2", "tuples for contexts, numpy for the sum")
def conditional_log_prob_tuples_for_contexts_numpy(lm, x, y):
    ids = np.array([*x, *y], dtype=int)
    return np.sum([lm.next_log_probs(tuple(ids[:j]))[ids[j]] for j in range(len(x), len(ids))])


@right("E07.2", "a row for each position of [x, y], and then gather, as one pass of a network")
def conditional_log_prob_a_row_for_each_position_of_x_y(lm, x, y):
    ids = [*x, *y]
    rows = np.stack([lm.next_log_probs(ids[: j + 1]) for j in range(len(ids))])
    return rows[np.arange(len(x) - 1, len(ids) - 1), np.array(y, dtype=int)].sum()


@right("E07.2", "torch")
def conditional_log_prob_torch(lm, x, y):
    import torch

    return torch.tensor([0.0, *_steps(lm, x, y)], dtype=torch.float64, requires_grad=True).sum()


@right("E07.2", "a generator and reduce")
def conditional_log_prob_a_generator_and_reduce(lm, x, y):
    terms = (lm.next_log_probs(x + y[:i])[token] for i, token in enumerate(y))
    return functools.reduce(lambda a, b: a + b, terms, 0)


# --- E07.3 ----------------------------------------------------------------------------------------------------------


def _marginal_of_second(lm, x):
    """log Pr(Y2 = . | x), whatever y1 is."""
    first = np.exp(lm.next_log_probs(x))
    rows = [p * np.exp(lm.next_log_probs([*x, t])) for t, p in enumerate(first) if p > 0]
    with np.errstate(divide="ignore"):
        return np.log(np.sum(rows, axis=0))


@wrong("E07.3", "y1_missing_in_second")
def two_token_log_prob_y1_missing_in_second(lm, x, y):
    row = lm.next_log_probs(x)
    return float(row[y[0]] + row[y[1]])


@wrong("E07.3", "marginals_of_positions")
def two_token_log_prob_marginals_of_positions(lm, x, y):
    return float(lm.next_log_probs(x)[y[0]] + _marginal_of_second(lm, x)[y[1]])


@wrong("E07.3", "x_missing_in_second")
def two_token_log_prob_x_missing_in_second(lm, x, y):
    return float(lm.next_log_probs(x)[y[0]] + lm.next_log_probs([lm.bos, y[0]])[y[1]])


@wrong("E07.3", "two_contexts_averaged")
def two_token_log_prob_two_contexts_averaged(lm, x, y):
    row = lm.next_log_probs(x)
    return float(row[y[0]] + (row[y[1]] + lm.next_log_probs([*x, y[0]])[y[1]]) / 2)


@wrong("E07.3", "two_contexts_averaged")
def two_token_log_prob_two_contexts_averaged_2(lm, x, y):
    row = lm.next_log_probs(x)
    mixed = np.logaddexp(row[y[1]], lm.next_log_probs([*x, y[0]])[y[1]]) - math.log(2)
    return float(row[y[0]] + mixed)


@wrong("E07.3", "context_leaks")
def two_token_log_prob_context_leaks(lm, x, y):
    return float(lm.next_log_probs(x)[y[0]] + lm.next_log_probs([*x, *y])[y[1]])


@wrong("E07.3", "y_order_reversed")
def two_token_log_prob_y_order_reversed(lm, x, y):
    return float(lm.next_log_probs(x)[y[1]] + lm.next_log_probs([*x, y[1]])[y[0]])


@wrong("E07.3", "y1_skipped")
def two_token_log_prob_y1_skipped(lm, x, y):
    return float(lm.next_log_probs([*x, y[0]])[y[1]])


@wrong("E07.3", "joint_for_conditional")
def two_token_log_prob_joint_for_conditional(lm, x, y):
    return float(lm.log_prob_ids([[*x, *y]])[0])


common("E07.3", _total, "probability_for_log", "nothing_returned", "mean_of_logs", count=lambda lm, x, y: 2)


@right("E07.3", "the chain rule in a loop")
def two_token_log_prob_the_chain_rule_in_a_loop(lm, x, y):
    context, total = list(x), 0.0
    for token in y:
        total += lm.next_log_probs(context)[token]
        context = [*context, token]
    return total


@right("E07.3", "joint minus marginal")
def two_token_log_prob_joint_minus_marginal(lm, x, y):
    joint, marginal = lm.log_prob_ids([[*x, *y], x])
    return joint - marginal


@right("E07.3", "a look into the joint table")
def two_token_log_prob_a_look_into_the_joint_table(lm, x, y):
    table = lm.joint_table(len(x) + 1)[tuple(x[1:])]
    with np.errstate(divide="ignore"):
        return np.log(table[tuple(y)] / table.sum())


@right("E07.3", "conditional_log_prob of the library")
def two_token_log_prob_conditional_log_prob(lm, x, y):
    return lm.conditional_log_prob_ids([(x, y)])


@right("E07.3", "torch, both steps in one table")
def two_token_log_prob_torch_both_steps_in_one_table(lm, x, y):
    import torch

    first = torch.tensor(lm.next_log_probs(x), requires_grad=True)
    second = torch.tensor(lm.next_log_probs([*x, y[0]]))
    return (first[:, None] + second[None, :])[y[0], y[1]]


# --- E07.4 ----------------------------------------------------------------------------------------------------------

_FOUR = {"path": "B", "log_prob": -1.2 + -1.1, "model": "B", "model_log_prob": -1.0 + -0.9}
wrong_value("E07.4", _FOUR | {"path": "A"}, "best_first_token_wins")
wrong_value("E07.4", _FOUR | {"path": "A", "log_prob": -2.4}, "best_first_token_wins")
wrong_value("E07.4", _FOUR | {"path": "warm mat", "log_prob": -2.4}, "best_first_token_wins")
wrong_value("E07.4", _FOUR | {"log_prob": -2.4}, "total_of_the_loser", "path: that is the total of the other one")
wrong_value(
    "E07.4",
    _FOUR | {"log_prob": -1.15},
    "mean_of_logs",
    "path: that is the mean of the logs, a value per token; the log-probability of the sequence is their sum",
)
wrong_value("E07.4", _FOUR | {"model": "A"}, "surest_first_token_wins")
wrong_value("E07.4", _FOUR | {"model": "A", "model_log_prob": -2.1}, "surest_first_token_wins")
wrong_value(
    "E07.4", _FOUR | {"model_log_prob": -2.1}, "total_of_the_loser", "model: that is the total of the other one"
)
wrong_value(
    "E07.4",
    _FOUR | {"model_log_prob": 1.9},
    "surprisal_for_log_prob",
    "model: the sign is flipped: that is the surprisal, or loss; a log-probability is at most 0",
)
wrong_value(
    "E07.4",
    _FOUR | {"model_log_prob": math.exp(-1.9)},
    "probability_for_log",
    "model: your value is the probability; the task asks for its logarithm",
)
right_value("E07.4", _FOUR | {"log_prob": -2.3000000000000003}, "-2.3000000000000003")
right_value("E07.4", _FOUR | {"path": "Path B", "model": "model b"}, "in words")
right_value("E07.4", _FOUR | {"path": "plush rug", "model": "Model B"}, "named by its words")
right_value("E07.4", ("B", -2.3, "B", -1.9), "a tuple in order")
right_value("E07.4", _FOUR | {"log_prob": Fraction(-23, 10), "model_log_prob": np.float64(-1.9)}, "other numbers")
right_value("E07.4", dict(reversed(_FOUR.items())), "another order")

# --- E07.5 ----------------------------------------------------------------------------------------------------------

_VIA_A, _VIA_B = math.log(0.5) - math.log1p(math.exp(-10)), 2 * math.log(0.5)
wrong_value("E07.5", (math.log(0.5), math.log(0.5), False), "second_step_dropped")
wrong_value("E07.5", (math.log(0.5), _VIA_B, False), "second_step_dropped")
wrong_value("E07.5", (math.log(0.5) + 10, math.log(0.5) + 1, False), "raw_logit_added")
wrong_value("E07.5", (math.log(0.5) + 10, _VIA_B, False), "raw_logit_added")
wrong_value("E07.5", (10.0, 1.0, False), "logits_added_up")
wrong_value("E07.5", (_VIA_A - math.log(0.5), math.log(0.5), False), "first_step_dropped")
wrong_value("E07.5", (math.exp(_VIA_A), 0.25, False), "via_in_probabilities")
wrong_value("E07.5", (_VIA_B, _VIA_A, False), "swapped")
wrong_value("E07.5", (_VIA_A / math.log(2), -2.0, False), "via_bits")
wrong_value("E07.5", (-0.6932, -1.3863, False), "rounded", "numbers: right, but rounded: return the unrounded number")
wrong_value("E07.5", (_VIA_A, _VIA_B, True), "equal_start_equal_end")
right_value("E07.5", (math.log(0.5) + math.log(1 / (1 + math.exp(-10))), math.log(0.25), False), "through the softmax")
right_value("E07.5", [_VIA_A, _VIA_B, "no"], "a list, a word")
right_value("E07.5", (-0.6931925795, -1.3862943611, False), "typed in with ten digits")
right_value("E07.5", {"via_a": _VIA_A, "via_b": _VIA_B, "claim": 0}, "a dict")
right_value("E07.5", (np.log(0.5) - np.logaddexp(0, -10), np.log([0.25]), np.False_), "numpy")


@right("E07.5", "torch")
def e07_5_torch():
    import torch

    start = torch.log_softmax(torch.zeros(2, dtype=torch.float64), -1)
    after_a = torch.log_softmax(torch.tensor([10.0, 0.0], dtype=torch.float64), -1)
    after_b = torch.log_softmax(torch.tensor([1.0, 1.0], dtype=torch.float64), -1)
    return start[0] + after_a.max(), start[1] + after_b.max(), False


# --- E07.6 ----------------------------------------------------------------------------------------------------------


def _row(lm, x, y):
    return _cached_row(lm, (*x, *y))


def _greedy(lm, x, n, pick=np.argmax, ends=True):
    y, total = [], 0.0
    while len(y) < n and not (ends and y and y[-1] == lm.eos):
        row = _row(lm, x, y)
        y.append(int(pick(row)))
        total += float(row[y[-1]])
    return y, total


def _every(lm, n):
    """All candidates: those that end within n tokens, and those of n tokens."""
    going, ended = [[]], []
    for _ in range(n):
        longer = [[*y, t] for y in going for t in range(lm.vocabulary_size)]
        ended += [y for y in longer if y[-1] == lm.eos]
        going = [y for y in longer if y[-1] != lm.eos]
    return ended + going


@functools.lru_cache(maxsize=20_000)
def _score(lm, x, y):
    if not y:
        return 0.0
    return _score(lm, x, y[:-1]) + float(_cached_row(lm, x + y[:-1])[y[-1]])


@functools.lru_cache(maxsize=20_000)
def _cached_row(lm, context):
    return lm.next_log_probs(context)


def _scored(lm, x, ys):
    return [(_score(lm, tuple(x), tuple(y)), y) for y in ys]


def _best(lm, x, n):
    score, y = max(_scored(lm, x, _every(lm, n)), key=lambda pair: pair[0])
    return y, score


def _wrong_greedy(misconception, message=""):
    return wrong("E07.6", misconception, message, exhaustive_argmax=_best)


def _wrong_best(misconception, message=""):
    """The decorated function is exhaustive_argmax; greedy is right."""

    def keep(function):
        wrong("E07.6", misconception, message, exhaustive_argmax=function)(_greedy)
        return function

    return keep


@_wrong_greedy("goes_on_after_eos")
def greedy_goes_on_after_eos(lm, x, max_length):
    return _greedy(lm, x, max_length, ends=False)


@_wrong_greedy("y_left_out_of_context")
def greedy_y_left_out_of_context(lm, x, max_length):
    row = lm.next_log_probs(x)
    token = int(np.argmax(row))
    y = [token] if token == lm.eos else [token] * max_length
    return y, float(row[token]) * len(y)


@_wrong_greedy("x_left_out_of_search")
def greedy_x_left_out_of_search(lm, x, max_length):
    return _greedy(lm, [lm.bos], max_length)


@_wrong_greedy("eos_dropped_from_y")
def greedy_eos_dropped_from_y(lm, x, max_length):
    y, total = _greedy(lm, x, max_length)
    return [t for t in y if t != lm.eos], total


@_wrong_greedy("eos_not_in_score")
def greedy_eos_not_in_score(lm, x, max_length):
    y, total = _greedy(lm, x, max_length)
    if y[-1] == lm.eos:
        total -= float(_row(lm, x, y[:-1])[-1])
    return y, total


@_wrong_greedy("never_ends")
def greedy_never_ends(lm, x, max_length):
    return _greedy(lm, x, max_length, pick=lambda row: np.argmax(row[: lm.eos]))


@_wrong_greedy("least_probable_token")
def greedy_least_probable_token(lm, x, max_length):
    return _greedy(lm, x, max_length, pick=lambda row: np.argmin(np.where(row == -np.inf, 0, row)))


@_wrong_greedy("last_of_equals")
def greedy_last_of_equals(lm, x, max_length):
    return _greedy(lm, x, max_length, pick=lambda row: len(row) - 1 - np.argmax(row[::-1]))


@_wrong_greedy("joint_score_in_search")
def greedy_joint_score_in_search(lm, x, max_length):
    y, _ = _greedy(lm, x, max_length)
    return y, float(lm.log_prob_ids([[*x, *y]])[0])


@_wrong_greedy("mean_score_in_search")
def greedy_mean_score_in_search(lm, x, max_length):
    y, total = _greedy(lm, x, max_length)
    return y, total / len(y)


@_wrong_greedy("probability_in_search")
def greedy_probability_in_search(lm, x, max_length):
    y, total = _greedy(lm, x, max_length)
    return y, math.exp(total)


@_wrong_greedy("last_step_for_score")
def greedy_last_step_for_score(lm, x, max_length):
    y, _ = _greedy(lm, x, max_length)
    return y, float(_row(lm, x, y[:-1])[y[-1]])


@_wrong_greedy("x_returned_with_y")
def greedy_x_returned_with_y(lm, x, max_length):
    y, total = _greedy(lm, x, max_length)
    return [*x, *y], total


@_wrong_greedy("one_step_too_few")
def greedy_one_step_too_few(lm, x, max_length):
    return _greedy(lm, x, max_length - 1)


@_wrong_greedy("greedy_searches_everything")
def greedy_greedy_searches_everything(lm, x, max_length):
    return _best(lm, x, max_length)


@_wrong_best("best_token_of_each_position")
def exhaustive_argmax_best_token_of_each_position(lm, x, max_length):
    """The best token of each position, whatever stands before it."""
    mass = {(): 1.0}
    y = []
    for _ in range(max_length):
        longer = {
            (*z, t): p * math.exp(q) for z, p in mass.items() for t, q in enumerate(_row(lm, x, z)) if q > -math.inf
        }
        sums = [math.fsum(p for z, p in longer.items() if z[-1] == t) for t in range(lm.vocabulary_size)]
        y.append(int(np.argmax(sums)))
        mass = longer
        if y[-1] == lm.eos:
            break
    return y, float(lm.conditional_log_prob_ids([(x, y)])[0])


@_wrong_best("length_normalised")
def exhaustive_argmax_length_normalised(lm, x, max_length):
    score, y = max(_scored(lm, x, _every(lm, max_length)), key=lambda pair: pair[0] / len(pair[1]))
    return y, score


@_wrong_best("mean_score_in_search")
def exhaustive_argmax_mean_score_in_search(lm, x, max_length):
    score, y = max(_scored(lm, x, _every(lm, max_length)), key=lambda pair: pair[0] / len(pair[1]))
    return y, score / len(y)


@_wrong_best("early_ends_not_searched")
def exhaustive_argmax_early_ends_not_searched(lm, x, max_length):
    score, y = max(_scored(lm, x, [y for y in _every(lm, max_length) if len(y) == max_length]), key=lambda p: p[0])
    return y, score


@_wrong_best("early_ends_not_searched")
def exhaustive_argmax_early_ends_not_searched_2(lm, x, max_length):
    ys = [list(y) for y in itertools.product(range(lm.vocabulary_size), repeat=max_length) if lm.eos not in y[:-1]]
    score, y = max(_scored(lm, x, ys), key=lambda p: p[0])
    return y, score


@_wrong_best("eos_never_searched")
def exhaustive_argmax_eos_never_searched(lm, x, max_length):
    score, y = max(_scored(lm, x, [y for y in _every(lm, max_length) if lm.eos not in y]), key=lambda p: p[0])
    return y, score


@_wrong_best("unfinished_not_searched")
def exhaustive_argmax_unfinished_not_searched(lm, x, max_length):
    ys = [y for y in _every(lm, max_length) if lm.eos is None or y[-1] == lm.eos]
    score, y = max(_scored(lm, x, ys), key=lambda p: p[0])
    return y, score


@_wrong_best("goes_on_after_eos")
def exhaustive_argmax_goes_on_after_eos(lm, x, max_length):
    ys = [list(y) for y in itertools.product(range(lm.vocabulary_size), repeat=max_length)]
    score, y = max(_scored(lm, x, ys), key=lambda p: p[0])
    return y, score


@_wrong_best("prefixes_searched")
def exhaustive_argmax_prefixes_searched(lm, x, max_length):
    ys = [list(y) for k in range(1, max_length + 1) for y in itertools.product(range(lm.vocabulary_size), repeat=k)]
    score, y = max(_scored(lm, x, ys), key=lambda p: p[0])
    return y, score


@_wrong_best("x_left_out_of_search")
def exhaustive_argmax_x_left_out_of_search(lm, x, max_length):
    return _best(lm, [lm.bos], max_length)


@_wrong_best("search_is_greedy")
def exhaustive_argmax_search_is_greedy(lm, x, max_length):
    return _greedy(lm, x, max_length)


@_wrong_best("joint_score_in_search")
def exhaustive_argmax_joint_score_in_search(lm, x, max_length):
    y, _ = _best(lm, x, max_length)
    return y, float(lm.log_prob_ids([[*x, *y]])[0])


@_wrong_best("probability_in_search")
def exhaustive_argmax_probability_in_search(lm, x, max_length):
    y, score = _best(lm, x, max_length)
    return y, math.exp(score)


@_wrong_best("least_probable")
def exhaustive_argmax_least_probable(lm, x, max_length):
    score, y = min((p for p in _scored(lm, x, _every(lm, max_length)) if p[0] > -math.inf), key=lambda p: p[0])
    return y, score


def _right_search(note, exhaustive_argmax):
    return right("E07.6", note, exhaustive_argmax=exhaustive_argmax)


def _by_recursion(lm, x, max_length):
    def best(y):
        if len(y) == max_length or (y and y[-1] == lm.eos):
            return 0.0, ()
        row = _row(lm, x, y)
        options = []
        for t in range(lm.vocabulary_size):
            if row[t] > -np.inf:
                score, rest = best((*y, t))
                options.append((row[t] + score, (t, *rest)))
        return max(options, key=lambda option: option[0])

    score, y = best(())
    return y, score


@_right_search("a for loop with a break; recursion", _by_recursion)
def greedy_a_for_loop_with_a_break(lm, x, max_length):
    y, score = (), 0.0
    for _ in range(max_length):
        row = list(_row(lm, x, y))
        best = max(row)
        y, score = (*y, row.index(best)), score + best
        if y[-1] == lm.eos:
            break
    return y, score


def _best_first(lm, x, max_length):
    heap = [(0.0, ())]
    while heap:
        cost, y = heapq.heappop(heap)
        if len(y) == max_length or (y and y[-1] == lm.eos):
            return np.array(y), -cost
        for t, log_p in enumerate(_row(lm, x, y)):
            if log_p > -np.inf:
                heapq.heappush(heap, (cost - log_p, (*y, t)))


@_right_search("recursion; best first with a heap, arrays for y", _best_first)
def greedy_recursion_best_first_with_a_heap(lm, x, max_length):
    if max_length == 0:
        return [], 0.0
    row = _row(lm, x, [])
    token = int(row.argmax())
    if token == lm.eos:
        return [token], row[token]
    rest, score = greedy_from(lm, [*x, token], max_length - 1)
    return np.array([token, *rest]), row[token] + score


def greedy_from(lm, x, max_length):
    return _greedy(lm, x, max_length)


@_right_search(
    "the toy's own list of continuations, joint minus marginal",
    lambda lm, x, max_length: max(
        ((y, s - lm.log_prob_ids([x])[0]) for y in lm.continuations(max_length) for s in lm.log_prob_ids([[*x, *y]])),
        key=lambda pair: pair[1],
    ),
)
def greedy_the_toys_own_list(lm, x, max_length):
    y = [*x]
    while len(y) < len(x) + max_length and (len(y) == len(x) or y[-1] != lm.eos):
        y = [*y, np.argmax(lm.next_log_probs(y))]
    y = y[len(x) :]
    return y, lm.conditional_log_prob_ids([(x, y)])[0]


@_right_search("torch", _best)
def greedy_torch(lm, x, max_length):
    import torch

    y, total = [], torch.zeros((), dtype=torch.float64)
    for _ in range(max_length):
        value, token = torch.tensor(_row(lm, x, y)).max(dim=0)
        total, y = total + value, [*y, int(token)]
        if y[-1] == lm.eos:
            break
    return torch.tensor(y), total


# --- E07.7 ----------------------------------------------------------------------------------------------------------


def _tables(first, after, last, size=2):
    """The same row for each second step after one first token, and for each third step."""
    tables = {(): first}
    for a in range(size):
        tables[(a,)] = after[a]
        for b in range(size):
            tables[(a, b)] = last[a]
    return tables


_A, _B = [0.4, 0.35, 0.25], [0.06, 0.9, 0.04]
_CARD = _tables([0.55, 0.45, 0.0], [_A, _B, _A], [_A, _B, _A], 3)
_TWO = _tables([0.6, 0.4], [[0.5001, 0.4999], [0.99, 0.01]], [[0.5001, 0.4999], [0.01, 0.99]])


def _trap(tables, claim=False):
    return {"greedy_is_best": claim, "tables": tables}


wrong_value("E07.7", _trap(_CARD, True), "greedy_is_best")
wrong_value(
    "E07.7",
    _trap(_CARD | {(): [0.5, 0.5, 0.0]}),
    "greedy_tie",
    "two tokens are equally likely on the greedy path: which one greedy takes is then an accident (in the row of ())",
)
wrong_value(
    "E07.7",
    _trap(_CARD | {(0, 0): [0.4, 0.4, 0.2]}),
    "greedy_tie",
    "two tokens are equally likely on the greedy path: which one greedy takes is then an accident "
    "(in the row of (0, 0))",
)
wrong_value(
    "E07.7",
    _trap(_CARD | {(1, 1): [0.06, 0.9, 0.4]}),
    "row_sum_not_one",
    "a row does not add up to 1: that of (1, 1) gives 1.36",
)
wrong_value("E07.7", _trap({(): [1.0], (0,): [1.0], (0, 0): [1.0]}), "vocabulary_of_one")
wrong_value(
    "E07.7",
    _trap(_tables([0.6, 0.4], [[0.9, 0.1], [0.5, 0.5]], [[0.9, 0.1], [0.5, 0.5]])),
    "greedy_wins_here",
    "in these tables the greedy path is the most probable one: (0, 0, 0) has 0.486",
)
wrong_value(
    "E07.7",
    _trap(_tables([0.51, 0.49], [[0.7, 0.3], [0.72, 0.28]], [[0.7, 0.3], [0.72, 0.28]])),
    "gap_too_small",
    "greedy loses, but not by more than 0.1 nats: here it is 0.01634 nats, (1, 0, 0) against (0, 0, 0)",
)
wrong_value(
    "E07.7",
    _trap({(): [0.55, 0.45], (0,): [0.6, 0.4], (1,): [0.9, 0.1]}),
    "row_missing",
    "tables: there is no row for (0, 0), which can be reached",
)
wrong_value(
    "E07.7",
    _trap({k: [math.log(p) if p else -math.inf for p in row] for k, row in _CARD.items()}),
    "logs_for_probabilities",
    "tables: the row of () has something in it that is no probability",
)
right_value("E07.7", _trap(_CARD), "the card's numbers, every row given")
right_value("E07.7", _trap({k: r for k, r in _CARD.items() if k[:1] != (2,)}), "no row for what cannot be reached")
right_value("E07.7", (False, _TWO), "two tokens, a tuple")
right_value("E07.7", _trap({k[0] if len(k) == 1 else k: row for k, row in _CARD.items()}), "(1) for (1,)")
right_value("E07.7", _trap({k: np.array(row) for k, row in _CARD.items()}, "no"), "arrays, a word")
right_value("E07.7", _trap({k: [Fraction(str(p)) for p in row] for k, row in _CARD.items()}), "fractions")

# --- E07.8 ----------------------------------------------------------------------------------------------------------


def _beam(lm, x, width, n, key=lambda score, y: score, ends=True):
    layer = [(0.0, [])]
    for _ in range(n):
        longer = []
        for score, y in layer:
            if ends and y and y[-1] == lm.eos:
                longer.append((score, y))
            else:
                row = _row(lm, x, y)
                longer += [(score + float(row[t]), [*y, t]) for t in range(len(row))]
        layer = sorted(longer, key=lambda pair: -key(*pair))[:width]
    score, y = layer[0]
    return y, score


@wrong("E07.8", "beam_restarts")
def beam_beam_restarts(lm, x, width, max_length):
    layer = [(0.0, [])]
    for _ in range(max_length):
        longer = []
        for score, y in layer:
            if y and y[-1] == lm.eos:
                longer.append((score, y))
            else:
                longer += [(float(p), [*y, t]) for t, p in enumerate(_row(lm, x, y))]
        layer = sorted(longer, key=lambda pair: -pair[0])[:width]
    score, y = layer[0]
    return y, score


@wrong("E07.8", "beam_restarts")
def beam_beam_restarts_2(lm, x, width, max_length):
    layer = [(0.0, 0.0, [])]
    for _ in range(max_length):
        longer = []
        for last, score, y in layer:
            if y and y[-1] == lm.eos:
                longer.append((last, score, y))
            else:
                longer += [(float(p), score + float(p), [*y, t]) for t, p in enumerate(_row(lm, x, y))]
        layer = sorted(longer, key=lambda entry: -entry[0])[:width]
    _, score, y = layer[0]
    return y, score


@wrong("E07.8", "beam_adds_probabilities")
def beam_beam_adds_probabilities(lm, x, width, max_length):
    layer = [(0.0, [])]
    for _ in range(max_length):
        longer = []
        for score, y in layer:
            if y and y[-1] == lm.eos:
                longer.append((score, y))
            else:
                longer += [(score + math.exp(p), [*y, t]) for t, p in enumerate(_row(lm, x, y))]
        layer = sorted(longer, key=lambda pair: -pair[0])[:width]
    score, y = layer[0]
    return y, score


@wrong("E07.8", "beam_adds_probabilities")
def beam_beam_adds_probabilities_2(lm, x, width, max_length):
    layer = [(0.0, [])]
    for _ in range(max_length):
        longer = []
        for score, y in layer:
            if y and y[-1] == lm.eos:
                longer.append((score, y))
            else:
                longer += [(score + math.exp(p), [*y, t]) for t, p in enumerate(_row(lm, x, y))]
        layer = sorted(longer, key=lambda pair: -pair[0])[:width]
    y = layer[0][1]
    return y, float(lm.conditional_log_prob_ids([(x, y)])[0])


@wrong("E07.8", "width_ignored")
def beam_width_ignored(lm, x, width, max_length):
    return _greedy(lm, x, max_length)


@wrong("E07.8", "width_two_always")
def beam_width_two_always(lm, x, width, max_length):
    return _beam(lm, x, 2, max_length)


@wrong("E07.8", "beam_drops_nothing")
def beam_beam_drops_nothing(lm, x, width, max_length):
    return _best(lm, x, max_length)


@wrong("E07.8", "width_for_each_parent")
def beam_width_for_each_parent(lm, x, width, max_length):
    layer = [(0.0, [])]
    for _ in range(max_length):
        longer = []
        for score, y in layer:
            if y and y[-1] == lm.eos:
                longer.append((score, y))
            else:
                row = _row(lm, x, y)
                longer += [(score + float(row[t]), [*y, int(t)]) for t in np.argsort(-row, kind="stable")[:width]]
        layer = longer
    score, y = max(layer, key=lambda pair: pair[0])
    return y, score


@wrong("E07.8", "beam_forgets_the_finished")
def beam_beam_forgets_the_finished(lm, x, width, max_length):
    layer = [(0.0, [])]
    for _ in range(max_length):
        longer = [
            (score + float(p), [*y, t])
            for score, y in layer
            if not (y and y[-1] == lm.eos)
            for t, p in enumerate(_row(lm, x, y))
        ]
        if not longer:
            break
        layer = sorted(longer, key=lambda pair: -pair[0])[:width]
    score, y = layer[0]
    return y, score


@wrong("E07.8", "finished_outside_the_beam")
def beam_finished_outside_the_beam(lm, x, width, max_length):
    layer, finished = [(0.0, [])], []
    for _ in range(max_length):
        longer = [(score + float(p), [*y, t]) for score, y in layer for t, p in enumerate(_row(lm, x, y))]
        finished += [pair for pair in longer if pair[1][-1] == lm.eos]
        layer = sorted((p for p in longer if p[1][-1] != lm.eos), key=lambda pair: -pair[0])[:width]
    score, y = max(finished + layer, key=lambda pair: pair[0])
    return y, score


@wrong("E07.8", "goes_on_after_eos")
def beam_goes_on_after_eos(lm, x, width, max_length):
    return _beam(lm, x, width, max_length, ends=False)


@wrong("E07.8", "length_normalised")
def beam_length_normalised(lm, x, width, max_length):
    return _beam(lm, x, width, max_length, key=lambda score, y: score / len(y))


@wrong("E07.8", "x_left_out_of_search")
def beam_x_left_out_of_search(lm, x, width, max_length):
    return _beam(lm, [lm.bos], width, max_length)


@wrong("E07.8", "x_returned_with_y")
def beam_x_returned_with_y(lm, x, width, max_length):
    y, score = _beam(lm, x, width, max_length)
    return [*x, *y], score


@wrong("E07.8", "joint_score_in_search")
def beam_joint_score_in_search(lm, x, width, max_length):
    y, _ = _beam(lm, x, width, max_length)
    return y, float(lm.log_prob_ids([[*x, *y]])[0])


@wrong("E07.8", "probability_in_search")
def beam_probability_in_search(lm, x, width, max_length):
    y, score = _beam(lm, x, width, max_length)
    return y, math.exp(score)


@wrong("E07.8", "worst_of_the_beam")
def beam_worst_of_the_beam(lm, x, width, max_length):
    return _beam(lm, x, width, max_length, key=lambda score, y: -score if score > -math.inf else score)


@wrong("E07.8", "one_step_too_few")
def beam_one_step_too_few(lm, x, width, max_length):
    return _beam(lm, x, width, max_length - 1)


@right("E07.8", "heapq.nlargest, tuples")
def beam_heapq_nlargest_tuples(lm, x, width, max_length):
    layer = [(0.0, ())]
    for _ in range(max_length):
        longer = [pair for pair in layer if lm.eos is not None and pair[1][-1:] == (lm.eos,)]
        for score, y in layer:
            if lm.eos is None or y[-1:] != (lm.eos,):
                longer += [(score + p, (*y, t)) for t, p in enumerate(_row(lm, x, y)) if p > -math.inf]
        layer = heapq.nlargest(width, longer)
    score, y = max(layer)
    return y, score


@right("E07.8", "stops when the best has ended: a score only falls")
def beam_stops_when_the_best_has_ended(lm, x, width, max_length):
    layer = [([], 0.0)]
    for _ in range(max_length):
        if layer[0][0] and layer[0][0][-1] == lm.eos:
            break
        longer = []
        for y, score in layer:
            if y and y[-1] == lm.eos:
                longer.append((y, score))
                continue
            for t, p in enumerate(_row(lm, x, y)):
                longer.append((y + [t], score + p))
        layer = sorted(longer, key=lambda pair: pair[1], reverse=True)[:width]
    return layer[0]


@right("E07.8", "a dict from y to its score, scored anew each time")
def beam_a_dict_from_y_to_its_score(lm, x, width, max_length):
    layer = {(): 0.0}
    for _ in range(max_length):
        ys = [
            z for y in layer for z in ([y] if y and y[-1] == lm.eos else [(*y, t) for t in range(lm.vocabulary_size)])
        ]
        scores = lm.conditional_log_prob_ids([(x, y) for y in ys])
        layer = {ys[i]: scores[i] for i in np.argsort(-scores, kind="stable")[:width]}
    return max(layer.items(), key=lambda item: item[1])


@right("E07.8", "numpy: one table of scores for each step")
def beam_numpy_one_table_of_scores(lm, x, width, max_length):
    ys, scores = [[]], np.zeros(1)
    for _ in range(max_length):
        rows = []
        for y in ys:
            if y and y[-1] == lm.eos:
                row = np.full(lm.vocabulary_size, -np.inf)
                row[lm.eos] = 0.0
            else:
                row = _row(lm, x, y)
            rows.append(row)
        table = scores[:, None] + np.stack(rows)
        order = np.argsort(-table, axis=None, kind="stable")[:width]
        parents, tokens = np.unravel_index(order, table.shape)
        ys = [
            ys[p] if ys[p] and ys[p][-1] == lm.eos else [*ys[p], int(t)] for p, t in zip(parents, tokens, strict=True)
        ]
        scores = table[parents, tokens]
    return np.array(ys[0]), scores[0]


@right("E07.8", "torch.topk")
def beam_torch_topk(lm, x, width, max_length):
    import torch

    layer = [((), 0.0)]
    for _ in range(max_length):
        longer = [pair for pair in layer if pair[0][-1:] == (lm.eos,)]
        longer += [
            ((*y, t), score + float(p))
            for y, score in layer
            if y[-1:] != (lm.eos,)
            for t, p in enumerate(_row(lm, x, y))
        ]
        top = torch.topk(torch.tensor([s for _, s in longer], dtype=torch.float64), min(width, len(longer)))
        layer = [longer[i] for i in top.indices.tolist()]
    return layer[0]


# --- automatic mutants that are no mistakes -------------------------------------------------------------------------

_BOS_SKIPPED = "token 0 is BOS, which no model gives a probability after the start"
MUTANTS.equivalent = {
    "E07.5": {
        "math.log1p(math.exp(0 - 10)) -> math.exp(0 - 10)": "they differ by one part in 10^9, and eight digits count"
    },
    "E07.6": {
        "for token, step in enumerate(lm.next_log_probs(x + y)) if step > -math.inf -> "
        "for token, step in list(enumerate(lm.next_log_probs(x + y)))[1:] if step > -math.inf": _BOS_SKIPPED,
        "step > -math.inf -> step >= -math.inf": "impossible candidates are listed too, and none of them wins",
    },
    "E07.7": {"3 -> 4": "rows for a token 3 that does not exist, so that nobody reaches them"},
    "E07.8": {"for token, step in enumerate(row) -> for token, step in list(enumerate(row))[1:]": _BOS_SKIPPED},
}
