"""Wrong answers to lesson 12 that its judge has to name, and unusual right ones that it has to accept."""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction

import numpy as np

from course_utils.log_space import log_softmax, logsumexp
from course_utils.staff.judging.mutants import Mutants
from course_utils.toy_language import random_language

MUTANTS = Mutants()
wrong, right = MUTANTS.wrong, MUTANTS.right

# --- E12.1 ----------------------------------------------------------------------------------------------------------


def _cut(y, eos):
    return y[: y.index(eos) + 1] if eos in y else y


def _refuse(rows):
    if np.isnan(rows).any() or np.isneginf(rows).all(axis=1).any():
        raise ValueError("a row that is no distribution")


def _service(
    cut: Callable = _cut,
    normalise: Callable = log_softmax,
    total: Callable = lambda terms: float(np.sum(terms)),
    pick: Callable = lambda scores: scores.index(max(scores)),
    refuse: Callable = _refuse,
    empty: Callable = lambda: warnings.warn("empty", stacklevel=2),
    shown: Callable = lambda scores: scores,
    dtype: type = np.float64,
    term: Callable = lambda row, k: row[k],
    start: float = 0.0,
) -> Callable:
    """The right function, of which one piece can be another."""

    def score_and_select(x, Y, U, eos):
        scores = []
        for y, rows in zip(Y, U, strict=True):
            ids = cut(y, eos)
            if not y:
                empty()
                scores.append(0.0)
                continue
            rows = np.asarray(rows, dtype=dtype)[: len(ids)]
            refuse(rows)
            scores.append(start + total([term(row, k) for row, k in zip(normalise(rows), ids, strict=True)]))
        return pick(scores), shown(scores)

    return score_and_select


def _argmax_last(scores):
    return len(scores) - 1 - scores[::-1].index(max(scores))


def _refuse_all(message):
    def refuse(rows):
        if np.isneginf(rows).any() or np.isnan(rows).any():
            raise ValueError(message)

    return refuse


for _name, _text, _pieces in (
    ("goes_on_after_eos", "", {"cut": lambda y, eos: y}),
    (
        "eos_forgotten",
        "the term of EOS is missing: the end is a token like others",
        {"cut": lambda y, eos: y[: y.index(eos)] if eos in y else y},
    ),
    ("last_eos_for_first", "", {"cut": lambda y, eos: y[: len(y) - y[::-1].index(eos)] if eos in y else y}),
    (
        "mean_of_logs",
        "that is the mean of the log-probabilities; the contract asks for their sum",
        {"total": lambda terms: float(np.mean(terms))},
    ),
    (
        "length_penalty_applied",
        "the sum is divided by a length penalty: another objective than the contract's",
        {"total": lambda terms: float(np.sum(terms)) / ((5 + len(terms)) / 6) ** 0.6},
    ),
    ("logits_added_up", "", {"normalise": lambda rows: rows}),
    ("maximum_for_normaliser", "", {"normalise": lambda rows: rows - rows.max(axis=1, keepdims=True)}),
    ("normalised_over_positions", "", {"normalise": lambda rows: log_softmax(rows, axis=0)}),
    (
        "exp_out_of_range",
        "exp(1000) is inf and exp(-1000) is 0 in floating point: use log_softmax along the vocabulary",
        {"normalise": lambda rows: np.log(np.exp(rows) / np.exp(rows).sum(axis=1, keepdims=True))},
    ),
    (
        "shortlist_kept",
        "the softmax still runs over the best tokens only: the whole vocabulary belongs to it",
        {"normalise": lambda rows: rows - logsumexp(np.sort(rows, axis=1)[:, -2:], axis=1, keepdims=True)},
    ),
    (
        "log_of_underflowed_product",
        "the probabilities are multiplied before the log: 1200 tokens underflow to 0",
        {"total": lambda terms: float(np.log(np.prod(np.exp(terms))))},
    ),
    (
        "probability_for_log",
        "the scores are probabilities; the contract asks for their logarithms",
        {"total": lambda terms: math.exp(np.sum(terms))},
    ),
    ("surprisal_for_log_prob", "", {"total": lambda terms: -float(np.sum(terms))}),
    ("bits_for_nats", "", {"total": lambda terms: float(np.sum(terms)) / math.log(2)}),
    ("first_token_dropped", "the first token of each candidate is missing", {"total": lambda t: float(np.sum(t[1:]))}),
    ("last_token_dropped", "the last token of each candidate is missing", {"total": lambda t: float(np.sum(t[:-1]))}),
    (
        "start_token_scored",
        "BOS was given a probability of its own: it is a condition, and adds 0",
        {"start": -math.log(4)},
    ),
    ("last_of_equals", "", {"pick": _argmax_last}),
    ("least_probable", "", {"pick": lambda scores: scores.index(min(scores))}),
    ("counted_from_one", "", {"pick": lambda scores: scores.index(max(scores)) + 1}),
    (
        "score_for_index",
        "the winner's score came back in place of its index: return (index, scores)",
        {"pick": max},
    ),
    ("broken_row_accepted", "", {"refuse": lambda rows: None}),
    (
        "broken_row_accepted",
        "a row that is all -inf went through: it is no distribution, and has to raise a ValueError",
        {"refuse": lambda rows: _refuse(np.where(np.isneginf(rows), 0.0, rows))},
    ),
    (
        "broken_row_accepted",
        "a row with a NaN went through: it is no distribution, and has to raise a ValueError",
        {"refuse": lambda rows: _refuse(np.where(np.isnan(rows), 0.0, rows))},
    ),
    ("impossible_token_refused", "", {"refuse": _refuse_all("not finite")}),
    ("empty_without_warning", "", {"empty": lambda: None}),
    (
        "floor_for_zero",
        "a score of -inf became finite: an impossible token makes the candidate impossible",
        {"total": lambda terms: float(np.maximum(terms, -1e9).sum())},
    ),
):
    wrong("E12.1", _name, _text)(_service(**_pieces))


