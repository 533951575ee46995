"""Judges the answers of lesson 09: models in float64, one context at a time, with numpy for the softmax."""

from __future__ import annotations

import contextlib
import functools
import re
from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np

from course_utils.checks.plain import Array, Malformed
from course_utils.checks.probing import Case
from course_utils.checks.reading import Unusable, array, close, describe, entries, number, numbers, show
from course_utils.lessons.lesson_09.probe import ModelCase
from course_utils.staff.judging.judging import Finding, Judge, Rule, Seen, differs, each_case, matches, raised
from course_utils.staff.judging.mutants import message
from course_utils.toy_language import ToyLanguage, log_fraction

SINGLE = 1e-4  # nats: the models are in float32, and any way through them is right

# --- the reference --------------------------------------------------------------------------------------------------


@functools.lru_cache(maxsize=4)
def _double(family: str, seed: int) -> Any:
    from course_utils.language_model import tiny_model

    return tiny_model(family, seed).double()


def _chosen(row: np.ndarray, token: int) -> float:
    """The log-softmax of one row of logits, at one place."""
    row = row.astype(np.float64)
    top = row.max()
    return float(row[token] - top - np.log(np.exp(row - top).sum()))


@functools.lru_cache(maxsize=4096)
def _step(made: tuple[str, int], context: tuple[int, ...], token: int) -> float:
    """log Pr(token | context) of a tiny model in float64, which reads this context and nothing else."""
    import torch

    with torch.no_grad():
        return _chosen(_double(*made)(torch.tensor([context])).logits[0, -1].numpy(), token)


def _steps(case: Case, x: Sequence[int], y: Sequence[int]) -> list[float]:
    """log Pr(y_i | x, y_<i) for each i."""
    made = cast(ModelCase, case).made
    return [_step(made, (*x, *y[:i]), token) for i, token in enumerate(y)]


def against(expected: Callable[[Case], tuple[Any, float]], read: Callable = number) -> Rule:
    """The rule where `expected` gives for a case what is right and how far off one may be, in nats."""

    @each_case()
    def rule(case: Case, one: Seen) -> str:
        right, atol = expected(case)
        return differs(case, one, right, atol=atol, read=read)

    return rule


# --- E09.1 ----------------------------------------------------------------------------------------------------------

STEPS = "ABCDE"
SUBTRACT, EMBED, ALONE, JOIN, FORWARD = STEPS
BEFORE = [  # the first has to come before the second; the message where it does not
    (JOIN, EMBED, "embedded_before_joined"),
    (EMBED, FORWARD, "layers_before_embeddings"),
    (FORWARD, SUBTRACT, "subtracted_too_early"),
    (ALONE, SUBTRACT, "marginal_after_subtraction"),
]


def order(value: Any) -> str:
    """The letters in the order given, from a text or a list. Raises Unusable."""
    if isinstance(value, str):
        joined = "".join(re.findall(r"[A-Za-z]+", value))
        value = list(joined) if len(joined) == len(STEPS) else re.findall(r"\b[A-Ea-e]\b", value)
    if isinstance(value, dict) and all(isinstance(rank, int | float) for rank in value.values()):
        value = sorted(value, key=value.__getitem__)
    if isinstance(value, list | tuple) and all(isinstance(letter, str) for letter in value):
        letters = [letter.strip().upper() for letter in value]
        if sorted(letters) == list(STEPS):
            return "".join(letters)
    raise Unusable(f"{describe(value)} came back where the letters {', '.join(STEPS)} are asked for, each once")


def ordered(cases: Sequence[Case], seen: Sequence[Seen]) -> list[Finding]:
    """E09.1: any order in which nothing is used before it is there."""
    letters = order(seen[0].value)
    for first, second, name in BEFORE:
        if letters.index(first) > letters.index(second):
            return [Finding(message(name), 0)]
    return []


# --- E09.2 ----------------------------------------------------------------------------------------------------------


def _token_log_probs(case: Case) -> tuple[np.ndarray, float]:
    model, rows = case.fresh_args()
    if "logits_dtype" in case.call(""):  # what the rounding does to this model's own logits is not the answer's fault
        import torch

        with torch.no_grad():
            logits = model(torch.tensor(rows)).logits.float().numpy()
        steps = [[_chosen(logits[b, t], row[t + 1]) for t in range(len(row) - 1)] for b, row in enumerate(rows)]
    else:
        steps = [_steps(case, row[:1], row[1:]) for row in rows]
    return np.array(steps), SINGLE


