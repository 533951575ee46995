"""Asks the answers of lesson 09."""

from __future__ import annotations

import functools
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from course_utils import toy_language
from course_utils.checks.probing import Case, Probe, observe, plot_each, the_axes
from course_utils.toy_language import ToyLanguage

BOS = 0
WORDS = range(2, 40)  # the ids of a tiny model that are neither BOS nor EOS


@dataclass(frozen=True)
class ModelCase(Case):
    """A call whose first argument is a tiny model; `made` is what it was made with: family and seed."""

    made: tuple[str, int] = ("gpt2", 0)


class Models:
    """The tiny models of one run of a probe: each is made once, when it is first wanted."""

    def __init__(self, make: str):
        self.make = make
        self.get = functools.cache(self._get)

    def _get(self, family: str, seed: int, rounded: bool = False) -> Any:
        from course_utils import language_model

        options = {"logits_dtype": _bfloat16()} if rounded else {}
        return getattr(language_model, self.make)(family, seed, **options)

    def shown(self, family: str, seed: int, rounded: bool = False) -> str:
        """The model as a line of Python."""
        return f'{self.make}("{family}", {seed}{", logits_dtype=torch.bfloat16" if rounded else ""})'


def _bfloat16() -> Any:
    import torch

    return torch.bfloat16


def _ids(rng: random.Random, n: int) -> list[int]:
    return [rng.choice(WORDS) for _ in range(n)]


# --- E09.2 ----------------------------------------------------------------------------------------------------------


def token_cases(rng: random.Random) -> list[ModelCase]:
    """Rows of ids for models with learned and with rotary positions, one of them with logits in bfloat16."""
    models = Models("tiny_model")

    def case(family: str, seed: int, rows: list[list[int]], label: str = "", rounded: bool = False) -> ModelCase:
        show = f"token_log_probs({models.shown(family, seed, rounded)}, {rows})"
        return ModelCase(lambda: (models.get(family, seed, rounded), rows), show, label, (family, seed))

    one, two = rng.randrange(1000), rng.randrange(1000)
    cases = [
        case("gpt2", 3, [[BOS, 5, 7, 11]]),
        case("gpt2", 3, [[BOS, 5, 7, 11], [BOS, 11, 5, 9]], "two rows"),
        case("llama", one, [[BOS, *_ids(rng, 6)]], "rotary positions"),
        case("llama", one, [[BOS, *_ids(rng, 4)] for _ in range(5)], "as many rows as columns"),
        case("gpt2", two, [[BOS, *_ids(rng, 1)]], "a single token after BOS"),
        case("gpt2", two, [[BOS, *_ids(rng, 1)] for _ in range(3)], "a single token after BOS"),
        case("gpt2", two, [[BOS, BOS, *_ids(rng, 2)], [BOS, *_ids(rng, 2), 1]], "BOS and EOS among the tokens"),
        case("gpt2", 3, [_ids(rng, 5), _ids(rng, 5)], "rows that do not begin with BOS"),
        case("gpt2", two, [[BOS, *_ids(rng, 6)]], "a model whose logits are bfloat16", rounded=True),
    ]
    return cases + [case("gpt2", two, [[BOS, *_ids(rng, t)] for _ in range(rng.randint(1, 3))]) for t in (2, 5)]


# --- E09.3 ----------------------------------------------------------------------------------------------------------