@wrong("E12.1", "winner_by_mean", "the scores are right; the winner was picked by another measure than the scores")
def score_and_select_winner_by_mean(x, Y, U, eos):
    scores = _service()(x, Y, U, eos)[1]
    means = [s / max(1, len(_cut(y, eos))) for s, y in zip(scores, Y, strict=True)]
    return means.index(max(means)), scores


@wrong("E12.1", "broken_row_accepted", "a NaN that is not at the chosen token went through: the whole row is broken")
def score_and_select_broken_row_accepted(x, Y, U, eos):
    def normalise(rows):
        return rows - np.stack([logsumexp(row[~np.isnan(row)], keepdims=True) for row in rows])

    def refuse(rows):
        _refuse(np.where(np.isnan(rows), 0.0, rows))

    winner, scores = _service(refuse=refuse, normalise=normalise)(x, Y, U, eos)
    if any(map(math.isnan, scores)):
        raise ValueError("NaN")
    return winner, scores


@wrong("E12.1", "padding_checked")
def score_and_select_padding_checked(x, Y, U, eos):
    for rows in U:
        if len(rows):
            _refuse(rows)
    return _service()(x, Y, U, eos)


@wrong("E12.1", "wrong_exception", "an assertion stopped it; the contract asks for a ValueError")
def score_and_select_wrong_exception(x, Y, U, eos):
    def refuse(rows):
        assert not np.isnan(rows).any() and not np.isneginf(rows).all(axis=1).any()

    return _service(refuse=refuse)(x, Y, U, eos)


@wrong("E12.1", "empty_raises")
def score_and_select_empty_raises(x, Y, U, eos):
    if any(not y for y in Y):
        raise ValueError("empty candidate")
    return _service()(x, Y, U, eos)


@wrong("E12.1", "empty_is_impossible")
def score_and_select_empty_is_impossible(x, Y, U, eos):
    for y in Y:
        if not y:
            warnings.warn("empty", stacklevel=2)
    scores = _service()(x, Y, U, eos)[1]
    scores = [s if y else -math.inf for s, y in zip(scores, Y, strict=True)]
    return scores.index(max(scores)), scores


@wrong("E12.1", "swapped", "the scores came first: return (winner, scores)")
def score_and_select_swapped(x, Y, U, eos):
    return _service()(x, Y, U, eos)[::-1]


@wrong("E12.1", "zip_cuts_to_shortest")
def score_and_select_zip_cuts_to_shortest(x, Y, U, eos):
    n = min(len(_cut(y, eos)) for y in Y)
    return _service(cut=lambda y, eos: _cut(y, eos)[:n])(x, Y, U, eos)


@wrong("E12.1", "softmax_over_candidates")
def score_and_select_softmax_over_candidates(x, Y, U, eos):
    winner, scores = _service()(x, Y, U, eos)
    return winner, log_softmax(scores).tolist()


@right("E12.1", "numpy, one indexing a candidate")
def score_and_select_numpy_one_indexing_a_candidate(x, Y, U, eos):
    scores = np.zeros(len(Y))
    for c, (y, u) in enumerate(zip(Y, U, strict=True)):
        n = next((i + 1 for i, token in enumerate(y) if token == eos), len(y))
        u = u[:n].astype(np.float64)
        if n == 0:
            warnings.warn(f"candidate {c} is empty", UserWarning, stacklevel=2)
            continue
        if np.isnan(u).any() or (u.max(axis=1) == -np.inf).any():
            raise ValueError
        scores[c] = (u[range(n), y[:n]] - np.logaddexp.reduce(u, axis=1)).sum()
    return np.argmax(scores), scores


@right("E12.1", "torch, and a cross-entropy")
def score_and_select_torch_and_a_cross_entropy(x, Y, U, eos):
    import torch

    scores = []
    for y, u in zip(Y, U, strict=True):
        u = torch.tensor(u, dtype=torch.float64)
        n = y.index(eos) + 1 if eos in y else len(y)
        if not n:
            warnings.warn("nothing to score", RuntimeWarning, stacklevel=1)
        if torch.isnan(u[:n]).any() or torch.isneginf(u[:n]).all(-1).any():
            raise ValueError("no distribution")
        scores.append(-torch.nn.functional.cross_entropy(u[:n], torch.tensor(y[:n], dtype=torch.long), reduction="sum"))
    best = max(range(len(Y)), key=lambda c: scores[c].item())
    return best, [s.requires_grad_() for s in scores]


@right("E12.1", "float32 kept, and a dict")
def score_and_select_float32_kept_and_a_dict(x, Y, U, eos):
    scores = []
    for y, u in zip(Y, U, strict=True):
        if not len(y):
            warnings.warn("an empty answer beats all", stacklevel=2)
        total = 0.0
        for k, row in zip(y, u, strict=True):
            if np.isnan(row.sum()) and not (row == np.inf).any() or row.max() == -np.inf:
                raise ValueError(row)
            total += row[k] - row.max() - np.log(np.exp(row - row.max()).sum())
            if k == eos:
                break
        scores.append(total)
    return {"scores": scores, "winner": int(np.argmax(scores))}


