"""Asks the answers of lesson 12."""

from __future__ import annotations

import functools
import random
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from course_utils import toy_language
from course_utils.checks.probing import Case, Probe, not_there, observe

NO_MASS = -np.inf


def literal(values: Any) -> str:
    """A list, or an array, as Python that can be pasted."""
    if isinstance(values, np.ndarray):
        if not len(values):
            return f"np.zeros({values.shape})"
        rest = ", dtype=np.float32" if values.dtype == np.float32 else ""
        return f"np.array({literal(values.tolist())}{rest})"
    return repr(values).replace("inf", "np.inf").replace("nan", "np.nan")


def _rows(rng: random.Random, n: int, v: int, at: Sequence[float] = (0, 2, 8, -8, 100)) -> list[list[float]]:
    """n rows of v logits, each row on a shelf of its own."""
    rows = []
    for _ in range(n):
        shelf = rng.choice(at)
        rows.append([round(rng.uniform(-3, 3) + shelf, 2) for _ in range(v)])
    return rows


# --- E12.1 ----------------------------------------------------------------------------------------------------------


def _select(
    Y: Sequence[Sequence[int]],
    U: Sequence,
    eos: int,
    label: str = "",
    dtype: type = np.float64,
    x: Sequence[int] = (0,),
) -> Case:
    width = next((len(rows[0]) for rows in U if len(rows)), 4)
    arrays = [np.array(rows, dtype=dtype).reshape(-1, width) for rows in U]
    shown = f"score_and_select({list(x)}, {Y}, [{', '.join(map(literal, arrays))}], {eos})"
    return Case((list(x), [list(y) for y in Y], arrays, eos), shown, label)


def select_cases(rng: random.Random) -> list[Case]:
    """The card's candidates, then every clause of the contract, then random candidates of different lengths."""
    start, after_a, after_b = [10.0, 9.0, 0.0, -9.0], [0.0, 0.0, 0.0, -9.0], [8.0, 7.0, 0.0, -9.0]
    one, two, three = [1.0, 0.2, -0.5, 0.3], [0.1, 2.0, 0.4, -1.0], [-0.3, 0.6, 0.9, 1.5]
    broken, nothing = [np.nan] * 4, [NO_MASS] * 4
    many = "[0, 1] * 600, [1]"
    long = Case(
        ([0], [[0, 1] * 600, [1]], [np.array([one] * 1200), np.array([[1.0, -1500.0, 2.0, 0.0]])], 3),
        f"score_and_select([0], [{many}], [np.array([{one}] * 1200), np.array([[1.0, -1500.0, 2.0, 0.0]])], 3)",
        "1200 tokens",
    )
    cases = [
        _select([[0, 0], [1, 1]], [[start, after_a], [start, after_b]], 3, "the candidates of the card"),
        _select([[0, 3], [1, 0, 2, 3]], [[one, two], [one, three, two, one]], 3, "complete answers"),
        _select([[1, 2]], [[two, three]], 3, "one candidate, unfinished", x=(0, 2, 1)),
        _select([[2], [0], [1]], [[one]] * 3, 3, "one token each"),
        _select([[0, 3, 1, 2], [1, 3]], [[one, two, three, one], [one, three]], 3, "tokens after EOS"),
        _select([[3, 0, 0], [2, 1, 3]], [[three, one, two], [three, one, two]], 3, "EOS at once, and more after it"),
        _select([[1, 3, 3], [1, 0, 3]], [[two, three, three], [two, one, one]], 3, "EOS twice"),
        _select([[0, 3, 1], [2, 3]], [[one, three, broken], [one, two]], 3, "NaN after EOS is padding"),
        _select([[0, 3, 1], [1, 3]], [[one, three, nothing], [one, two]], 3, "a row without mass after EOS is padding"),
        _select([[1, 0], [1, 2]], [[two, [NO_MASS, 0.5, 0.1, 1.0]], [two, one]], 3, "an impossible token"),
        _select([[0], [2]], [[[NO_MASS, 1.0, NO_MASS, 0.5]]] * 2, 3, "all candidates impossible"),
        _select([[1, 2], [0, 1], [0, 1]], [[three, one], [two, two], [two, two]], 3, "a tie of the second and third"),
        _select([[1, 1], [1, 1], [0, 3]], [[two, two], [two, two], [two, two]], 3, "a tie at the front"),
        _select([[0, 1], [2, 3]], [[one, two], [one, three]], 3, "float32 logits", np.float32),
        _select([[0, 2], [1, 3, 0]], [[[1000.0, 1001.0, 999.5, 998.0], [-1000.0, -1003.0, -1001.0, -999.0]]]
                + [[[1000.0, 1001.0, 999.5, 998.0], [700.0, 701.0, 702.0, 703.0], broken]], 3, "large logits"),
long,
        _select([[2, 3], []], [[one, two], []], 3, "an empty candidate"),
        _select([[], [1, 3], []], [[], [one, two], []], 3, "two empty candidates"),
        _select([[]], [[]], 3, "nothing but an empty candidate"),
        _select([[0, 1], [1, 2]], [[one, nothing], [two, three]], 3, "a row without mass"),
        _select([[0, 1], [1, 2]], [[one, two], [two, [0.1, np.nan, 0.3, 0.2]]], 3, "a NaN beside the token"),
        _select([[0, 1], [1, 2]], [[[np.nan, 0.1, 0.2, 0.3], two], [two, one]], 3, "a NaN at the token"),
        _select([[3], [1]], [[nothing], [one]], 3, "a row without mass at EOS"),
    ]  # fmt: skip
    for i in range(14):
        v = rng.randint(4, 6)
        eos = rng.randrange(v)
        first, Y, U = _rows(rng, 1, v)[0], [], []
        for _ in range(rng.randint(2, 4)):
            n = rng.randint(1, 5)
            y = [rng.randrange(v) for _ in range(n)]
            Y.append(y[: y.index(eos) + 1] if eos in y and i % 2 else y)
            U.append([first, *_rows(rng, len(Y[-1]) - 1, v)])  # all candidates begin in the same context
        cases.append(_select(Y, U, eos, x=[0, *(rng.randrange(v) for _ in range(rng.randint(0, 3)))]))
    return cases


