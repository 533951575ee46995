"""Wrong answers to lesson 02 that its judge has to name, and unusual right ones that it has to accept."""

from __future__ import annotations

import itertools
import math
import sys
from decimal import Decimal
from fractions import Fraction

import numpy as np

from course_utils.staff.judging.mutants import Mutants, misconceptions

MUTANTS = Mutants()
common, wrong, right = MUTANTS.common, MUTANTS.wrong, MUTANTS.right
wrong_value, right_value = MUTANTS.wrong_value, MUTANTS.right_value

BOS = "<s>"


def log(p):
    return math.log(p) if p > 0 else -math.inf


# --- E02.1 ----------------------------------------------------------------------------------------------------------

wrong_value("E02.1", (0.4 * 0.8, math.log(0.4 * 0.8)), "zero_dropped")
wrong_value("E02.1", (1e-12 * 0.4 * 0.8, math.log(1e-12 * 0.4 * 0.8)), "floor_for_zero")
wrong_value("E02.1", (0.0, math.log(1e-12 * 0.4 * 0.8)), "floor_for_zero")
wrong_value("E02.1", (0.0, math.nan), "nan_for_zero")
wrong_value("E02.1", (math.nan, math.nan), "nan_for_zero")
wrong_value("E02.1", (0.0, 0.0), "log_of_zero_is_zero")
wrong_value("E02.1", (-math.inf, 0.0), "swapped")
wrong_value(
    "E02.1", (0.0, math.inf), "surprisal_for_log_prob", "the sign is flipped: small numbers have logarithms far below 0"
)
wrong_value("E02.1", (0.0, np.nan_to_num(-np.inf)), "floor_for_zero")
wrong_value("E02.1", (0.0, None), "log_of_zero_missing")
wrong_value("E02.1", (0.32, -math.inf), "zero_dropped")
right_value("E02.1", (0, -np.inf), "an int and numpy's -inf")
right_value("E02.1", [0.0, float("-inf")], "a list")
right_value("E02.1", np.array([0.0, -np.inf]), "an array")
right_value("E02.1", {"Pr": Fraction(0), "log Pr": -math.inf}, "a dict, and a fraction")
right_value("E02.1", {"log Pr": -math.inf, "Pr": 0.0}, "a dict, the logarithm first")
right_value("E02.1", (Decimal(0), Decimal(0).ln()), "decimals")
right_value("E02.1", (np.float32(0.0), np.float32(-np.inf)), "single precision")

# --- E02.2 ----------------------------------------------------------------------------------------------------------


@wrong(
    "E02.2",
    "start_token_scored",
    "a term for BOS was added: BOS is given, its probability is 1, and it adds log 1 = 0",
)
def sequence_log_prob_start_token_scored(tokens, cond, bos):
    total = math.log(1 / 3)
    for i, token in enumerate(tokens):
        total += log(cond(token, (bos, *tokens[:i])))
    return total


@wrong("E02.2", "start_symbol_asked")
def sequence_log_prob_start_symbol_asked(tokens, cond, bos):
    text = (bos, *tokens)
    return sum(log(cond(token, text[:i])) for i, token in enumerate(text))


@wrong("E02.2", "first_token_dropped", "the first real token is not scored: only BOS has no factor of its own")
def sequence_log_prob_first_token_dropped(tokens, cond, bos):
    return sum(log(cond(tokens[i], (bos, *tokens[:i]))) for i in range(1, len(tokens)))


@wrong("E02.2", "last_token_dropped", "the last token is not scored")
def sequence_log_prob_last_token_dropped(tokens, cond, bos):
    return sum(log(cond(tokens[i], (bos, *tokens[:i]))) for i in range(len(tokens) - 1))


@wrong("E02.2", "bos_missing_in_context")
def sequence_log_prob_bos_missing_in_context(tokens, cond, bos):
    return sum(log(cond(token, tuple(tokens[:i]))) for i, token in enumerate(tokens))


@wrong("E02.2", "bos_missing_in_context")
def sequence_log_prob_bos_missing_in_context_2(tokens, cond, bos):
    return sum(log(cond(token, tuple(tokens[:i]) or (bos,))) for i, token in enumerate(tokens))


@wrong(
    "E02.2",
    "bos_name_fixed",
    'the start symbol is not always "<s>": use the argument bos',
)
def sequence_log_prob_bos_name_fixed(tokens, cond, bos):
    return sum(log(cond(token, ("<s>", *tokens[:i]))) for i, token in enumerate(tokens))


@wrong("E02.2", "context_dropped", "every token was scored right after BOS: the tokens between belong to its context")
def sequence_log_prob_context_dropped(tokens, cond, bos):
    return sum(log(cond(token, (bos,))) for token in tokens)