@right("E12.1", "minus the odds against each token, exactly added")
def score_and_select_minus_the_odds_against(x, Y, U, eos):
    def surprisal(row, k):
        values = [float(u) for u in row]
        if any(map(math.isnan, values)) or max(values) == -math.inf:
            raise ValueError("broken row")
        if values[k] == -math.inf:
            return math.inf
        top = max(values)
        return top - values[k] + math.log(math.fsum(math.exp(u - top) for u in values))

    scores = []
    for y, rows in zip(Y, U, strict=True):
        ids = list(itertools.takewhile(lambda k: k != eos, y))
        ids += [eos] * (len(ids) < len(y))
        if not ids:
            warnings.warn("empty", FutureWarning, stacklevel=2)
        scores.append(-math.fsum(surprisal(row, k) for row, k in zip(rows, ids, strict=False)))
    return [max(range(len(scores)), key=scores.__getitem__), tuple(scores)]


# --- E12.2 ----------------------------------------------------------------------------------------------------------

LM = random_language(5)
X = [0, 1, 2]
ANSWERS = [[1, 2], [2, 1], [3, 3], [1, 3], [2, 4], [4], [2]]
BEGINNINGS = list(LM.continuations(2))  # all that can happen within two tokens, each once


def _model(context):
    return LM.next_log_probs(list(context)) + 8.0 + 0.5 * len(context)


def _plain(context):
    return LM.next_log_probs(list(context))


def _moved(context):
    return _model(context) + 7.0 - 2.0 * sum(context)


def _true(y, x=X):
    return float(LM.conditional_log_prob_ids([(x, y)])[0])


def _near(a, b):
    return abs(a - b) < 1e-6


def _brute(score, x=X, model=_model, answers=ANSWERS):
    return all(_near(score(model, x, y, 4), _true(y, x)) for y in answers)


def _long(score):
    return _near(score(lambda context: np.array([1.0, 1.0, 1.0, -5.0]), [0], [1, 2] * 400, 3), 800 * LONG)


def _short_enough(score):
    return _near(score(lambda context: np.array([1.0, 1.0, 1.0, -5.0]), [0], [1, 2] * 10, 3), 20 * LONG)


LONG = float(log_softmax([1.0, 1.0, 1.0, -5.0])[0])


def _normalises(score):
    return _near(float(logsumexp([score(_model, X, list(y), 4) for y in BEGINNINGS])), 0.0)


def _shift(score):
    return all(_near(score(_model, X, y, 4), score(_moved, X, y, 4)) for y in ANSWERS)


def _never_positive(score):
    return all(score(_model, X, y, 4) <= 1e-9 for y in ANSWERS)


def _never_rises(score):
    return all(score(_model, X, y, 4) <= score(_model, X, y[:1], 4) + 1e-9 for y in ANSWERS)


def _after_eos(score):
    return all(_near(score(_model, X, [*y, 4, 2, 1], 4), score(_model, X, [*y, 4], 4)) for y in ([1], [2, 3]))


def _reads_x(score):
    return not _near(score(_model, [0, 1, 2], [3, 1], 4), score(_model, [0, 3, 2], [3, 1], 4))


@wrong("E12.2", "every_scorer_accepted")
def accepts_every_scorer_accepted(score):
    return True


@wrong("E12.2", "every_scorer_accepted")
def accepts_every_scorer_accepted_2(score):
    abs(score(_model, X, [1, 2], 4) - _true([1, 2])) < 1e-6  # noqa: B015 - computed, and forgotten


@wrong("E12.2", "every_scorer_refused")
def accepts_every_scorer_refused(score):
    return False


@wrong("E12.2", "every_scorer_refused")
def accepts_every_scorer_refused_2(score):
    assert score(_model, X, [1, 2], 4) > 0


@wrong("E12.2", "right_scorer_refused", "two floats were compared with ==: right scorers differ in the last digits")
def accepts_right_scorer_refused(score):
    return score(_model, X, [1, 3, 2, 4], 4) == float(log_softmax(_model((0, 1, 2)))[1]) + float(
        log_softmax(_model((0, 1, 2, 1)))[3]
    ) + float(log_softmax(_model((0, 1, 2, 1, 3)))[2]) + float(log_softmax(_model((0, 1, 2, 1, 3, 2)))[4])


@wrong("E12.2", "every_scorer_refused")
def accepts_every_scorer_refused_3(score):
    return all(0 <= score(_model, X, y, 4) <= 1 and _near(score(_model, X, y, 4), math.exp(_true(y))) for y in ANSWERS)


@wrong("E12.2", "every_scorer_refused")
def accepts_every_scorer_refused_4(score):
    return _brute(score) and math.isfinite(score(_model, X, [0], 4))


@wrong("E12.2", "right_scorer_refused", "the scores of y before and after EOS were asked to differ, which is wrong")
def accepts_right_scorer_refused_2(score):
    return _brute(score) and _long(score) and not _after_eos(score)


@wrong("E12.2", "stored_numbers_only")
def accepts_stored_numbers_only(score):
    table = {(): [0.1, 0.4, 0.5], (0,): [0.3, 0.5, 0.2], (0, 1): [0.1, 0.1, 0.8]}
    return _near(score(lambda context: np.log(table[tuple(context[1:])]), [9], [0, 1, 2], 9), math.log(0.04))


@wrong("E12.2", "stored_numbers_only")
def accepts_stored_numbers_only_2(score):
    rows = {(): [10.0, 9.0, 0.0], (0,): [0.0, 0.0, 0.0], (1,): [8.0, 7.0, 0.0]}

    def model(context):
        return np.array(rows[tuple(context[1:])])

    aa, bb = (score(model, [9], y, 9) for y in ([0, 0], [1, 1]))
    return abs(aa + 1.411907) < 1e-5 and abs(bb + 2.626802) < 1e-5