def select_each(answer: Callable, cases: Sequence[Case]) -> list[dict]:
    """What came back, and whether anything warned on the way."""
    seen = []
    for case in cases:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            one = observe(answer, *case.fresh_args())
        seen.append(one | {"warned": bool(caught)} if "value" in one else one)
    return seen


# --- E12.2 ----------------------------------------------------------------------------------------------------------

# The scorers that a student's tests are asked about. Each is one line of numpy, made of a part for every row and a way
# to put the parts together, so that it can be pasted; the letters say nothing, and the numbers in them change with the
# seed. What each of them is worth stands elsewhere.
TOKENS = "enumerate(y[: y.index(eos) + 1] if eos in y else y)"
EACH = f"[{{part}} for i, k in {TOKENS} for u in [np.array(model((*x, *y[:i])), float)]]"
LSE = "np.logaddexp.reduce(u)"
TERM = f"u[k] - {LSE}"


def _line(part: str = TERM, whole: str = "float(np.sum({each}))", each: str = EACH, **changed: tuple[str, str]) -> str:
    text = whole.replace("{each}", each.replace("{part}", part))
    for old, new in changed.values():
        if old not in text:
            raise ValueError(f"{old!r} is not in {text!r}")
        text = text.replace(old, new)
    return text


LINES: dict[str, tuple[str, ...]] = {
    "a": (
        _line("np.log(u[k] / u.sum())"),
        _line("np.log(np.abs(u[k]) / np.abs(u).sum())"),
        _line("np.log((u[k] - u[np.isfinite(u)].min() + 0.{n}) / (u - u[np.isfinite(u)].min() + 0.{n}).clip(0).sum())"),
    ),
    "b": (
        _line("u[k] - u.max() - np.log(np.exp(u - u.max()).sum())"),
        _line("(u[k] - u.max()) / np.log(2) - np.log2(np.exp(u - u.max()).sum())", "np.log(2) * float(np.sum({each}))"),
    ),
    "c": (
        _line(swap=("y[:i]", "y[: i + 1]")),
        _line(swap=("y[:i]", "y[: max(i - 1, 0)]")),
        _line(swap=("(*x, *y[:i])", "tuple(x)")),
        _line(swap=("y[: y.index(eos) + 1] if eos in y else y)", "(y[: y.index(eos) + 1] if eos in y else y)[:-1])")),
    ),
    "d": (
        _line(f"np.exp({TERM})", "float(np.log(np.prod({each})))"),
        _line(f"np.exp({TERM})", "float(np.log(np.prod({each}, dtype=np.float32)))"),
        _line(TERM, "float(np.log(np.exp(np.sum({each}))))"),
    ),
    "e": (_line(),),
    "f": (
        _line(whole="(lambda t: float(np.sum(t)) / max(len(t), 1))({each})"),
        _line(whole="(lambda t: float(np.sum(t)) / ((5 + len(t)) / 6) ** 0.{n})({each})"),
    ),
    "g": (
        _line(swap=("(*x, *y[:i])", "(x[0], *y[:i])")),
        _line(swap=("(*x, *y[:i])", "((x[0], (*x, *y[:i])[-1]) if len(x) + i > 1 else (x[0],))")),
        _line(swap=("(*x, *y[:i])", "(x[0], *x[2:], *y[:i])")),
    ),
    "h": (_line("u[k]"), _line("u[k] - u.max()"), _line("u[k] - {n}")),
    "i": (
        _line(f"(u[k], {LSE})", "(lambda t: float(t[:, 0].sum() - t[:, 1].sum()))(np.reshape({each}, (-1, 2)))"),
        _line(f"{LSE} - u[k]", "0.0 - float(np.sum({each}[::-1]))"),
    ),
    "j": (
        _line(swap=(" if eos in y else y)", " if eos in y[:0] else y)")),
        _line(swap=("y[: y.index(eos) + 1]", "y[: y.index(eos)]")),
    ),
    "k": (
        _line("u[k] - np.logaddexp.reduce(np.sort(u)[-2:])"),
        _line("u[k] - np.logaddexp.reduce(np.append(u[:2], u[k]))"),
        _line("u[k] - np.logaddexp.reduce(u[u > u.max() - 0.{n}])"),
    ),
}  # fmt: skip