@wrong("E02.2", "markov_is_exact", "only the previous token was in the context: all tokens before belong to it")
def sequence_log_prob_markov_is_exact(tokens, cond, bos):
    text = [bos, *tokens]
    return sum(log(cond(token, tuple(dict.fromkeys((bos, text[i]))))) for i, token in enumerate(tokens))


@wrong("E02.2", "token_in_its_own_context")
def sequence_log_prob_token_in_its_own_context(tokens, cond, bos):
    return sum(log(cond(token, (bos, *tokens[: i + 1]))) for i, token in enumerate(tokens))


@wrong("E02.2", "context_reversed")
def sequence_log_prob_context_reversed(tokens, cond, bos):
    return sum(log(cond(token, (bos, *tokens[:i][::-1]))) for i, token in enumerate(tokens))


@wrong("E02.2", "model_called_twice")
def sequence_log_prob_model_called_twice(tokens, cond, bos):
    total = 0.0
    for i, token in enumerate(tokens):
        context = (bos, *tokens[:i])
        if cond(token, context) == 0:
            return -math.inf
        total += math.log(cond(token, context))
    return total


@wrong("E02.2", "nan_for_zero")
def sequence_log_prob_nan_for_zero(tokens, cond, bos):
    probs = [cond(token, (bos, *tokens[:i])) for i, token in enumerate(tokens)]
    return sum(math.log(p) if p else math.nan for p in probs)


@wrong("E02.2", "log_of_zero_raises")
def sequence_log_prob_log_of_zero_raises(tokens, cond, bos):
    return sum(math.log(cond(token, (bos, *tokens[:i]))) for i, token in enumerate(tokens))


@wrong("E02.2", "floor_for_zero")
def sequence_log_prob_floor_for_zero(tokens, cond, bos):
    return sum(math.log(max(cond(token, (bos, *tokens[:i])), 1e-12)) for i, token in enumerate(tokens))


@wrong("E02.2", "impossible_token_skipped")
def sequence_log_prob_impossible_token_skipped(tokens, cond, bos):
    probs = [cond(token, (bos, *tokens[:i])) for i, token in enumerate(tokens)]
    return sum(math.log(p) for p in probs if p > 0)


@wrong("E02.2", "impossible_token_skipped")
def sequence_log_prob_impossible_token_skipped_2(tokens, cond, bos):
    total = 0.0
    for i, token in enumerate(tokens):
        p = cond(token, (bos, *tokens[:i]))
        if p == 0:
            break
        total += math.log(p)
    return total


@wrong("E02.2", "floor_for_zero")
def sequence_log_prob_floor_for_zero_2(tokens, cond, bos):
    return sum(math.log(cond(token, (bos, *tokens[:i])) or 5e-324) for i, token in enumerate(tokens))


@wrong("E02.2", "log_of_underflowed_product")
def sequence_log_prob_log_of_underflowed_product(tokens, cond, bos):
    return log(math.prod(cond(token, (bos, *tokens[:i])) for i, token in enumerate(tokens)))


@wrong("E02.2", "probability_for_log")
def sequence_log_prob_probability_for_log(tokens, cond, bos):
    return math.prod(cond(token, (bos, *tokens[:i])) for i, token in enumerate(tokens))


def _scored(tokens, cond, bos):
    return sum(log(cond(token, (bos, *tokens[:i]))) for i, token in enumerate(tokens))


common(
    "E02.2",
    _scored,
    "surprisal_for_log_prob",
    "bits_for_nats",
    "log10_for_ln",
    "mean_of_logs",
    count=lambda tokens, *_: max(len(tokens), 1),
)


@wrong("E02.2", "last_only", "that is the last token alone; the log-probability of the sequence is the sum over all")
def sequence_log_prob_last_only(tokens, cond, bos):
    logs = [log(cond(token, (bos, *tokens[:i]))) for i, token in enumerate(tokens)]
    return logs[-1] if logs else 0.0


@wrong("E02.2", "product_of_logs")
def sequence_log_prob_product_of_logs(tokens, cond, bos):
    logs = [log(cond(token, (bos, *tokens[:i]))) for i, token in enumerate(tokens)]
    return math.prod(logs) if logs else 0.0


@wrong("E02.2", "empty_sequence_undefined")
def sequence_log_prob_empty_sequence_undefined(tokens, cond, bos):
    if not tokens:
        return -math.inf
    return sum(log(cond(token, (bos, *tokens[:i]))) for i, token in enumerate(tokens))


@wrong("E02.2", "eos_added", "an end was scored that nobody asked for: score the tokens that are there, and no more")
def sequence_log_prob_eos_added(tokens, cond, bos):
    return sum(log(cond(token, (bos, *tokens[:i]))) for i, token in enumerate([*tokens, "</s>"]))