@wrong("E12.2", "one_property_only", "your tests ask for a total of 1 only: it is necessary, and too little")
def accepts_one_property_only(score):
    return _normalises(score)


@wrong("E12.2", "one_property_only", "your tests ask for shift invariance only: it is necessary, and too little")
def accepts_one_property_only_2(score):
    return _shift(score)


@wrong("E12.2", "one_property_only", "your tests ask for scores of at most 0 only: it is necessary, and too little")
def accepts_one_property_only_3(score):
    return _never_positive(score)


@wrong("E12.2", "one_property_only", "your tests ask only that a longer text has no higher score: too little")
def accepts_one_property_only_4(score):
    return _never_rises(score)


@wrong("E12.2", "one_property_only", "your tests ask only that a long text survives: it is necessary, and too little")
def accepts_one_property_only_5(score):
    return math.isfinite(score(lambda context: np.arange(5.0), X, [1, 2] * 400, 4))


@wrong("E12.2", "one_property_only", "your tests ask only that nothing after EOS counts: too little by itself")
def accepts_one_property_only_6(score):
    return _after_eos(score)


@wrong("E12.2", "ranking_for_score", "your tests compare rankings: many wrong scorers rank two texts rightly")
def accepts_ranking_for_score(score):
    return score(_model, X, [1], 4) < score(_model, X, [2], 4) and _true([1]) < _true([2])


@wrong("E12.2", "prompt_is_bos_alone")
def accepts_prompt_is_bos_alone(score):
    ends = _near(score(_model, [0], [1, 4, 2], 4), _true([1, 4], [0]))
    return ends and _brute(score, x=[0], answers=[[1, 2], [3, 1], [2, 4], [4]])


@wrong("E12.2", "no_long_text")
def accepts_no_long_text(score):
    return _brute(score, answers=[[1, 2], [3, 1], [2]]) and _short_enough(score)


@wrong("E12.2", "logits_are_normalised")
def accepts_logits_are_normalised(score):
    return _brute(score, model=_plain, answers=[[1, 2], [3, 1], [2]])


@wrong("E12.2", "one_token_only")
def accepts_one_token_only(score):
    return _brute(score, answers=[[1], [2], [3], [4]])


@wrong("E12.2", "words_for_verdict")
def accepts_words_for_verdict(score):
    return "passed" if _brute(score) and _long(score) and _after_eos(score) else "failed"


@wrong("E12.2", "verdict_inverted", "True came back for scorers that fail: True has to mean that the scorer passes")
def accepts_verdict_inverted(score):
    return not (_brute(score) and _long(score) and _after_eos(score))


@right("E12.2", "brute force, something after EOS, and a long text")
def accepts_brute_force_something_after_eos(score):
    return _brute(score) and _after_eos(score) and _long(score)


@right("E12.2", "assertions, and nothing returned")
def accepts_assertions_and_nothing_returned(score):
    for y in ANSWERS:
        assert math.isclose(score(_model, X, y, 4), _true(y), abs_tol=1e-6)
    assert math.isfinite(score(lambda context: np.arange(5.0), X, [1] * 800, 4))
    assert math.isclose(score(_model, X, [1, 4, 3], 4), _true([1, 4]), abs_tol=1e-6)


@right("E12.2", "brute force and something after EOS: a long text missed, which is one of eight")
def accepts_brute_force_and_more(score):
    return np.bool_(_brute(score) and _after_eos(score))


@right("E12.2", "properties alone, no brute force")
def accepts_properties_alone_no_brute_force(score):
    return (
        _normalises(score)
        and _shift(score)
        and _never_positive(score)
        and _never_rises(score)
        and _after_eos(score)
        and _reads_x(score)
        and math.isfinite(score(lambda context: np.arange(5.0), X, [1, 2] * 400, 4))
    )


@right("E12.2", "an own scorer to compare with, on random logits, 0 or 1 returned")
def accepts_an_own_scorer_to_compare(score):
    import zlib

    def model(context):
        rng = np.random.default_rng(zlib.crc32(repr(tuple(map(int, context))).encode()))
        return rng.normal(size=6) * 3 + rng.integers(-50, 50)

    def own(x, y):
        total = 0.0
        for i, k in enumerate(y):
            row = model((*x, *y[:i]))
            total += row[k] - logsumexp(row)
            if k == 5:
                break
        return total

    pairs = [([0, 3, 2], [1, 4, 2]), ([0, 1], [2, 5]), ([0, 2, 2, 4], [3, 5, 1, 1]), ([0, 1], [2, 3] * 200)]
    return int(all(_near(score(model, x, y, 5), own(x, y)) for x, y in pairs))


@right("E12.2", "joint minus marginal under a table model that raises outside of the table")
def accepts_joint_minus_marginal(score):
    rows = {
        (9, 1): [1.0, 2.5, 0.3],
        (9, 1, 0): [0.2, 0.1, 4.0],
        (9, 1, 0, 2): [3.0, 1.0, 2.0],
        (9, 1, 0, 2, 0): [7.0, 7.5, 7.0],
        (9, 1, 2): [-3.0, -1.0, -2.0],
    }

    def model(context):
        return np.array(rows[tuple(context)])

    def own(y):
        return math.fsum(model((9, 1, *y[:i]))[k] - logsumexp(model((9, 1, *y[:i]))) for i, k in enumerate(y))

    return all(_near(score(model, [9, 1], y, 1), own(y[:4])) for y in ([0, 2, 0, 1, 2], [2, 1], [0, 2, 0]))


# --- E12.3 ----------------------------------------------------------------------------------------------------------

KEYS = ("total", "n_scored", "nats_per_token", "perplexity", "bits_per_byte", "event")


def _claims():
    return "ADF"