def scorer(line: str) -> Callable:
    """The function (model, x, y, eos) -> float that a line of numpy stands for."""
    return eval(line, {"np": np})  # noqa: S307 - our own text


def _case(letter: str, which: int, rng: random.Random) -> Case:
    line = "lambda model, x, y, eos: " + LINES[letter][which].replace("{n}", str(rng.randint(3, 8)))
    return Case(lambda: (scorer(line),), f"accepts({line})", f"scorer_{letter}")


def scorer_cases(rng: random.Random) -> list[Case]:
    """One scorer of each letter, in random order."""
    cases = [_case(letter, rng.randrange(len(lines)), rng) for letter, lines in LINES.items()]
    rng.shuffle(cases)
    return cases


def _verdict(accepts: Callable, case: Case) -> dict:
    def asked(score: Callable) -> Any:
        try:
            return accepts(score)
        except AssertionError:
            return False

    return observe(asked, *case.fresh_args())


def ask_about_scorers(accepts: Callable, cases: Sequence[Case]) -> list[dict]:
    """The verdict on each scorer; a failed assertion is a no. Beside it the verdicts on one scorer of each letter, the
    same for every seed, by which mistakes are told apart (of a single yes or no half of all mistakes agree)."""
    fixed = [_case(letter, 0, random.Random(0)) for letter in LINES]
    verdicts = {case.show: _verdict(accepts, case) for case in (*fixed, *cases)}
    pattern = " ".join(str(one.get("value", one).get("v", "-")) for one in (verdicts[case.show] for case in fixed))
    return [verdicts[case.show] | {"pattern": pattern[:300]} for case in cases]


# --- E12.3 ----------------------------------------------------------------------------------------------------------


def _report(log_probs: Sequence[float], ids: Sequence[int], text: str, eos: int, label: str = "") -> Case:
    shown = f"audit_report({literal(list(log_probs))}, {list(ids)}, {text!r}, {eos})"
    return Case(("audit_report", list(log_probs), list(ids), text, eos), shown, label)