@right("E02.2", "recursion from the end, all calls made")
def sequence_log_prob_recursion_from_the_end_all_calls(tokens, cond, bos):
    if not tokens:
        return 0
    *before, last = tokens
    return sequence_of(before, cond, bos) + log(cond(last, (bos, *before)))


def sequence_of(tokens, cond, bos):
    if not tokens:
        return 0
    *before, last = tokens
    return sequence_of(before, cond, bos) + log(cond(last, (bos, *before)))


@right("E02.2", "recursion from the start, with the context so far")
def sequence_log_prob_recursion_from_the_start(tokens, cond, bos):
    def rest(context, tokens):
        if len(tokens) == 0:
            return 0.0
        p = cond(tokens[0], context)
        return -math.inf if p == 0 else math.log(p) + rest((*context, tokens[0]), tokens[1:])

    return rest((bos,), tokens)


@right("E02.2", "a generator, and math.fsum")
def sequence_log_prob_a_generator_and_math_fsum(tokens, cond, bos):
    return math.fsum(log(cond(token, (bos, *tokens[:i]))) for i, token in enumerate(tokens))


@right("E02.2", "numpy, with log 0 quiet")
def sequence_log_prob_numpy_with_log_0_quiet(tokens, cond, bos):
    probs = np.array([cond(token, (bos, *tokens[:i])) for i, token in enumerate(tokens)], dtype=float)
    with np.errstate(divide="ignore"):
        return np.log(probs).sum()


@right("E02.2", "backwards, keyword arguments, contexts as lists")
def sequence_log_prob_backwards_keyword_arguments(tokens, cond, bos):
    text = [bos] + tokens
    total = 0.0
    for i in range(len(text) - 1, 0, -1):
        total += log(cond(token=text[i], context=text[:i]))
    return total


@right("E02.2", "stops at the first impossible token, with zip and accumulate")
def sequence_log_prob_stops_at_the_first_impossible(tokens, cond, bos):
    contexts = itertools.accumulate(tokens, lambda context, token: (*context, token), initial=(bos,))
    total = 0.0
    for token, context in zip(tokens, contexts, strict=False):
        p = cond(token, context)
        if not p:
            return float("-inf")
        total += math.log2(p)
    return total * math.log(2)


@right("E02.2", "a torch tensor with gradient")
def sequence_log_prob_a_torch_tensor_with_gradient(tokens, cond, bos):
    import torch

    probs = [cond(token, (bos, *tokens[:i])) for i, token in enumerate(tokens)]
    return torch.tensor(probs, dtype=torch.float64, requires_grad=True).log().sum()


@right("E02.2", "torch in single precision")
def sequence_log_prob_torch_in_single_precision(tokens, cond, bos):
    import torch

    return torch.tensor([cond(token, (bos, *tokens[:i])) for i, token in enumerate(tokens)]).log().sum()


@right("E02.2", "decimals")
def sequence_log_prob_decimals(tokens, cond, bos):
    return sum((Decimal(cond(token, (bos, *tokens[:i]))).ln() for i, token in enumerate(tokens)), Decimal(0))


@right("E02.2", "an exact product, and the logarithm of its two whole numbers")
def sequence_log_prob_an_exact_product(tokens, cond, bos):
    exact = math.prod((Fraction(cond(token, (bos, *tokens[:i]))) for i, token in enumerate(tokens)), start=Fraction(1))
    return math.log(exact.numerator) - math.log(exact.denominator) if exact else -math.inf


# --- E02.3 ----------------------------------------------------------------------------------------------------------

wrong_value("E02.3", (1 - 0.9**9, 9.0), "length_off_by_one")
wrong_value("E02.3", (1 - 0.9**9, 10.0), "length_off_by_one")
wrong_value("E02.3", (0.9**9, 9.0), "nothing_ended_by_then")
wrong_value("E02.3", (0.9**10, 9.0), "survival_for_mass")
wrong_value("E02.3", (0.1 * 0.9**9, 9.0), "one_length_for_all")
wrong_value("E02.3", (1 - 0.9**10, 10.0), "eos_counted")
wrong_value("E02.3", (9.0, 1 - 0.9**10), "swapped")
wrong_value(
    "E02.3",
    (0.6513, 9),
    "rounded",
    "the first number is nearly right: rounded, or a sum that stops too early?",
)
wrong_value(
    "E02.3",
    (1 - 0.9**10, sum(n * 0.1 * 0.9**n for n in range(150))),
    "rounded",
    "the second number is nearly right: rounded, or a sum that stops too early?",
)
right_value("E02.3", (1 - 0.9**10, 9.0), "closed form")
right_value("E02.3", (sum(0.1 * 0.9**n for n in range(10)), sum(n * 0.1 * 0.9**n for n in range(2000))), "summation")
right_value("E02.3", np.array([1 - 0.9**10, 0.9 / 0.1]), "an array")
right_value("E02.3", [1 - Fraction(9, 10) ** 10, 9], "fractions, a list")
right_value("E02.3", {"mass": -math.expm1(10 * math.log1p(-0.1)), "mean": 1 / 0.1 - 1}, "a dict, through logs")
right_value("E02.3", (np.float32(1 - 0.9**10), np.float32(9)), "single precision")