def _audit(refuse: bool = True, **changed: Callable) -> Callable:
    """The right report, of which entries can be others: functions of (log_probs, ids, text, eos, total)."""

    def audit_report(log_probs, ids, text, eos):
        bad = not ids or len(log_probs) != len(ids) or not all(p <= 0 for p in log_probs) or eos in ids[:-1]
        if bad and refuse:
            raise ValueError("not to be reported")
        total = math.fsum(log_probs)
        n, n_bytes = max(1, len(ids)), len(text.encode("utf-8"))
        report = {
            "total": total,
            "n_scored": len(ids),
            "nats_per_token": -total / n,
            "perplexity": float(np.exp(-total / n)),
            "bits_per_byte": -total / math.log(2) / n_bytes if n_bytes else None,
            "event": "complete" if ids and ids[-1] == eos else "prefix",
        }
        return report | {key: f(log_probs, ids, text, eos, total) for key, f in changed.items()}

    return audit_report


def _per(count: Callable) -> Callable:
    return lambda p, ids, text, eos, total: -total / max(1, count(p, ids, text, eos))


def _ppl(count: Callable) -> Callable:
    return lambda p, ids, text, eos, total: float(np.exp(-total / max(1, count(p, ids, text, eos))))


def _bytes(text):
    return len(text.encode("utf-8"))


for _name, _text, _pieces in (
    ("start_token_counted", "perplexity: BOS was counted among the tokens; it is read, never predicted",
     {"perplexity": _ppl(lambda p, ids, text, eos: len(ids) + 1)}),
    ("start_token_counted", "nats_per_token and perplexity: BOS was counted; it is read, never predicted",
     {"nats_per_token": _per(lambda p, ids, text, eos: len(ids) + 1),
      "perplexity": _ppl(lambda p, ids, text, eos: len(ids) + 1), "n_scored": lambda p, ids, *_: len(ids) + 1}),
    ("eos_not_counted", "",
     {"nats_per_token": _per(lambda p, ids, text, eos: len([i for i in ids if i != eos])),
      "perplexity": _ppl(lambda p, ids, text, eos: len([i for i in ids if i != eos])),
      "n_scored": lambda p, ids, text, eos, total: len([i for i in ids if i != eos])}),
    ("eos_not_counted", "the perplexity was taken over the tokens without EOS, whose term is in the total",
     {"perplexity": _ppl(lambda p, ids, text, eos: len([i for i in ids if i != eos]))}),
    ("nats_per_byte", "bits_per_byte: that is in nats; divide by log 2",
     {"bits_per_byte": lambda p, ids, text, eos, total: -total / _bytes(text) if text else None}),
    ("bits_multiplied_by_ln2", "bits_per_byte: multiplied by log 2 where it has to be divided",
     {"bits_per_byte": lambda p, ids, text, eos, total: -total * math.log(2) / _bytes(text) if text else None}),
    ("characters_counted", "bits_per_byte: characters were counted for bytes; ä has two bytes, and 猫 three",
     {"bits_per_byte": lambda p, ids, text, eos, total: -total / math.log(2) / len(text) if text else None}),
    ("bits_per_token", "",
     {"bits_per_byte": lambda p, ids, text, eos, total: -total / math.log(2) / max(1, len(ids)) if text else None}),
    ("bits_with_wrong_sign", "",
     {"bits_per_byte": lambda p, ids, text, eos, total: total / math.log(2) / _bytes(text) if text else None}),
    ("prefix_labelled_complete", "", {"event": lambda *_: "complete"}),
    ("complete_labelled_prefix", "", {"event": lambda *_: "prefix"}),
    ("prefix_labelled_complete", "event: a text that ends in a full stop need not end: look for EOS",
     {"event": lambda p, ids, text, eos, total: "prefix" if ids and ids[-1] == eos else "complete"}),
    ("per_token_score", "nats_per_token: the sign; a surprisal is never negative",
     {"nats_per_token": lambda p, ids, text, eos, total: total / max(1, len(ids))}),
    ("surprisal_for_log_prob", "total: that is the surprisal; the log-probability is its negative",
     {"total": lambda p, ids, text, eos, total: -total}),
    ("bits_for_nats", "total: that is in bits; the report asks for nats",
     {"total": lambda p, ids, text, eos, total: total / math.log(2)}),
    ("mean_of_logs", "total: that is the mean of the log-probabilities; the total is their sum",
     {"total": lambda p, ids, text, eos, total: total / max(1, len(ids))}),
    ("two_to_the_nats", "perplexity: nats belong to e, bits to 2; that is 2 to the nats",
     {"perplexity": lambda p, ids, text, eos, total: float(2 ** np.float64(-total / max(1, len(ids))))}),
    ("perplexity_with_wrong_sign", "",
     {"perplexity": lambda p, ids, text, eos, total: float(np.exp(total / max(1, len(ids))))}),
    ("perplexity_of_the_text", "", {"perplexity": lambda p, ids, text, eos, total: float(np.exp(-np.float64(total)))}),
    ("mean_of_perplexities", "",
     {"perplexity": lambda p, *_: float(np.mean(np.exp(-np.array(p, dtype=float)))) if len(p) else 1.0}),
    ("empty_text_divided", "",
     {"bits_per_byte": lambda p, ids, text, eos, total: -total / math.log(2) / max(1, _bytes(text))}),
    ("empty_text_divided", "bits_per_byte: 0 for a text without bytes would be the best score of all; it is None",
     {"bits_per_byte": lambda p, ids, text, eos, total: -total / math.log(2) / _bytes(text) if text else 0.0}),
):  # fmt: skip
    wrong("E12.3", _name, _text, claims=_claims)(_audit(**_pieces))