def conditional_cases(rng: random.Random) -> list[Case]:
    """The numbers of card Q27, edge cases, toy languages, and tiny models of both families."""
    scorers = Models("tiny_scorer")

    def toy(lm: ToyLanguage, x: list[int], y: list[int], label: str = "") -> Case:
        return Case(lambda: (lm, list(x), list(y)), f"conditional_log_prob({lm!r}, {x}, {y})", label)

    def tiny(family: str, seed: int, x: list[int], y: list[int], label: str = "") -> Case:
        show = f"conditional_log_prob({scorers.shown(family, seed)}, {x}, {y})"
        return ModelCase(lambda: (scorers.get(family, seed), list(x), list(y)), show, label, (family, seed))

    card = toy_language.warm_milk()
    one, two = rng.randrange(1000), rng.randrange(1000)
    cases = [
        toy(card, [BOS, *card.encode("Cats like")], card.encode("warm milk")),
        tiny("gpt2", 3, [BOS, 5, 7], [11, 9]),
        tiny("llama", one, [BOS, *_ids(rng, 3)], _ids(rng, 3)),
        tiny("gpt2", two, [BOS], _ids(rng, 3), "x is BOS alone"),
        tiny("llama", one, [BOS], _ids(rng, 1), "x is BOS alone, y a single token"),
        tiny("gpt2", two, [BOS, *_ids(rng, 4)], _ids(rng, 1), "y is a single token"),
        tiny("gpt2", two, [BOS, *_ids(rng, 2)], [*_ids(rng, 2), 1], "y ends with EOS"),
        tiny("gpt2", 3, [BOS, *_ids(rng, 2)], [], "y is empty"),
        tiny("llama", one, [BOS, *_ids(rng, 30)], _ids(rng, 2), "a long x"),
    ]
    for i in range(6):
        lm = toy_language.random_language(rng.randrange(1000), eos=i % 2 == 0)
        x = [rng.choice(lm.alphabet) for _ in range(rng.randint(0, 2))]
        y = [rng.choice(lm.alphabet) for _ in range(rng.randint(1, 2))]
        cases.append(toy(lm, [BOS, *x], y))
    return cases


class Plain:
    """The methods of a SequenceModel that E09.3 may use."""

    def __init__(self, model: Any):
        self.bos, self.eos, self.vocabulary_size = model.bos, model.eos, model.vocabulary_size
        self.encode, self.decode = model.encode, model.decode
        self.next_log_probs, self.log_prob_ids = model.next_log_probs, model.log_prob_ids

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"here model has next_log_probs(ids) and log_prob_ids(sequences), and no {name}")


def score_plainly(answer: Callable, cases: Sequence[Case]) -> list[dict]:
    """What the answer returns for a model that offers the two methods of the contract."""
    seen = []
    for case in cases:
        model, *pair = case.fresh_args()
        seen.append(observe(answer, Plain(model), *pair))
    return seen


# --- E09.5 ----------------------------------------------------------------------------------------------------------


def cache_cases(rng: random.Random) -> list[Case]:
    """Candidates of equal and of different lengths, one twice, one token, x alone with BOS; both families."""
    models = Models("tiny_model")

    def case(family: str, seed: int, x: list[int], candidates: list[list[int]], label: str = "") -> ModelCase:
        show = f"score_candidates({models.shown(family, seed)}, {x}, {candidates})"
        return ModelCase(
            lambda: (models.get(family, seed), list(x), [list(y) for y in candidates]), show, label, (family, seed)
        )

    one, two = rng.randrange(1000), rng.randrange(1000)
    same, x = _ids(rng, 3), [BOS, *_ids(rng, 3)]
    first, second = _ids(rng, 2), _ids(rng, 3)
    return [
        case("gpt2", 3, [BOS, 5, 7, 11], [[9, 4], [8, 6]]),
        case("llama", 3, [BOS, 5, 7, 11], [[9, 4], [8, 6]]),
        case("gpt2", one, [BOS, *_ids(rng, 4)], [same, same], "the same candidate twice"),
        case("gpt2", one, x, [first, second]),
        case("gpt2", one, x, [second, first], "the other order"),
        case("llama", two, [BOS, *_ids(rng, 2)], [_ids(rng, 1), _ids(rng, 4), _ids(rng, 2)], "different lengths"),
        case("llama", two, [BOS], [_ids(rng, 2)], "x is BOS alone, one candidate"),
        case("gpt2", one, [BOS, *_ids(rng, 3)], [_ids(rng, 1), _ids(rng, 1)], "candidates of one token"),
        case("gpt2", one, [BOS, *_ids(rng, 3)], [[*_ids(rng, 2), 1], _ids(rng, 4), [1]], "EOS at the end"),
        case("llama", 3, [BOS, 5, 7], [[9, 1, 4], [8, BOS, 6], [BOS]], "BOS and EOS among the tokens"),
    ]


# --- E09.6 ----------------------------------------------------------------------------------------------------------

IGNORED = -100