# --- E02.4 ----------------------------------------------------------------------------------------------------------


def _prefix(cond, tokens):
    return math.prod(cond(token, (BOS, *tokens[:i])) for i, token in enumerate(tokens))


def _complete(cond, tokens, eos):
    return _prefix(cond, tokens) * cond(eos, (BOS, *tokens))


@wrong("E02.4", "complete_for_prefix", complete_prob=_complete)
def prefix_prob_complete_for_prefix(cond, tokens):
    return _complete(cond, tokens, "</s>")


@wrong("E02.4", "eos_not_scored", complete_prob=lambda cond, tokens, eos: _prefix(cond, tokens))
def prefix_prob_eos_not_scored(cond, tokens):
    return _prefix(cond, tokens)


@wrong("E02.4", "eos_not_scored", complete_prob=lambda cond, tokens, eos: _prefix(cond, tokens) if tokens else 1.0)
def prefix_prob_eos_not_scored_2(cond, tokens):
    return _prefix(cond, tokens)


@wrong("E02.4", "end_symbol_fixed", complete_prob=lambda cond, tokens, eos: _complete(cond, tokens, "</s>"))
def prefix_prob_end_symbol_fixed(cond, tokens):
    return _prefix(cond, tokens)


@wrong("E02.4", "swapped_events", complete_prob=lambda cond, tokens, eos: _prefix(cond, tokens))
def prefix_prob_swapped_events(cond, tokens):
    return _complete(cond, tokens, "</s>")


def _renormalised(cond, tokens):
    contexts = [(BOS, *tokens[:i]) for i in range(len(tokens))]
    factors = [
        cond(token, context) / (1 - cond("</s>", context)) if cond("</s>", context) < 1 else 0.0
        for token, context in zip(tokens, contexts, strict=True)
    ]
    return math.prod(factors)


@wrong("E02.4", "renormalised_without_eos", complete_prob=_complete)
def prefix_prob_renormalised_without_eos(cond, tokens):
    return _renormalised(cond, tokens)


@wrong(
    "E02.4",
    "renormalised_without_eos",
    complete_prob=lambda cond, tokens, eos: _renormalised(cond, tokens) * cond(eos, (BOS, *tokens)),
)
def prefix_prob_renormalised_without_eos_2(cond, tokens):
    return _renormalised(cond, tokens)


def _survival_twice(cond, tokens):
    contexts = [(BOS, *tokens[:i]) for i in range(len(tokens))]
    return math.prod(cond(token, c) * (1 - cond("</s>", c)) for token, c in zip(tokens, contexts, strict=True))


@wrong("E02.4", "survival_counted_twice", complete_prob=_complete)
def prefix_prob_survival_counted_twice(cond, tokens):
    return _survival_twice(cond, tokens)


@wrong(
    "E02.4",
    "survival_counted_twice",
    complete_prob=lambda cond, tokens, eos: _survival_twice(cond, tokens) * cond(eos, (BOS, *tokens)),
)
def prefix_prob_survival_counted_twice_2(cond, tokens):
    return _survival_twice(cond, tokens)


@wrong("E02.4", "eos_added_for_multiplied", complete_prob=lambda c, t, eos: _prefix(c, t) + c(eos, (BOS, *t)))
def prefix_prob_eos_added_for_multiplied(cond, tokens):
    return _prefix(cond, tokens)


@wrong("E02.4", "eos_in_wrong_context", complete_prob=lambda c, t, eos: _prefix(c, t) * c(eos, (BOS,)))
def prefix_prob_eos_in_wrong_context(cond, tokens):
    return _prefix(cond, tokens)


@wrong("E02.4", "eos_in_wrong_context", complete_prob=lambda c, t, eos: _prefix(c, t) * c(eos, (BOS, *t[:-1])))
def prefix_prob_eos_in_wrong_context_2(cond, tokens):
    return _prefix(cond, tokens)


@wrong("E02.4", "eos_only", complete_prob=lambda cond, tokens, eos: cond(eos, (BOS, *tokens)))
def prefix_prob_eos_only(cond, tokens):
    return _prefix(cond, tokens)


@wrong(
    "E02.4",
    "empty_product_zero",
    "prefix_prob of no tokens is 1: every string starts with nothing",
    complete_prob=_complete,
)
def prefix_prob_empty_product_zero(cond, tokens):
    return _prefix(cond, tokens) if tokens else 0.0