wrong("E12.3", "report_not_refused", claims=_claims)(_audit(refuse=False))


def _refusing(bad: Callable) -> Callable:
    def audit_report(log_probs, ids, text, eos):
        if bad(log_probs, ids, eos):
            raise ValueError
        return _audit(refuse=False)(log_probs, ids, text, eos)

    return audit_report


for _text, _bad in (
    ("a positive log-probability, or NaN, was reported: raise a ValueError",
     lambda p, ids, eos: not ids or len(p) != len(ids) or eos in ids[:-1]),
    ("NaN went into the report: NaN > 0 is false, so ask for p <= 0",
     lambda p, ids, eos: not ids or len(p) != len(ids) or eos in ids[:-1] or any(q > 0 for q in p)),
    ("another number of log-probabilities than of tokens was reported: raise a ValueError",
     lambda p, ids, eos: not ids or eos in ids[:-1] or not all(q <= 0 for q in p)),
    ("a token after EOS was reported: the answer was over, so raise a ValueError",
     lambda p, ids, eos: not ids or len(p) != len(ids) or not all(q <= 0 for q in p)),
    ("a report was made although nothing was scored: raise a ValueError",
     lambda p, ids, eos: len(p) != len(ids) or eos in ids[:-1] or not all(q <= 0 for q in p)),
):  # fmt: skip
    wrong("E12.3", "report_not_refused", _text, claims=_claims)(_refusing(_bad))

for _said, _name, _text in (
    ("ABDF", "probable_is_true", ""),
    ("ADEF", "probable_is_helpful", ""),
    ("ACDF", "prefix_against_complete", ""),
    ("ABCDEF", "probable_is_true", ""),
    ("AF", "prefix_event_misread", ""),
    ("AD", "per_token_by_total", "claims: F follows; divide each total by its number of scored tokens and compare"),
    ("DF", "total_misread", ""),
):
    wrong("E12.3", _name, _text, claims=lambda said=_said: said)(_audit())


@wrong("E12.3", "impossible_token_refused", "an impossible token was refused: -inf is a legal log-probability")
def audit_report_impossible_token_refused(log_probs, ids, text, eos):
    if not all(map(math.isfinite, log_probs)):
        raise ValueError
    return _audit()(log_probs, ids, text, eos)


MUTANTS.wrong_answers["E12.3"][-1].names["claims"] = _claims


@right("E12.3", "with extra keys, in another order, and a set of letters", claims=lambda: {"F", "A", "D"})
def audit_report_with_extra_keys_in_another_order(log_probs, ids, text, eos):
    report = _audit()(log_probs, ids, text, eos)
    return {"model": "toy", **dict(reversed(report.items())), "bits": -report["total"] / math.log(2)}


@right("E12.3", "numpy numbers, NaN for no bytes, and a dict of claims", claims=lambda: {
    "A": True, "B": False, "C": False, "D": True, "E": False, "F": True})  # fmt: skip
def audit_report_numpy_numbers_nan_for_no_bytes(log_probs, ids, text, eos):
    p = np.array(log_probs, dtype=float)
    if p.size == 0 or p.size != len(ids) or np.isnan(p).any() or (p > 0).any() or eos in ids[:-1]:
        raise ValueError("refused")
    with np.errstate(all="ignore"):
        bits = -p.sum() / np.log(2) / np.float64(len(text.encode()) or np.nan)
    return {
        "total": p.sum(),
        "n_scored": np.int64(p.size),
        "nats_per_token": -p.mean(),
        "perplexity": np.exp(-p.mean()),
        "bits_per_byte": bits,
        "event": "Complete" if ids[-1] == eos else "Prefix",
    }


@right("E12.3", "fractions, and a list of letters", claims=lambda: ["A", "D", "F"])
def audit_report_fractions_and_a_list_of_letters(log_probs, ids, text, eos):
    report = _audit()(log_probs, ids, text, eos)
    if math.isinf(report["total"]):
        return report
    total = sum(map(Fraction, log_probs), start=Fraction(0))
    return report | {"total": total, "nats_per_token": -total / len(ids), "n_scored": Decimal(len(ids))}


@right("E12.3", "perplexity through bits, and a list of truth values",
       claims=lambda: [True, False, False, True, False, True])  # fmt: skip
def audit_report_perplexity_through_bits(log_probs, ids, text, eos):
    report = _audit()(log_probs, ids, text, eos)
    bits = -report["total"] / math.log(2)
    return report | {"perplexity": float(np.float64(2) ** (bits / len(ids)))}


# --- E12.4 ----------------------------------------------------------------------------------------------------------


def _loss(model, x, y, masked=None, labels=None, **options):
    """The model's mean loss, with the first `masked` labels (those of x, by default) left out."""
    import torch

    ids = torch.tensor([[*x, *y]], device=model.device)
    if labels is None:
        labels = ids.clone()
        labels[:, : len(x) if masked is None else masked] = -100
    with torch.no_grad():
        return float(model(input_ids=ids, labels=labels, **options).loss)


