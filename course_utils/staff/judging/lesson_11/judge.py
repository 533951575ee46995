"""Judges the answers of lesson 11: labels and means in exact arithmetic, gradients in float64, a token at a time."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from course_utils.checks.plain import Array, Opaque
from course_utils.checks.probing import Case
from course_utils.checks.reading import (
    RTOL,
    RTOL_SINGLE,
    Unusable,
    array,
    close,
    close_arrays,
    describe,
    entries,
    number,
    numbers,
    show,
    single_precision,
    truth,
)
from course_utils.staff.judging.judging import Finding, Judge, Seen, each_case, matches, of
from course_utils.staff.judging.mutants import message

IGNORED = -100
RTOL_GRADIENT = 1e-4  # of gradients in float32


# --- E11.1 ----------------------------------------------------------------------------------------------------------


def right_labels(x: list[int], y: list[int], eos: int, length: int | None = None) -> list[int]:
    """Position by position: before y, in y, at its end, behind it."""
    first, last = len(x), len(x) + len(y)
    end = last + 1 if length is None else length
    return [y[t - first] if first <= t < last else eos if t == last else IGNORED for t in range(end)]


@each_case()
def labels(case: Case, one: Seen) -> str:
    """E11.1: the labels of every pair."""
    right = right_labels(*case.fresh_args())
    try:
        got = array(one.value)
    except Unusable:
        return f"{describe(one.value)} came back where a list of labels is asked for"
    if got.ndim != 1:
        return f"labels of shape {got.shape} came back: one label for each position"
    if got.shape != (len(right),):
        return f"{len(got)} labels came back for {len(right)} positions{of(case)}"
    wrong = np.flatnonzero(got != right)
    if not len(wrong):
        return ""
    return f"the label at position {wrong[0]} is {got[wrong[0]]:g}, where {right[wrong[0]]} is right{of(case)}"


# --- E11.2 ----------------------------------------------------------------------------------------------------------

TERMS = [Fraction(text) for text in ("-2", "-1", "-0.5", "-3", "-0.1", "-0.2")]
JOINT, CONDITIONAL, LOSS = sum(TERMS), TERMS[-1], -TERMS[-1]
LOG_PROBS, LOSS_PART = "log-probabilities", "loss"

# What a wrong number comes from; the same mistake may be made in more than one place.
KNOWN_SUMS = {
    "boundary_label_of_prompt": (JOINT, TERMS[-1] + TERMS[-2]),
    "swapped_objectives": (CONDITIONAL, JOINT),
    "joint_for_conditional": (JOINT, JOINT),
    "prompt_for_joint": (JOINT - CONDITIONAL, CONDITIONAL),
    "surprisal_for_log_prob": (-JOINT, -CONDITIONAL),
    "mean_for_log_prob": (JOINT / 6, CONDITIONAL),
    "probability_for_log": (math.exp(JOINT), math.exp(CONDITIONAL)),
    "start_token_costs": (JOINT - 1, CONDITIONAL),
}
KNOWN_LOSSES = {
    "all_tokens_in_the_loss": -JOINT / 6,
    "masked_tokens_counted": LOSS / 6,
    "masked_tokens_counted ": LOSS / 7,  # BOS too
    "total_for_loss": -JOINT,
    "log_likelihood_for_loss": -LOSS,
    "boundary_label_of_prompt": -(TERMS[-1] + TERMS[-2]) / 2,
    "boundary_label_of_prompt ": -(TERMS[-1] + TERMS[-2]),
}


def instance(cases: Sequence[Case], seen: Sequence[Seen]) -> list[Finding]:
    """E11.2: joint and conditional, and the loss."""
    said = entries(seen[0].value, ("joint", "conditional", "loss"))
    findings = []
    for part, keys, right, known in (
        (LOG_PROBS, ("joint", "conditional"), (JOINT, CONDITIONAL), KNOWN_SUMS),
        (LOSS_PART, ("loss",), (LOSS,), {name: (value,) for name, value in KNOWN_LOSSES.items()}),
    ):
        try:
            got = tuple(float(number(said[key])) for key in keys)
        except Unusable as reason:
            findings.append(Finding(f"{part}: {reason}", 0, part))
            continue
        rtol = RTOL_SINGLE if single_precision(seen[0].value) else RTOL
        if all(close(x, y, rtol) for x, y in zip(got, right, strict=True)):
            continue
        name = next((n for n, w in known.items() if all(close(x, y, 2e-3) for x, y in zip(got, w, strict=True))), "")
        near = all(close(x, y, 2e-3) for x, y in zip(got, right, strict=True))
        plain = f"{show(got if len(keys) > 1 else got[0])} came back, and that is not right"
        findings.append(
            Finding(f"{part}: {message(name.strip()) if name else message('rounded') if near else plain}", 0, part)
        )
    return findings


# --- E11.3 ----------------------------------------------------------------------------------------------------------

MEANS = ("token mean", "sequence mean")


def means(nll: list[float], counts: list[int]) -> tuple[Fraction, Fraction]:
    """Both means in exact fractions."""
    total = sum(map(Fraction, nll), start=Fraction(0))
    each = [Fraction(loss) / count for loss, count in zip(nll, counts, strict=True)]
    return total / sum(counts), sum(each, start=Fraction(0)) / len(each)


@each_case()
def two_means(case: Case, one: Seen) -> list[Finding]:
    """E11.3: both means on every batch."""
    rtol = 1e-5 if single_precision(one.value) else RTOL
    return [
        Finding(f"the {name} is {show(float(got))}, where {show(float(right))} is right{of(case)}", part=name)
        for name, got, right in zip(MEANS, _pair(one.value), means(*case.fresh_args()), strict=True)
        if not close(got, right, rtol, atol=1e-12)
    ]


def _pair(got: Any) -> list[float | Fraction]:
    if isinstance(got, dict) and len(got) == 2:
        keys = {str(key).lower()[:3]: key for key in got}
        if set(keys) == {"tok", "seq"}:
            got = [got[keys["tok"]], got[keys["seq"]]]
    return numbers(got, 2, "means")


# --- E11.4 ----------------------------------------------------------------------------------------------------------


def mean_of_rows(logits: Any, labels: Any) -> float:
    """The mean over the rows with a label of the mean loss of the row, term by term; 0 without any."""
    rows = []
    for u, row in zip(logits.tolist(), labels.tolist(), strict=True):
        terms = [_nll(u[t - 1], row[t]) for t in range(1, len(row)) if row[t] != IGNORED]
        rows += [math.fsum(terms) / len(terms)] if terms else []
    return math.fsum(rows) / len(rows) if rows else 0.0


def _nll(u: list[float], target: int) -> float:
    top = max(u)
    return top + math.log(math.fsum(math.exp(v - top) for v in u)) - u[target]


def _once_for_each_call(reference: Callable[[Case], Any]) -> Callable[[Case], Any]:
    """A reference that is computed once for each call, by the line that shows it: a case holds a function, and two
    cases that make the same call are not equal."""
    known: dict[str, Any] = {}

    @functools.wraps(reference)
    def remembered(case: Case) -> Any:
        call = case.call("")
        if call not in known:
            known[call] = reference(case)
        return known[call]

    return remembered


# --- E11.5 ----------------------------------------------------------------------------------------------------------

NORMS, CLAIMS = "norms", "claims"
KEYS = ("prompt", "last", "logits")
RIGHT_CLAIMS = {"prompt": True, "last": False, "logits": False}
KNOWN_CLAIMS = {
    "prompt": "prompt_gets_no_gradient",
    "last": "last_token_gets_gradient",
    "logits": "prompt_logits_get_gradient",
}


@_once_for_each_call
def _norms(case: Case) -> list[float]:
    """The gradient in float64, from one pass for each token of y: what follows a token cannot matter to it."""
    import torch

    _, model, x, y = case.fresh_args()
    model = model.double()
    total = torch.zeros(len(x) + len(y), model.config.hidden_size, dtype=torch.float64)
    for i, token in enumerate(y):
        vectors = model.get_input_embeddings()(torch.tensor([x + y[:i]])).detach().requires_grad_()
        logits = model(inputs_embeds=vectors).logits[0, -1]
        (gradient,) = torch.autograd.grad(torch.logsumexp(logits, 0) - logits[token], vectors)
        total[: len(x) + i] += gradient[0]
    return total.norm(dim=1).tolist()


@each_case(parts={"embedding_gradient_norms": NORMS, "e11_5": CLAIMS})
def gradient_norms(case: Case, one: Seen) -> str:
    """E11.5: the norms on every pair, and the claims."""
    return _claims_fault(one.value) if case.show == "e11_5()" else _norms_fault(one.value, case)


def _norms_fault(got: Any, case: Case) -> str:
    right = np.array(_norms(case))
    got = array(got, right.shape)
    if close_arrays(got, right, RTOL_GRADIENT, 1e-6 * right.max()):
        return ""
    wrong = ~np.isclose(got, right, RTOL_GRADIENT, 1e-6 * right.max())
    at = int(np.flatnonzero(wrong)[0])
    return f"the norm at position {at} is {got[at]:.6g}, where {right[at]:.6g} is right{of(case)}"


def _claims_fault(got: Any) -> str:
    said = entries(got, KEYS)
    for key in KEYS:
        if isinstance(said[key], Opaque):
            raise Unusable(f'True or False is asked for under "{key}"')
        if truth(said[key]) != RIGHT_CLAIMS[key]:
            return message(KNOWN_CLAIMS[key])
    return ""


# --- E11.6 ----------------------------------------------------------------------------------------------------------

GRADIENT, TOTAL = "gradient", "loss"


@_once_for_each_call
def _whole_batch(case: Case) -> tuple[float, list[float] | None]:
    """Loss and projections of its gradient in float64: one number of labels, then row by row, token by token."""
    import torch

    from course_utils.lessons.lesson_11.probe import _projections

    model, batches = case.fresh_args()
    model = model.double()
    rows = [pair for ids, labels in batches for pair in zip(ids.tolist(), labels.tolist(), strict=True)]
    count = sum(label != IGNORED for _, labels in rows for label in labels[1:])
    loss = 0.0
    for ids, labels in rows:
        for t in range(1, len(ids)):
            if labels[t] != IGNORED:
                logits = model(torch.tensor([ids[:t]])).logits[0, -1]
                term = (torch.logsumexp(logits, 0) - logits[labels[t]]) / count
                term.backward()
                loss += float(term.detach())
    return loss, _projections(model)


@each_case()
def accumulated(case: Case, one: Seen) -> list[Finding]:
    """E11.6: the loss that came back and the gradient that was left in the model."""
    returned, left = one.value
    loss, gradient = _whole_batch(case)
    findings = []
    if left is None:
        findings.append(Finding("there is no gradient in the model: call backward", part=GRADIENT))
    elif not close_arrays(array(left, (4,)), np.array(gradient), 0.0, RTOL_GRADIENT * gradient[3]):
        found = f"norm {left[3]:.6g}, right is {gradient[3]:.6g}"
        findings.append(Finding(f"the gradient in the model is another one ({found}){of(case)}", part=GRADIENT))
    try:
        got = number(returned)
        right = close(got, loss, 1e-5)
        fault = "" if right else f"the loss is {show(float(got))}, where {show(loss)} is right{of(case)}"
    except Unusable as reason:
        fault = f"loss: {reason}"
    return findings + ([Finding(fault, part=TOTAL)] if fault else [])


def _rounded(got: Any) -> Any:
    """What float32 computes in another order is the same mistake: all numbers to four digits, everything else as it
    is. Raises Unusable where there is no number."""
    if isinstance(got, Array) and got.values.ndim:
        got = got.values.tolist()
    if isinstance(got, list | tuple):
        return tuple(_rounded(item) for item in got)
    if got is None:
        return None
    return f"{float(number(got)):.3e}"


# --- E11.7 ----------------------------------------------------------------------------------------------------------

NUMBERS, PLOT = "numbers", "plot"
BEST = (0.5, 1.0)
GRID = 2e-3  # how far off the best point of a grid may lie
KNOWN_BEST = {
    (1.0, 1.0): "joint_is_conditional_optimum",
    (0.5, 0.5): "conditional_is_joint_optimum",
    (0.0, 1.0): "joint_wants_only_the_prompt",
    (1.0, 0.5): "swapped",
    (0.25, 1.0): "value_for_place",
    (0.0, 0.0): "smallest_for_largest",
}


@each_case(parts={"e11_7": NUMBERS, "plot_objectives": PLOT})
def optima(case: Case, one: Seen) -> str:
    """E11.7: the two places, and the plot on every grid."""
    return _numbers_fault(one.value) if case.show == "e11_7()" else _plot_fault(one.value, case)


def _numbers_fault(got: Any) -> str:
    if isinstance(got, dict) and len(got) == 2:
        got = list(entries(got, ("joint", "conditional")).values())
    said = [float(value) for value in numbers(got, 2, "places")]
    if all(close(x, best, 0.0, GRID) for x, best in zip(said, BEST, strict=True)):
        return ""
    for places, name in KNOWN_BEST.items():
        if all(close(x, place, 0.0, GRID) for x, place in zip(said, places, strict=True)):
            return message(name)
    which = 0 if not close(said[0], BEST[0], 0.0, GRID) else 1
    return f"the {('joint', 'conditional')[which]} is not largest at {show(said[which])}"


def _plot_fault(drawn: Any, case: Case) -> str:
    if drawn is None:
        return message("axes_not_returned")
    theta = case.fresh_args()[1]
    if drawn["yscale"] != "linear" or drawn["xscale"] != "linear":
        return "both axes are linear: these are probabilities between 0 and 1"
    lines = [tuple(item.values if isinstance(item, Array) else np.zeros(0) for item in line) for line in drawn["lines"]]
    curves = {"joint": theta * (1 - theta), "conditional": theta}
    found: dict[str, str] = {}
    for (x, y), name in zip(lines, drawn["names"], strict=False):
        for curve, values in curves.items():
            if close_arrays(x, theta, atol=1e-9) and close_arrays(y, values, atol=1e-9):
                found[curve] = name.lower()
    if not lines:
        return "there is no line on the Axes: use ax.plot"
    missing = [curve for curve in curves if curve not in found]
    if missing:
        known = {
            "logs_plotted": {"joint": _logs(curves["joint"]), "conditional": _logs(theta)},
            "losses_plotted": {"joint": -_logs(curves["joint"]), "conditional": -_logs(theta)},
            "prompt_for_joint_plotted": {"joint": 1 - theta},
            "square_for_joint": {"joint": theta**2},
        }
        for name, wrong in known.items():
            if all(any(close_arrays(y, wrong[c], atol=1e-6) for _, y in lines) for c in missing if c in wrong) and any(
                c in wrong for c in missing
            ):
                return message(name)
        return f"no line shows the {missing[0]} at every theta that was given"
    said = [found["joint"], found["conditional"]]
    if "conditional" in said[0] or "joint" in said[1]:
        return message("lines_named_the_other_way")
    if not all(curve in found[curve] or any(curve in text for text in drawn["shown"]) for curve in curves):
        return "nothing says which line is which: label them joint and conditional, and call legend"
    return "" if drawn["shown"] else "the lines have labels, but there is no legend: call ax.legend()"


def _logs(values: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore"):
        return np.log(values)


JUDGES = {
    "E11.1": Judge(2, labels, read=_rounded),
    "E11.2": Judge(2, instance, parts={LOG_PROBS: 1, LOSS_PART: 1}),
    "E11.3": Judge(2, two_means, parts=dict.fromkeys(MEANS, 1)),
    "E11.4": matches(mean_of_rows, atol=1e-12),
    "E11.5": Judge(3, gradient_norms, parts={NORMS: 2, CLAIMS: 1}, read=_rounded),
    "E11.6": Judge(2, accumulated, parts={GRADIENT: 1, TOTAL: 1}, read=_rounded),
    "E11.7": Judge(3, optima, parts={NUMBERS: 1, PLOT: 2}),
}