@wrong(
    "E02.4",
    "bos_missing_in_context",
    complete_prob=lambda c, t, eos: math.prod(c(y, tuple(t[:i])) for i, y in enumerate([*t, eos])),
)
def prefix_prob_bos_missing_in_context(cond, tokens):
    return math.prod(cond(token, tuple(tokens[:i])) for i, token in enumerate(tokens))


@wrong(
    "E02.4",
    "first_token_dropped",
    complete_prob=lambda c, t, eos: math.prod(c(t[i], (BOS, *t[:i])) for i in range(1, len(t))) * c(eos, (BOS, *t)),
)
def prefix_prob_first_token_dropped(cond, tokens):
    return math.prod(cond(tokens[i], (BOS, *tokens[:i])) for i in range(1, len(tokens)))


@wrong(
    "E02.4",
    "log_for_probability",
    complete_prob=lambda cond, tokens, eos: log(_complete(cond, tokens, eos)),
)
def prefix_prob_log_for_probability(cond, tokens):
    return log(_prefix(cond, tokens))


@wrong(
    "E02.4",
    "context_dropped",
    "every token was asked for right after BOS: the tokens between belong to its context",
    complete_prob=lambda c, t, eos: math.prod(c(y, (BOS,)) for y in [*t, eos]),
)
def prefix_prob_context_dropped(cond, tokens):
    return math.prod(cond(token, (BOS,)) for token in tokens)


def _in_logs(cond, tokens, context=(BOS,)):
    total = 0.0
    for token in tokens:
        total += log(cond(token, context))
        context += (token,)
    return np.exp(total)


@right("E02.4", "logs inside", complete_prob=lambda cond, tokens, eos: _in_logs(cond, [*tokens, eos]))
def prefix_prob_logs_inside(cond, tokens):
    return _in_logs(cond, tokens)


def _exactly(cond, tokens):
    return math.prod((Fraction(cond(t, (BOS, *tokens[:i]))) for i, t in enumerate(tokens)), start=Fraction(1))


@right(
    "E02.4",
    "fractions",
    complete_prob=lambda cond, tokens, eos: _exactly(cond, tokens) * Fraction(cond(eos, (BOS, *tokens))),
)
def prefix_prob_fractions(cond, tokens):
    return _exactly(cond, tokens)


def _backwards(cond, tokens):
    return cond(tokens[-1], (BOS, *tokens[:-1])) * _backwards(cond, tokens[:-1]) if tokens else 1


@right("E02.4", "recursion, EOS as one more token", complete_prob=lambda c, t, eos: _backwards(c, t + [eos]))
def prefix_prob_recursion_eos_as_one_more_token(cond, tokens):
    return _backwards(cond, tokens)


@right(
    "E02.4",
    "numpy scalars, contexts as lists, EOS first",
    complete_prob=lambda c, t, eos: (
        np.float64(c(eos, [BOS] + t)) * np.prod([c(y, [BOS] + t[:i]) for i, y in enumerate(t)])
    ),
)
def prefix_prob_numpy_scalars_contexts_as_lists(cond, tokens):
    return np.prod([cond(token, [BOS] + tokens[:i]) for i, token in enumerate(tokens)])


def _in_torch(cond, tokens):
    import torch

    probs = [cond(token, (BOS, *tokens[:i])) for i, token in enumerate(tokens)]
    return torch.tensor(probs, dtype=torch.float64, requires_grad=True).prod()


@right("E02.4", "torch", complete_prob=lambda cond, tokens, eos: _in_torch(cond, [*tokens, eos]))
def prefix_prob_torch(cond, tokens):
    return _in_torch(cond, tokens)


# --- E02.5 ----------------------------------------------------------------------------------------------------------


def _probs(tokens, cond, bos):
    return [cond(token, (bos, *tokens[:i])) for i, token in enumerate(tokens)]


@wrong("E02.5", "floor_for_zero")
def safe_log_prob_floor_for_zero(tokens, cond, bos):  # the colleague's own
    total, context = 0.0, (bos,)
    for token in tokens:
        total += math.log(max(cond(token, context), 1e-12))
        context += (token,)
    return total


@wrong("E02.5", "floor_for_zero")
def safe_log_prob_floor_for_zero_2(tokens, cond, bos):
    return sum(math.log(max(p, 1e-300)) for p in _probs(tokens, cond, bos))


@wrong("E02.5", "floor_for_zero")
def safe_log_prob_floor_for_zero_3(tokens, cond, bos):
    return sum(math.log(p + 1e-12) for p in _probs(tokens, cond, bos))