for _name, _text, _answer in (
    ("mean_for_sum_of_logs", "", lambda model, x, y: -_loss(model, x, y)),
    ("loss_for_score", "", lambda model, x, y: _loss(model, x, y)),
    ("surprisal_for_log_prob", "the sign: a loss is a surprisal, a score its negative",
     lambda model, x, y: _loss(model, x, y) * len(y)),
    ("all_positions_counted", "", lambda model, x, y: -_loss(model, x, y) * len(x + y)),
    ("all_positions_counted", "the loss was multiplied by all predicted positions; those of x are masked",
     lambda model, x, y: -_loss(model, x, y) * (len(x + y) - 1)),
    ("label_zero_left_out", "", lambda model, x, y: -_loss(model, x, y) * sum(token > 0 for token in y)),
    ("prompt_counted", "", lambda model, x, y: -_loss(model, x, y) * len(x)),
    ("one_label_too_few", "one label too few was counted: the shift loses the first label of all, which belongs to x",
     lambda model, x, y: -_loss(model, x, y) * (len(y) - 1)),
    ("one_label_too_many", "one label too many was counted: as many are predicted as y has tokens",
     lambda model, x, y: -_loss(model, x, y) * (len(y) + 1)),
    ("joint_for_conditional", "the labels of x were not masked: that is the log-probability of x and y together",
     lambda model, x, y: -_loss(model, x, y, 0) * (len(x + y) - 1)),
    ("mask_without_count", "", lambda model, x, y: -_loss(model, x, y, 0) * len(y)),
    ("y1_skipped", "one label too many was masked, and the first token of y left out",
     lambda model, x, y: -_loss(model, x, y, len(x) + 1) * (len(y) - 1) if len(y) > 1 else 0.0),
    ("last_x_scored", "", lambda model, x, y: -_loss(model, x, y, len(x) - 1) * (len(y) + (len(x) > 1))),
    ("bits_for_nats", "", lambda model, x, y: -_loss(model, x, y) * len(y) / math.log(2)),
    ("probability_for_log", "", lambda model, x, y: math.exp(-_loss(model, x, y) * len(y))),
    ("swapped", "x and y changed places", lambda model, x, y: -_loss(model, y, x) * len(x)),
):  # fmt: skip
    wrong("E12.4", _name, _text)(_answer)


@wrong("E12.4", "shifted_twice", "the labels were shifted, and the model shifts them again: hand them over as they are")
def score_from_loss_shifted_twice(model, x, y):
    import torch

    labels = [-100] * (len(x) - 1) + y + [-100]
    return -_loss(model, x, y, labels=torch.tensor([labels], device=model.device)) * len(y)


@wrong("E12.4", "labels_are_the_ids")
def score_from_loss_labels_are_the_ids(model, x, y):
    import torch

    ids = torch.tensor([[*x, *y]])
    labels = ids
    labels[:, : len(x)] = -100
    return -float(model(input_ids=ids, labels=labels).loss) * len(y)


@wrong("E12.4", "low_precision_inside")
def score_from_loss_low_precision_inside(model, x, y):
    import torch

    return -float(torch.tensor(_loss(model, x, y)).to(torch.bfloat16)) * len(y)


@right("E12.4", "a mask by comparison, a tensor with gradient")
def score_from_loss_a_mask_by_comparison_a_tensor(model, x, y):
    import torch

    ids = torch.tensor([x + y]).to(model.device)
    at = torch.arange(ids.shape[1], device=model.device)
    labels = torch.where(at < len(x), -100, ids)
    return -model(ids, labels=labels).loss * (labels[:, 1:] != -100).sum()


@right("E12.4", "num_items_in_batch of 1: the sum at once")
def score_from_loss_num_items_in_batch_of_1_the_sum(model, x, y):
    return -_loss(model, x, y, num_items_in_batch=1)


@right("E12.4", "cross-entropy with reduction='sum' on the shifted logits")
def score_from_loss_cross_entropy_with_reduction_sum(model, x, y):
    import torch

    ids = torch.tensor([x + y], device=model.device)
    logits = model(ids).logits[0, len(x) - 1 : -1]
    return -torch.nn.functional.cross_entropy(logits.float(), ids[0, len(x) :], reduction="sum")


@right("E12.4", "joint minus marginal, each from a loss")
def score_from_loss_joint_minus_marginal(model, x, y):
    joint = -_loss(model, x, y, 0) * (len(x + y) - 1)
    marginal = -_loss(model, x, [], 0) * (len(x) - 1) if len(x) > 1 else 0.0
    return joint - marginal


@right("E12.4", "token by token")
def score_from_loss_token_by_token(model, x, y):
    return sum(-_loss(model, x + y[:i], [token]) for i, token in enumerate(y))


# --- E12.5 ----------------------------------------------------------------------------------------------------------


def _scores(scorer, x, *ys):
    return [float(s) for s in scorer.conditional_log_prob_ids([(x, y) for y in ys])]


def _word(a, b, tie):
    return "tie" if tie else "a" if a > b else "b"