def token_log_probs(cases: Sequence[Case], seen: Sequence[Seen]) -> list[Finding]:
    """E09.2: an array of shape (B, T - 1); where a shape is wrong, the values are not looked at."""
    shapes = []
    for index, (case, one) in enumerate(zip(cases, seen, strict=True)):
        rows = case.fresh_args()[1]
        want = (len(rows), len(rows[0]) - 1)
        with contextlib.suppress(Unusable):
            if not one.error and (got := _table(one.value).shape) != want:
                said = f"an array of shape {got} came back; the task asks for shape {want}, (B, T - 1)"
                shapes.append(Finding(said, index))
    return shapes or against(_token_log_probs, read=_table)(cases, seen)


def _table(value: Any) -> np.ndarray:
    """The value as an array; a list of B arrays of one element is one of shape (B, 1)."""
    if isinstance(value, list | tuple) and value and all(isinstance(v, Array) and v.values.ndim for v in value):
        value = [v.values.tolist() for v in value]
    return array(value)


# --- E09.3 ----------------------------------------------------------------------------------------------------------


def conditional(case: Case) -> tuple[float, float]:
    """E09.3: on toy languages exactly, on tiny models within what float32 can hold."""
    model, x, y = case.fresh_args()
    if isinstance(model, ToyLanguage):
        exact = model.prefix_prob([*x, *y], exact=True) / model.prefix_prob(x, exact=True)
        return log_fraction(exact), 0.0
    return sum(_steps(case, x, y)), SINGLE


# --- E09.4 ----------------------------------------------------------------------------------------------------------

N = 6  # tokens after BOS
PARTS = {"last": (N, set()), "first": (1, set(range(2, N + 1)))}


def positions(value: Any) -> frozenset[int]:
    """A collection of positions, also as a word or as text. Raises Unusable."""
    if isinstance(value, str):
        text = value.strip().lower()
        if text in ("", "none", "nothing", "no position", "-"):
            return frozenset()
        if text.startswith("all"):
            return frozenset(range(1, N + 1))
        ends = re.fullmatch(r"(\d)\s*(?:-|–|\.\.|to)\s*(\d)", text)
        if not ends and not re.fullmatch(r"[\d\s,;]+", text):
            raise Unusable(f"{describe(value)} came back where a collection of positions is asked for")
        found = [int(digits) for digits in re.findall(r"\d+", text)]
        value = list(range(found[0], found[1] + 1)) if ends else found
    if isinstance(value, dict) and not value:
        value = []
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = [value]
    found = {int(p) if float(p).is_integer() else -1 for p in numbers(value, None, "positions")}
    if not found <= set(range(N + 1)):
        raise Unusable(f"{show(value)} came back; the positions are 0 to {N}")
    return frozenset(found)


def changes(value: Any) -> tuple:
    """Both parts, without the position whose token was replaced."""
    said = entries(value, tuple(PARTS))
    return tuple(positions(said[part]) - {replaced} for part, (replaced, _) in PARTS.items())


def changed(cases: Sequence[Case], seen: Sequence[Seen]) -> list[Finding]:
    """E09.4: nothing before the last token, everything after the first."""
    said, findings = entries(seen[0].value, tuple(PARTS)), []
    for part, (token, right) in PARTS.items():
        try:
            got = positions(said[part]) - {token}
            if got != right:
                findings.append(Finding(_why_changed(part, got), 0, part))
        except Unusable as reason:
            findings.append(Finding(f"{part}: {reason}", 0, part))
    return findings


def _why_changed(part: str, got: frozenset[int]) -> str:
    if part == "last":
        return message("neighbour_looks_ahead" if got == {N - 1} else "model_looks_ahead")
    if 0 in got:
        return message("bos_is_predicted")
    return message("only_neighbour_looks_back" if got == {2} else "first_token_forgotten")


# --- E09.5 ----------------------------------------------------------------------------------------------------------


def all_candidates(case: Case) -> tuple[np.ndarray, float]:
    """E09.5: a number for each candidate, as if it were the only one."""
    _, x, candidates = case.fresh_args()
    return np.array([sum(_steps(case, x, y)) for y in candidates]), SINGLE


def _line(value: Any) -> np.ndarray:
    """One number for each candidate. Raises Unusable."""
    if isinstance(value, Array) and value.values.ndim == 2 and 1 in value.values.shape:
        value = Array(value.values.reshape(-1), value.dtype, value.library)
    return np.array([float(x) for x in numbers(value, None, "log-probabilities")])


# --- E09.6 ----------------------------------------------------------------------------------------------------------


def total(loss: Any, labels: Any) -> float:
    """Minus the loss, once for each label that is neither -100 nor the first of its row."""
    return sum(-float(loss) for row in labels.tolist() for label in row[1:] if label != -100)