def loss_cases(rng: random.Random) -> list[Case]:
    """Labels of which all, a part, or a single one counts; several rows; padding."""

    def case(loss: float, labels: list[list[int]], label: str = "") -> Case:
        def make() -> tuple:
            import torch

            return torch.tensor(loss), torch.tensor(labels)

        show = f"sum_log_prob_from_hf_loss(torch.tensor({loss}), torch.tensor({labels}))"
        return Case(make, show, label)

    def loss() -> float:
        return rng.randint(16, 600) / 64  # the same number in float32 and in float64

    def row(n_x: int, n_y: int, pads: int = 0) -> list[int]:
        return [IGNORED] * n_x + _ids(rng, n_y) + [IGNORED] * pads

    cases = [
        case(2.5, [[BOS, 5, 7, 11]], "every label is there: the first one is not predicted"),
        case(1.25, [[IGNORED, IGNORED, 7, 11, 9]], "the labels of x are -100"),
        case(0.75, [[IGNORED, IGNORED, IGNORED, 9]], "a single label"),
        case(3.5, [[IGNORED, 5, 7, IGNORED, IGNORED]], "padding at the end"),
        case(loss(), [row(2, 3), row(1, 2, 2)], "two rows"),
        case(loss(), [[BOS, *_ids(rng, 3)], row(2, 2)], "two rows, of one of which every label is there"),
        case(loss(), [row(3, 0, 2), row(1, 4)], "a row without a label"),
        case(loss(), [[IGNORED, 5, BOS, 7, IGNORED]], "id 0 is a label like the others"),
        case(0.0, [row(1, 3)], "a loss of 0"),
    ]
    for _ in range(14):
        rows, width = rng.randint(1, 3), rng.randint(4, 8)
        labels = []
        for _ in range(rows):
            n_x = rng.randint(0, 3)
            n_y = rng.randint(1, width - n_x)
            labels.append(row(n_x, n_y, width - n_x - n_y))
        cases.append(case(loss(), labels, "the first label is there" * any(r[0] != IGNORED for r in labels)))
    return cases


# --- E09.7 ----------------------------------------------------------------------------------------------------------


def boundary_cases(rng: random.Random) -> list[Case]:
    """Texts over a and b, whose tokenizer has a token ab; words, whose tokenizer keeps a space with the next word."""

    def case(lm: ToyLanguage, x: str, y: str, label: str = "") -> Case:
        return Case(lambda: (lm, x, y), f"pair_ids({lm!r}, {x!r}, {y!r})", label)

    merged, spaced = toy_language.merged_token(), toy_language.spaced_words()
    spans = "a token of the joint text spans the join"
    cases = [
        case(merged, "a", "b", spans),
        case(merged, "ba", "ab", "no token spans the join"),
        case(merged, "aa", "bab", spans),
        case(merged, "ab", "ba", "no token spans the join"),
        case(merged, "", "ab", "x is empty"),
        case(merged, "ba", "", "y is empty"),
        case(spaced, "the cat", " sat", "no token spans the join"),
        case(spaced, "the cat ", "sat", spans),
        case(spaced, "the", " cat sat", "no token spans the join"),
        case(spaced, "the ", "cat sat", spans),
        case(spaced, "un", "do", "a token of the joint text spans the join, and there are as many as before"),
    ]
    for i in range(14):
        x, y = ("".join(rng.choice("ab") for _ in range(rng.randint(1, 5))) for _ in range(2))
        if i % 3 == 0:
            x, y = x + "a", "b" + y
        cases.append(case(merged, x, y, spans if x[-1] + y[0] == "ab" else "no token spans the join"))
    return cases


# --- E09.8 ----------------------------------------------------------------------------------------------------------


def strip_cases(rng: random.Random) -> list[Case]:
    """Sentences with their log-probabilities: a word that comes twice, y of one token, x that is BOS alone."""

    def case(text: str, log_probs: list[float], n_x: int, label: str = "") -> Case:
        tokens = ["<s>", *text.split()]
        return Case((tokens, log_probs, n_x), f"surprisal_strip({tokens}, {log_probs}, {n_x})", label)

    def random_case(text: str, n_x: int, label: str = "") -> Case:
        return case(text, [round(-rng.uniform(0.05, 9.0), 3) for _ in text.split()], n_x, label)

    return [
        case("The sun is shining brightly", [-3.1, -4.7, -1.4, -0.7, -1.6], 4),
        case(
            "the cat and the dog and the bird", [-2.5, -3.25, -1.75, -0.5, -2.0, -1.25, -0.25, -3.0], 5, "a word twice"
        ),
        random_case("Tom gave the ball to her", 6, "y is one token"),
        random_case("We ate cold soup", 1, "x is BOS alone"),
        case("so it was", [-1.5, -0.0, -2.5], 2, "a token that was certain"),
    ]