@wrong("E02.5", "floor_for_zero")
def safe_log_prob_floor_for_zero_4(tokens, cond, bos):
    return sum(math.log(p + 5e-324) for p in _probs(tokens, cond, bos))


@wrong("E02.5", "floor_for_zero")
def safe_log_prob_floor_for_zero_5(tokens, cond, bos):
    return float(np.nan_to_num(np.log(np.array(_probs(tokens, cond, bos), dtype=float))).sum())


@wrong("E02.5", "floor_for_zero")
def safe_log_prob_floor_for_zero_6(tokens, cond, bos):
    return sum(math.log(p) if p > 0 else -1e9 for p in _probs(tokens, cond, bos))


@wrong("E02.5", "impossible_token_skipped")
def safe_log_prob_impossible_token_skipped(tokens, cond, bos):
    return sum(math.log(p) for p in _probs(tokens, cond, bos) if p > 0)


@wrong("E02.5", "impossible_token_skipped")
def safe_log_prob_impossible_token_skipped_2(tokens, cond, bos):
    return sum(math.log(p) if p > 0 else 0.0 for p in _probs(tokens, cond, bos))


@wrong("E02.5", "impossible_token_skipped")
def safe_log_prob_impossible_token_skipped_3(tokens, cond, bos):
    total = 0.0
    for p in _probs(tokens, cond, bos):
        if p == 0:
            break
        total += math.log(p)
    return total


@wrong(
    "E02.5",
    "zero_for_impossible",
    "an impossible sequence came out with 0, which is the logarithm of 1: return -math.inf",
)
def safe_log_prob_zero_for_impossible(tokens, cond, bos):
    probs = _probs(tokens, cond, bos)
    return sum(math.log(p) for p in probs) if all(probs) else 0.0


@wrong("E02.5", "tiny_for_impossible")
def safe_log_prob_tiny_for_impossible(tokens, cond, bos):
    return sum(math.log(p) if p > 1e-12 else -math.inf for p in _probs(tokens, cond, bos))


@wrong("E02.5", "tiny_for_impossible")
def safe_log_prob_tiny_for_impossible_2(tokens, cond, bos):
    return sum(-math.inf if math.isclose(p, 0, abs_tol=1e-9) else math.log(p) for p in _probs(tokens, cond, bos))


@wrong("E02.5", "tiny_for_impossible")
def safe_log_prob_tiny_for_impossible_3(tokens, cond, bos):
    return sum(math.log(p) if p > sys.float_info.min else -math.inf for p in _probs(tokens, cond, bos))


@wrong("E02.5", "nan_for_zero")
def safe_log_prob_nan_for_zero(tokens, cond, bos):
    return sum(math.log(p) if p > 0 else math.nan for p in _probs(tokens, cond, bos))


@wrong("E02.5", "log_of_zero_raises")
def safe_log_prob_log_of_zero_raises(tokens, cond, bos):
    return sum(math.log(p) for p in _probs(tokens, cond, bos))


@wrong("E02.5", "log_of_zero_raises", "an impossible sequence is no error here: return -math.inf for it")
def safe_log_prob_log_of_zero_raises_2(tokens, cond, bos):
    probs = _probs(tokens, cond, bos)
    if 0 in probs:
        raise ZeroDivisionError("impossible")
    return sum(map(math.log, probs))


@wrong("E02.5", "log_of_zero_missing", "None came back for an impossible sequence: its log-probability is -math.inf")
def safe_log_prob_log_of_zero_missing(tokens, cond, bos):
    probs = _probs(tokens, cond, bos)
    return sum(map(math.log, probs)) if all(probs) else None


@wrong("E02.5", "probability_for_log")
def safe_log_prob_probability_for_log(tokens, cond, bos):
    return math.prod(_probs(tokens, cond, bos))


common("E02.5", _scored, "surprisal_for_log_prob")


@wrong("E02.5", "first_token_dropped", "the first token is not scored any more")
def safe_log_prob_first_token_dropped(tokens, cond, bos):
    return sum(map(log, _probs(tokens, cond, bos)[1:]))


@wrong(
    "E02.5",
    "empty_sequence_undefined",
    "the empty sequence is not impossible: it has to give 0, the logarithm of 1",
)
def safe_log_prob_empty_sequence_undefined(tokens, cond, bos):
    return sum(map(log, _probs(tokens, cond, bos))) if tokens else -math.inf


@wrong(
    "E02.5",
    "only_first_zero_seen",
    "an impossible token is noticed at the start only: it can stand anywhere",
)
def safe_log_prob_only_first_zero_seen(tokens, cond, bos):
    probs = _probs(tokens, cond, bos)
    if probs and probs[0] == 0:
        return -math.inf
    return sum(math.log(max(p, 1e-12)) if p < 1e-12 and p == 0 else math.log(p) for p in probs)