# --- E09.7 ----------------------------------------------------------------------------------------------------------


@each_case(errors=True)
def boundary(case: Case, one: Seen) -> str:
    """E09.7: ids of x and then of y; or a ValueError where the joint text's ids do not begin with those of x."""
    lm, x, y = case.fresh_args()
    x_ids, y_ids, joint = lm.encode(x), lm.encode(y), lm.encode(x + y)
    spans = joint[: len(x_ids)] != x_ids
    if one.error:
        if one.raised("ValueError") and spans:
            return ""
        if one.raised("ValueError"):
            return message("refused_without_need")
        wanted = "; where a token spans the join, a ValueError may be raised and nothing else"
        return raised(one) + (wanted if spans else "")
    if not isinstance(one.value, list | tuple) or len(one.value) != 2:
        return f"{describe(one.value)} came back where a pair (x_ids, y_ids) is asked for"
    got_x, got_y = (_ids(part, name) for part, name in zip(one.value, ("x_ids", "y_ids"), strict=True))
    if got_x[:1] != [lm.bos]:
        return message("bos_missing")
    if lm.bos in got_x[1:] + got_y:
        return message("bos_in_the_middle")
    if lm.eos in got_x + got_y:
        return message("eos_added")
    if got_x[1:] == x_ids and got_y in ([y_ids] if spans else [y_ids, joint[len(x_ids) :]]):
        return ""
    if got_x[1:] + got_y == joint:
        return f"{message('sliced_in_silence')}: x_ids spell {lm.decode(got_x)!r}"
    texts = f"x_ids spell {lm.decode(got_x)!r}, y_ids {lm.decode(got_y)!r}"
    return f"x_ids have to be BOS and the ids of x, y_ids those of y: here {texts}"


def _ids(value: Any, name: str) -> list[int]:
    if isinstance(value, str):
        raise Unusable(f"{name} are ids, not a text")
    ids = numbers(value, None, f"ids for {name}")
    if not all(float(i).is_integer() for i in ids):
        raise Unusable(f"{name} are whole numbers")
    return [int(i) for i in ids]


# --- E09.8 ----------------------------------------------------------------------------------------------------------


@each_case()
def strip(case: Case, one: Seen) -> str:
    """E09.8: a bar for each predicted token, as high as its surprisal in nats, and y told apart from x."""
    tokens, log_probs, n_x = case.fresh_args()
    marks = one.value["marks"]
    if not isinstance(marks, list) or not all(isinstance(mark, dict) for mark in marks):
        raise Malformed("no list of marks")
    at, heights = ([float(number(mark[key])) for mark in marks] for key in ("at", "height"))
    right = [-p for p in log_probs]
    if len(marks) == len(tokens):
        return message("bos_scored")
    if len(marks) != len(right):
        return f"{len(marks)} bars are drawn where {len(right)} are asked for: one for each token but BOS"
    if len(set(at)) < len(at):
        return message("bars_on_one_place")
    if not all(close(got, want, atol=1e-9) for got, want in zip(heights, right, strict=True)):
        return f"the heights are {show(heights)}, where the surprisals are {show(right)} nats"
    if "nat" not in str(one.value["label"]).lower():
        return message("unit_not_named")
    return "" if _told_apart(marks, at, n_x - 1, one.value["edges"]) else message("y_not_told_apart")


def _told_apart(marks: Sequence[dict], at: Sequence[float], n: int, edges: Any) -> bool:
    """Whether the first n marks differ from the others in colour, hatch or edge; or a line or the end of a shaded span
    lies between."""
    if not 0 < n < len(marks):
        return True
    if any(at[n - 1] < float(number(edge)) < at[n] for edge in edges):
        return True
    looks = [str(mark["look"]).split(" ") for mark in marks]
    for x_looks, y_looks in zip(zip(*looks[:n], strict=True), zip(*looks[n:], strict=True), strict=True):
        if len(set(x_looks)) == len(set(y_looks)) == 1 and x_looks[0] != y_looks[0]:
            return True
    return False


JUDGES = {
    "E09.1": Judge(1, ordered, read=order),
    "E09.2": Judge(2, token_log_probs, read=lambda value: np.round(_table(value), 3).tolist()),
    "E09.3": Judge(2, against(conditional), read=lambda value: round(float(number(value)), 3)),
    "E09.4": Judge(1, changed, parts={"last": 0.5, "first": 0.5}, read=changes),
    "E09.5": Judge(2, against(all_candidates, read=_line), read=lambda value: np.round(_line(value), 3).tolist()),
    "E09.6": matches(total),
    "E09.7": Judge(2, boundary),
    "E09.8": Judge(2, strip),
}