def report_cases(rng: random.Random) -> list[Case]:
    """Complete answers and prefixes, letters of several bytes, the impossible, what has to be refused; then claims."""
    cases = [
        _report([-1.5, -0.8, -1.2], [7, 4, 0], "The cat", 0, "a complete answer"),
        _report([-1.5, -0.8, -1.2], [7, 4, 9], "The cat sat", 0, "a prefix"),
        _report([-2.0, -0.25, -0.5, -0.75], [5, 8, 3, 2], "Grüße, Kätzchen", 1, "letters of two bytes"),
        _report([-3.0, -1.0], [6, 2], "猫", 2, "a letter of three bytes"),
        _report([-0.5], [4], "yes", 0, "one token, unfinished"),
        _report([-7.5], [0], "", 0, "the empty answer, complete"),
        _report([-0.5, -np.inf, -0.25], [3, 9, 0], "no way", 0, "an impossible token"),
        _report([0.0, 0.0], [3, 0], "sure", 0, "a certain answer"),
        _report([-0.5, -0.25, -1.0], [3, 0], "no", 0, "three numbers for two tokens"),
        _report([-0.5], [3, 0], "no", 0, "one number for two tokens"),
        _report([-0.5, 0.25], [3, 0], "no", 0, "a probability above 1"),
        _report([0.25, -1.0], [3, 0], "no", 0, "a probability above 1, at the front"),
        _report([-0.5, np.nan], [3, 0], "no", 0, "NaN among the numbers"),
        _report([-0.5, -0.25, -1.0], [3, 0, 5], "no", 0, "a token after EOS"),
        _report([], [], "", 0, "nothing was scored"),
        _report([-1.5, -0.75, -2.0], [7, 0, 4], "so", 1, "id 0 is a token like the others"),
    ]
    for i in range(12):
        n, eos = rng.randint(1, 7), rng.choice((0, 1, 50))
        ids = [rng.randint(2, 40) for _ in range(n)] + [eos] * (i % 2)
        text = "".join(rng.choice("abc déñ文") for _ in range(rng.randint(n, 4 * n)))
        cases.append(_report([-round(rng.uniform(0.01, 6), 3) for _ in ids], ids, text, eos))
    return [*cases, Case(("claims",), "claims()", "the claims")]


def report_each(audit_report: Callable, others: dict, cases: Sequence[Case]) -> list[dict]:
    """What the function of each case returns; one that is not there counts as not implemented."""
    functions = {"audit_report": audit_report, **others}
    seen = []
    for case in cases:
        name, *args = case.fresh_args()
        if callable(functions.get(name)):
            seen.append(observe(functions[name], *args))
        else:
            seen.append(not_there(name))
    return seen


# --- E12.4 ----------------------------------------------------------------------------------------------------------


@functools.lru_cache(maxsize=32)
def model(family: str, seed: int, double: bool) -> Any:
    """A tiny model, made once: an answer only reads it."""
    from course_utils.language_model import tiny_model

    made = tiny_model(family, seed)
    return made.double() if double else made


def _pair(family: str, seed: int, x: Sequence[int], y: Sequence[int], label: str = "", double: bool = False) -> Case:
    shown = f'tiny_model("{family}", {seed}){".double()" * double}'
    return Case(
        lambda: (model(family, seed, double).eval(), list(x), list(y)),
        f"score_from_loss({shown}, {list(x)}, {list(y)})",
        label,
    )


def loss_cases(rng: random.Random) -> list[Case]:
    """Pairs of unequal lengths, the shortest x and y, EOS inside, a float64 model, two families."""
    cases = [
        _pair("gpt2", 3, [0, 5, 9, 7], [12, 4, 1], "three tokens of y after four of x"),
        _pair("gpt2", 1, [0, 8], [6, 6, 2, 9, 1], "five tokens of y after two of x"),
        _pair("llama", 2, [0], [11, 3], "x is BOS alone"),
        _pair("llama", 4, [0, 2, 17, 5, 5, 21], [30], "y is one token"),
        _pair("gpt2", 2, [0, 4, 4], [9, 20, 33, 1], "a float64 model", double=True),
        _pair("llama", 2, [0, 6, 0, 3], [8, 0, 1, 5], "BOS and EOS among the tokens"),
    ]
    for family in ("gpt2", "llama"):
        x, y = ([rng.randint(2, 39) for _ in range(rng.randint(2, 6))] for _ in range(2))
        cases.append(_pair(family, rng.randrange(4), [0, *x], y))
    return cases


# --- E12.5 ----------------------------------------------------------------------------------------------------------


@functools.lru_cache(maxsize=256)
def language(seed: int, zeros: bool = False) -> toy_language.ToyLanguage:
    """A random language, made once."""
    return toy_language.random_language(seed, zeros=zeros)


def near(p: float, q: float) -> toy_language.ToyLanguage:
    """A language that begins with a (probability p), b (q) or c, and goes on with 0.001 a time."""
    table = {"": {"a": p, "b": q, "c": round(1 - p - q, 12)}}
    return toy_language.ToyLanguage.from_table(table, otherwise={"a": 0.001, "b": 0.001, "c": 0.9, "</s>": 0.098})