@right("E02.5", "errstate")
def safe_log_prob_errstate(tokens, cond, bos):
    with np.errstate(divide="ignore"):
        return np.sum(np.log(np.array(_probs(tokens, cond, bos), dtype=np.float64)))


@right("E02.5", "an explicit branch before the loop")
def safe_log_prob_an_explicit_branch(tokens, cond, bos):
    probs = _probs(tokens, cond, bos)
    return -math.inf if min(probs, default=1) == 0 else math.fsum(map(math.log, probs))


@right("E02.5", "the exception caught")
def safe_log_prob_the_exception_caught(tokens, cond, bos):
    try:
        return sum(math.log(p) for p in _probs(tokens, cond, bos))
    except ValueError:
        return -math.inf


@right("E02.5", "asks the model twice, which costs time and no points")
def safe_log_prob_asks_the_model_twice(tokens, cond, bos):
    total, context = 0.0, [bos]
    for token in tokens:
        if cond(token, tuple(context)) == 0:
            return float("-inf")
        total += math.log(cond(token, tuple(context)))
        context.append(token)
    return total


@right("E02.5", "torch")
def safe_log_prob_torch(tokens, cond, bos):
    import torch

    return torch.tensor(_probs(tokens, cond, bos), dtype=torch.float64, requires_grad=True).log().sum()


@right("E02.5", "decimals")
def safe_log_prob_decimals(tokens, cond, bos):
    return sum((Decimal(p).ln() for p in _probs(tokens, cond, bos)), Decimal(0))


@right("E02.5", "recursion")
def safe_log_prob_recursion(tokens, cond, bos):
    def score(n):
        return 0 if n == 0 else score(n - 1) + log(cond(tokens[n - 1], (bos, *tokens[: n - 1])))

    return score(len(tokens))


# --- E02.6 ----------------------------------------------------------------------------------------------------------


def _hazard(t):
    return 1 / (t + 1) ** 2


@wrong("E02.6", "everything_ends")
def leaky_mass_everything_ends(n):
    return 1.0


@wrong("E02.6", "nothing_ends")
def leaky_mass_nothing_ends(n):
    return 0.0


@wrong("E02.6", "limit_for_finite")
def leaky_mass_limit_for_finite(n):
    return 0.5


@wrong(
    "E02.6", "survival_for_mass", "that is the probability of still going on after n steps; the task asks for the rest"
)
def leaky_mass_survival_for_mass(n):
    return math.prod(1 - _hazard(t) for t in range(1, n + 1))


@wrong("E02.6", "hazards_added")
def leaky_mass_hazards_added(n):
    return sum(_hazard(t) for t in range(1, n + 1))


@wrong("E02.6", "hazard_for_mass")
def leaky_mass_hazard_for_mass(n):
    return _hazard(n) if n else 0.0


@wrong("E02.6", "one_step_for_all")
def leaky_mass_one_step_for_all(n):
    return math.prod(1 - _hazard(t) for t in range(1, n)) * _hazard(n) if n else 0.0


@wrong("E02.6", "hazard_shifted")
def leaky_mass_hazard_shifted(n):
    return 1 - math.prod(1 - 1 / t**2 for t in range(1, n + 1))


@wrong("E02.6", "hazard_shifted")
def leaky_mass_hazard_shifted_2(n):
    return 1 - math.prod(1 - 1 / t**2 for t in range(3, n + 3))


@wrong("E02.6", "hazard_not_squared")
def leaky_mass_hazard_not_squared(n):
    return 1 - math.prod(1 - 1 / (t + 1) for t in range(1, n + 1))


@wrong("E02.6", "hazard_misread")
def leaky_mass_hazard_misread(n):
    return 1 - math.prod(1 - 1 / (t**2 + 1) for t in range(1, n + 1))


@wrong("E02.6", "constant_hazard")
def leaky_mass_constant_hazard(n):
    return 1 - (1 - _hazard(n)) ** n


@wrong("E02.6", "constant_hazard")
def leaky_mass_constant_hazard_2(n):
    return 1 - 0.9**n


@wrong("E02.6", "steps_off_by_one", "one step too few: steps 1, 2, ..., n all count")
def leaky_mass_steps_off_by_one(n):
    return 1 - math.prod(1 - _hazard(t) for t in range(1, n))


@wrong("E02.6", "steps_off_by_one", "one step too many: steps 1, 2, ..., n count, and no more")
def leaky_mass_steps_off_by_one_2(n):
    return 1 - math.prod(1 - _hazard(t) for t in range(1, n + 2))


@right("E02.6", "closed form")
def leaky_mass_closed_form(n):
    return 1 - (n + 2) / (2 * (n + 1))


@right("E02.6", "shorter closed form, as a fraction")
def leaky_mass_shorter_closed_form(n):
    return Fraction(n, 2 * (n + 1))