def strip_data(axes: Any) -> dict:
    """What the strip shows: places, heights and looks of its bars or points, marks of a region, and its y label."""
    axes = the_axes(axes)
    horizontal, marks, lines = _marks(axes)
    titles = " ".join(map(axes.get_title, ("left", "center", "right")))
    return {
        "marks": sorted(marks, key=lambda mark: mark["at"]),
        "edges": sorted(lines),
        "label": f"{axes.get_xlabel() if horizontal else axes.get_ylabel()} {titles}",
    }


def _marks(axes: Any) -> tuple[bool, list[dict], list[float]]:
    """(lying, marks, edges): a mark for each bar, or else for each point of a line; an edge for each vertical line or
    end of a shaded span."""
    from matplotlib.colors import to_hex
    from matplotlib.container import BarContainer, StemContainer
    from matplotlib.patches import Rectangle

    bars = [c for c in axes.containers if isinstance(c, BarContainer)]
    lying = bool(bars) and bars[0].orientation == "horizontal"
    marks, edges, parts = [], [], set()
    for container in bars:
        for patch in container.patches:
            parts.add(id(patch))
            low, size = (patch.get_y(), patch.get_height()) if lying else (patch.get_x(), patch.get_width())
            look = f"{to_hex(patch.get_facecolor(), True)} {patch.get_hatch()} {to_hex(patch.get_edgecolor(), True)}"
            height = patch.get_width() if lying else patch.get_height()
            marks.append({"at": float(low + size / 2), "height": float(height), "look": look})
    for patch in axes.patches:  # axvspan
        if id(patch) not in parts and isinstance(patch, Rectangle):
            low, size = (patch.get_y(), patch.get_height()) if lying else (patch.get_x(), patch.get_width())
            edges += [float(low), float(low + size)]
    skip = {id(c.baseline) for c in axes.containers if isinstance(c, StemContainer)}
    for line in axes.get_lines():
        xs, ys = np.asarray(line.get_xdata(), float), np.asarray(line.get_ydata(), float)
        xs, ys = (ys, xs) if lying else (xs, ys)
        if id(line) in skip or len(xs) == 0:
            continue
        if len(xs) == 2 and xs[0] == xs[1]:
            edges.append(float(xs[0]))
        elif not bars and not (len(xs) == 2 and ys[0] == ys[1]):  # a level line is no data
            look = to_hex(line.get_color(), True)
            marks += [{"at": float(x), "height": float(y), "look": look} for x, y in zip(xs, ys, strict=True)]
        elif not bars and len(xs) == 1:
            marks.append({"at": float(xs[0]), "height": float(ys[0]), "look": to_hex(line.get_color(), True)})
    if not marks:
        marks = _segments(axes)
    return lying, marks, edges


def _segments(axes: Any) -> list[dict]:
    """A mark for each upright line of vlines."""
    from matplotlib.collections import LineCollection
    from matplotlib.colors import to_hex

    marks = []
    for lines in (c for c in axes.collections if isinstance(c, LineCollection)):
        colours = np.asarray(lines.get_colors())
        for i, segment in enumerate(lines.get_segments()):
            if len(segment) == 2 and segment[0][0] == segment[1][0]:
                look = to_hex(tuple(colours[i % len(colours)]), True)
                marks.append({"at": float(segment[0][0]), "height": float(np.ptp(segment[:, 1])), "look": look})
    return marks


PROBES = {
    probe.task: probe
    for probe in (
        Probe("E09.1", "e09_1"),
        Probe("E09.2", "token_log_probs", token_cases),
        Probe("E09.3", "conditional_log_prob", conditional_cases, run=score_plainly),
        Probe("E09.4", "e09_4"),
        Probe("E09.5", "score_candidates", cache_cases),
        Probe("E09.6", "sum_log_prob_from_hf_loss", loss_cases),
        Probe("E09.7", "pair_ids", boundary_cases),
        Probe("E09.8", "surprisal_strip", strip_cases, run=functools.partial(plot_each, read=strip_data)),
    )
}