def _compare(lm: Any, x: Sequence[int], a: Sequence[int], b: Sequence[int], tol: float, label: str = "") -> Case:
    shown = f"compare({lm!r}, {list(x)}, {list(a)}, {list(b)}, {tol!r})"
    return Case(lambda: (lm, list(x), list(a), list(b), tol), shown, label)


def compare_cases(rng: random.Random) -> list[Case]:
    """Clear winners, near ties on both sides of the tolerance, long replies that differ by little, the impossible."""
    close, closer = near(0.3, 0.301), near(0.3, 0.3000001)
    one = language(1)
    cases = [
        _compare(one, [0, 1], [2, 4], [3, 1, 4], 1e-3),
        _compare(one, [0, 1], [3, 1, 4], [2, 4], 1e-3, "the same two, in the other order"),
        _compare(close, [0], [1], [2], 1e-3, "apart by 0.0033 nats, more than the tolerance"),
        _compare(close, [0], [2], [1], 1e-3, "apart by 0.0033 nats, more than the tolerance"),
        _compare(close, [0], [1], [2], 1e-2, "apart by 0.0033 nats, less than the tolerance"),
        _compare(close, [0], [2], [1], 1e-2, "apart by 0.0033 nats, less than the tolerance"),
        _compare(close, [0], [1], [2], 2e-3, "apart by 0.0033 nats, more than the tolerance"),
        _compare(close, [0], [1], [2], 4e-3, "apart by 0.0033 nats, less than the tolerance"),
        _compare(closer, [0], [1], [2], 1e-3, "a near tie, not exact"),
        _compare(closer, [0], [2], [1], 1e-3, "a near tie, not exact"),
        _compare(closer, [0], [1], [2], 1e-9, "apart by 3e-7 nats, and a tolerance of 1e-9"),
        _compare(close, [0], [1] + [2] * 30, [2] * 31, 1e-3, "long replies, apart by 0.0033 nats"),
        _compare(close, [0], [2] * 31, [1] + [2] * 30, 1e-3, "long replies, apart by 0.0033 nats"),
        _compare(close, [0], [1] + [2] * 30, [2] * 31, 1e-2, "long replies, apart by less than the tolerance"),
        _compare(close, [0], [1] * 40, [1] * 41, 0.5, "long replies of different lengths"),
        _compare(one, [0, 3, 2], [1, 1], [1, 1], 1e-6, "the same reply twice"),
        _compare(one, [0, 3, 2], [1], [1, 1, 1, 1], 0.5, "one reply is the beginning of the other"),
        _compare(one, [0], [], [1], 1e-6, "an empty reply"),
        _compare(near(0.5, 0.5), [0], [3], [1], 1e-3, "a is impossible"),
        _compare(near(0.5, 0.5), [0], [1], [3], 1e-3, "b is impossible"),
        _compare(near(0.5, 0.5), [0], [3], [3, 1], 1e-3, "both are impossible"),
        _compare(near(0.5, 0.5), [0], [1, 2], [2, 1], 0.0, "an exact tie, no tolerance"),
    ]
    while len(cases) < 36:
        lm = language(rng.randrange(300))
        x = [0, *rng.choices(lm.alphabet, k=rng.randint(0, 2))]
        assert lm.eos is not None
        a, b = (rng.choices(lm.alphabet, k=rng.randint(1, 4)) + [lm.eos] * rng.randint(0, 1) for _ in range(2))
        first, second = lm.conditional_log_prob_ids([(x, a), (x, b)])
        gap, tol = abs(first - second), rng.choice((1e-3, 0.1, 1.0, 2.0))
        if not 0.8 * tol < gap < 1.25 * tol:
            cases.append(_compare(lm, x, a, b, tol))
    return cases


PROBES: dict[str, Probe] = {
    probe.task: probe
    for probe in (
        Probe("E12.1", "score_and_select", select_cases, run=select_each),
        Probe("E12.2", "accepts", scorer_cases, run=ask_about_scorers),
        Probe("E12.3", "audit_report", report_cases, run=report_each, needs=("claims",)),
        Probe("E12.4", "score_from_loss", loss_cases),
        Probe("E12.5", "compare", compare_cases),
    )
}