@right("E02.6", "a sum over the step at which it ends")
def leaky_mass_a_sum_over_steps(n):
    ended, alive = 0.0, 1.0
    for t in range(1, n + 1):
        ended += alive * _hazard(t)
        alive -= alive * _hazard(t)
    return ended


@right("E02.6", "recursion")
def leaky_mass_recursion(n):
    def within(n):
        return 0 if n == 0 else within(n - 1) + (1 - within(n - 1)) * _hazard(n) if n < 2 else rest(n)

    def rest(n):
        before = within(1) if n == 2 else rest(n - 1)
        return before + (1 - before) * _hazard(n)

    return within(n)


@right("E02.6", "numpy")
def leaky_mass_numpy(n):
    t = np.arange(1, n + 1)
    return 1 - np.prod(1 - 1 / (t + 1) ** 2)


@right("E02.6", "through logs")
def leaky_mass_through_logs(n):
    return -math.expm1(sum(math.log1p(-_hazard(t)) for t in range(1, n + 1)))


@right("E02.6", "torch in single precision")
def leaky_mass_torch_in_single_precision(n):
    import torch

    t = torch.arange(1, n + 1, dtype=torch.float64)
    return (1 - torch.prod(1 - 1 / (t + 1) ** 2)).to(torch.float32)


# --- E02.7 ----------------------------------------------------------------------------------------------------------

_MESSAGE = misconceptions()["winner_not_a_prefix"]["message"]

wrong_value(
    "E02.7", ["the cat", "the dog"], "winner_not_a_prefix", _MESSAGE + " (here: ['the', 'cat'] and ['the', 'dog'])"
)
wrong_value("E02.7", ["a", "bc", "bcd"], "winner_not_a_prefix", _MESSAGE + " (here: ['a'] and ['b', 'c'])")
wrong_value("E02.7", ["ab", "abc", "ba"], "winner_not_a_prefix", _MESSAGE + " (here: ['a', 'b'] and ['b', 'a'])")
wrong_value(
    "E02.7",
    ["the cat", "the cats sat"],
    "winner_not_a_prefix",
    _MESSAGE + " (here: ['the', 'cat'] and ['the', 'cats', 'sat'])",
)
wrong_value(
    "E02.7", ["sat", "the cat sat"], "winner_not_a_prefix", _MESSAGE + " (here: ['sat'] and ['the', 'cat', 'sat'])"
)
wrong_value("E02.7", ["the cat sat"], "one_candidate")
wrong_value("E02.7", ["ab", "ab"], "one_candidate")
wrong_value("E02.7", [("</s>",), ("a", "</s>"), ("a", "b", "</s>")], "eos_in_candidates")
wrong_value("E02.7", ["</s>", "a</s>"], "eos_in_candidates")
wrong_value("E02.7", ["the cat", "the cat sat </s>"], "eos_in_candidates")
wrong_value("E02.7", [], "no_candidates", "the list is empty: give at least two candidates")
right_value("E02.7", ["", "a"], "the empty string and one more")
right_value("E02.7", ["a", "ab", "abc"], "a chain without the empty string")
right_value("E02.7", ["a", "ab", "ac"], "not a chain")
right_value("E02.7", ["abc", "a", "ab"], "the winner is not the first")
right_value("E02.7", [(), ("the",), ("the", "cat"), ("a", "dog")], "tuples, and the empty one")
right_value("E02.7", [["the"], ["the", "cat"]], "lists of tokens")
right_value("E02.7", [[3], [3, 1], [3, 7, 7]], "ids")
right_value("E02.7", {"ab", "a"}, "a set")
right_value("E02.7", ("", "the cat sat", "a dog"), "a tuple of sentences")
right_value("E02.7", ["the cat ", "the cat sat", "the cat ran"], "a space at the end")
right_value("E02.7", ["", ("a",), ("a", "b")], "the empty string beside tuples")
right_value("E02.7", [np.array([1, 2]), np.array([1, 2, 3])], "arrays of ids")
right_value("E02.7", [("<s>",), ("<s>", "a")], "BOS written down")
right_value("E02.7", ["yes", "yes, please"], "a comma is a token of its own")
wrong_value("E02.7", [("the", "cat", "EOS"), ("the", "cat", "sat", "EOS")], "eos_in_candidates")

# --- automatic mutants that are no mistakes -------------------------------------------------------------------------

_DECIDED = "the first factor is 0, and no later factor can change that: it is what the task is about"
MUTANTS.equivalent = {
    "E02.1": dict.fromkeys(("0.4 -> 1.4", "0.4 -> -0.6", "0.8 -> 1.8", "0.8 -> -0.19999999999999996"), _DECIDED)
}