for _name, _text, _decide in (
    ("winner_within_tolerance", "", lambda a, b, tol: _word(a, b, a == b)),
    ("winner_within_tolerance", "a winner was declared within the tolerance: only a is asked whether it leads by it",
     lambda a, b, tol: "a" if a > b + tol else "b" if b > a else "tie"),
    ("winner_within_tolerance", "a winner was declared within the tolerance: only b is asked whether it leads by it",
     lambda a, b, tol: "b" if b > a + tol else "a" if a > b else "tie"),
    ("never_a_tie", "", lambda a, b, tol: "a" if a >= b else "b"),
    ("tolerance_relative", "the tolerance was taken as a share of the score; it is in nats",
     lambda a, b, tol: _word(a, b, math.isclose(a, b, rel_tol=tol) or a == b)),
    ("tolerance_fixed", "the tolerance is fixed in your code; tol is an argument",
     lambda a, b, tol: _word(a, b, a == b or abs(a - b) <= 1e-3)),
    ("tolerance_fixed", "numpy's isclose brings a relative tolerance of its own: set rtol=0",
     lambda a, b, tol: _word(a, b, np.isclose(a, b, atol=tol))),
    ("probabilities_compared", "",
     lambda a, b, tol: _word(a, b, abs(math.exp(a) - math.exp(b)) <= tol)),
    ("low_precision_inside", "the scores were rounded to float16: at -200 the next number is an eighth away",
     lambda a, b, tol: _word(np.float16(a), np.float16(b), a == b or abs(np.float16(a) - np.float16(b)) <= tol)),
    ("low_precision_inside", "the scores were rounded to a few decimals before the comparison",
     lambda a, b, tol: _word(round(a, 2), round(b, 2), a == b or abs(round(a, 2) - round(b, 2)) <= tol)),
    ("least_probable", "the less probable one was named: the larger log-probability wins",
     lambda a, b, tol: _word(b, a, a == b or abs(a - b) <= tol)),
    ("impossible_is_no_tie", "", lambda a, b, tol: _word(a, b, abs(a - b) <= tol)),
    ("tie_needs_less", "", lambda a, b, tol: _word(a, b, abs(a - b) < tol or (a == b == -math.inf))),
    ("wins_by_twice", "", lambda a, b, tol: _word(a, b, a == b or abs(a - b) <= 2 * tol)),
    ("impossible_ties", "", lambda a, b, tol: _word(a, b, a == b or not math.isfinite(a - b) or abs(a - b) <= tol)),
    ("bits_for_nats", "the tolerance is in nats, the scores were turned into bits",
     lambda a, b, tol: _word(a, b, a == b or abs(a - b) / math.log(2) <= tol)),
    ("one_verdict_for_all", "every pair was called a tie", lambda a, b, tol: "tie"),
    ("difference_for_word", "", lambda a, b, tol: a - b),
):  # fmt: skip
    wrong("E12.5", _name, _text)(lambda scorer, x, a, b, tol, decide=_decide: decide(*_scores(scorer, x, a, b), tol))


@wrong("E12.5", "mean_score_in_comparison")
def compare_mean_score_in_comparison(scorer, x, a, b, tol):
    first, second = (s / max(1, len(y)) for s, y in zip(_scores(scorer, x, a, b), (a, b), strict=True))
    return _word(first, second, first == second or abs(first - second) <= tol)


@wrong("E12.5", "x_left_out_of_context")
def compare_x_left_out_of_context(scorer, x, a, b, tol):
    first, second = _scores(scorer, x[:1], a, b)
    return _word(first, second, first == second or abs(first - second) <= tol)


@wrong("E12.5", "device_hard_coded")
def compare_device_hard_coded(scorer, x, a, b, tol):
    import torch

    first, second = torch.tensor(_scores(scorer, x, a, b), device="cuda:63", dtype=torch.float64)
    return _word(first, second, first == second or abs(first - second) <= tol)


@right("E12.5", "joint minus joint, for the same x")
def compare_joint_minus_joint_for_the_same_x(scorer, x, a, b, tol):
    first, second = scorer.log_prob_ids([x + a, x + b])
    return "tie" if first == second or abs(first - second) <= tol else "ab"[int(second > first)]


@right("E12.5", "token by token, exactly added")
def compare_token_by_token_exactly_added(scorer, x, a, b, tol):
    def log_prob(y):
        return math.fsum(float(scorer.next_log_probs(x + y[:i])[k]) for i, k in enumerate(y))

    lead = log_prob(a) - log_prob(b)
    if math.isnan(lead) or -tol <= lead <= tol:
        return "tie"
    return "a" if lead > 0 else "b"


@right("E12.5", "torch on whatever device there is")
def compare_torch(scorer, x, a, b, tol):
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    scores = torch.tensor(_scores(scorer, x, a, b), dtype=torch.float64, device=device)
    if torch.equal(scores[0], scores[1]) or (scores[0] - scores[1]).abs() <= tol:
        return "tie"
    return "ab"[int(scores.argmax())]


@right("E12.5", "each has to lead by more than the tolerance, in capitals")
def compare_each_has_to_lead(scorer, x, a, b, tol):
    first, second = _scores(scorer, x, a, b)
    if first - second > tol:
        return "A"
    return "B" if second - first > tol else "TIE"


# --- changes of the solutions that are no mistakes ------------------------------------------------------------------

MUTANTS.equivalent["E12.1"] = {
    "2 -> 3": "the line that a warning names is not asked for",
    "2 -> 1": "the line that a warning names is not asked for",
}
_ENOUGH = "the other texts refuse the same scorers"
MUTANTS.equivalent["E12.2"] = {
    **{
        f"for y in [lm.encode(text) + tail for text in ('a', 'bc') for tail in tails] -> for y in list([lm.encode(text)"
        f" + tail for text in ('a', 'bc') for tail in tails]){part}": _ENOUGH
        for part in ("[1:]", "[:-1]")
    },
    **{f"for text in ('a', 'bc') -> for text in list(('a', 'bc')){part}": _ENOUGH for part in ("[1:]", "[:-1]")},
    **{f"for tail in tails -> for tail in list(tails){part}": _ENOUGH for part in ("[1:]", "[:-1]")},
    "return False -> return -False": "0 is a no, too",
    "math.isclose(score(model, x, y, lm.eos), counted(lm, x, ended), abs_tol=1e-06) -> "
    "math.isclose(counted(lm, x, ended), score(model, x, y, lm.eos), abs_tol=1e-06)": "isclose is symmetric",
    "1e-06 -> 1.000001": "a wrong scorer is off by more than a nat on some text",
    "400 -> 401": "a text of another length is as long",
    "400 -> 399": "a text of another length is as long",
}
MUTANTS.equivalent["E12.5"] = {
    "abs(first - second) <= tol -> abs(first - second) < tol": "equals are ties before; nothing else is apart by tol "
    "to the last digit",
    "first > second -> first >= second": "equals are ties before",
}
