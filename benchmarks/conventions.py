"""What this scorer, lm-evaluation-harness and minicons take y and its condition to be, found by running them.

    python benchmarks/conventions.py        # prints the table behind docs/scoring.md

Each program scores the same pairs with the same tiny model. Beside each pair stand the readings that it may be given,
as ids with the number of those that are only conditioned on; a program's score is named by the reading that it equals.
"""

import copy
import logging
import math
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))  # the tests' tiny model and tokenizer serve here too

import torch
import transformers

from course_utils.scoring import Scorer
from tests.scoring import families, reference, texts

BOS, EOS = 0, 1
Reading = tuple[list[int], int]


def scorer(model, tokenizer, x: str, y: str) -> float:
    return Scorer(model, tokenizer).conditional_log_prob([(x, y)])[0]


def harness(model, tokenizer, x: str, y: str) -> float:
    from lm_eval.api.instance import Instance
    from lm_eval.models.huggingface import HFLM

    lm = HFLM(pretrained=model, tokenizer=tokenizer, device="cpu", max_length=families.WINDOW)
    return lm.loglikelihood([Instance("loglikelihood", {}, (x, y), 0)], disable_tqdm=True)[0][0]


def minicons(model, tokenizer, x: str, y: str) -> float:
    """A space between x and y is its separator, which it puts there itself."""
    from minicons.scorer import IncrementalLMScorer

    lm = IncrementalLMScorer(model, "cpu", tokenizer=tokenizer)
    between = " " if y.startswith(" ") else ""
    return lm.conditional_score([x], [y.removeprefix(between)], separator=between, reduction=lambda s: s.sum(0).item())[
        0
    ]


def minicons_mean(model, tokenizer, x: str, y: str) -> float:
    from minicons.scorer import IncrementalLMScorer

    return IncrementalLMScorer(model, "cpu", tokenizer=tokenizer).conditional_score([x], [y.strip()])[0]


def cases(plain, with_bos) -> dict[str, tuple[object, str, str, dict[str, Reading]]]:
    """case: (tokenizer, x, y, readings)."""

    def ids(text: str) -> list[int]:
        return plain(text, add_special_tokens=False).input_ids

    def split(x: str, y: str, lead=()) -> Reading:
        return [*lead, *ids(x), *ids(y)], len(lead) + len(ids(x))

    cat, spaced, merged = ("the cat", " sat"), ("the answer is ", "two"), ("wh", "at is")
    long = " the cat" * families.WINDOW
    ended = "the</s> cat"
    readings = {"with BOS": split(*cat, [BOS]), "without BOS": split(*cat), "BOS twice": split(*cat, [BOS, BOS])}
    joint, n = reference.joined(plain, *spaced)
    of_merged, at = reference.joined(plain, *merged)
    return {
        "the tokenizer adds BOS": (with_bos, *cat, readings),
        "it adds none": (plain, *cat, readings),
        "x begins with BOS already": (with_bos, "<s>the cat", " sat", readings),
        "a space at the end of x": (
            plain,
            *spaced,
            {
                "joint text, longest common prefix": (joint, n),
                "joint text, split at the number of x's tokens": (joint, len(ids(spaced[0]))),
                "x and y apart": split(*spaced),
            },
        ),
        "a token spans the join": (
            plain,
            *merged,
            {
                "joint text, longest common prefix": (of_merged, at) if at else ([BOS, *of_merged], 1),
                "joint text, split at the number of x's tokens": (of_merged, len(ids(merged[0]))),
                "x and y apart": split(*merged),
            },
        ),
        "EOS inside of x, padding = EOS": (
            plain,
            ended,
            " sat",
            {
                "an ordinary token": split(ended, " sat"),
                "one token of x scored as y": (ids(ended + " sat"), len(ids(ended)) - 1),
                "left out": split("the cat", " sat"),
            },
        ),
        "the end of y": (plain, *cat, {"not scored": split(*cat), "EOS scored": split("the cat", " sat</s>")}),
        "empty x": (
            plain,
            "",
            "the cat",
            {
                "given BOS": split("", "the cat", [BOS]),
                "given EOS": split("", "the cat", [EOS]),
                "first token left out": (ids("the cat"), 1),
            },
        ),
        "empty y": (plain, "the cat", "", {"0": ([BOS], 1), "x scored": (ids("the cat"), 1)}),
        "longer than the window": (
            plain,
            long,
            " sat",
            {"cut off on the left": (ids(long + " sat")[-families.WINDOW - 1 :], families.WINDOW)},
        ),
    }


def with_logit(model, token: int, value: float):
    """A copy of the model that gives this token this logit everywhere."""
    changed = copy.deepcopy(model)
    changed.lm_head.register_forward_hook(lambda _, args, out: out.index_fill(-1, torch.tensor([token]), value))
    return changed


def observed(program: Callable[..., float], model, tokenizer, x: str, y: str, readings: dict[str, Reading]) -> str:
    """The reading that the program's score equals, what it raises, or else the score."""
    try:
        score = program(model, tokenizer, x, y)
    except Exception as error:  # noqa: BLE001  whatever it is, it is what is asked for
        return f"{type(error).__name__}: {str(error).splitlines()[0][:70] if str(error) else ''}"
    if not math.isfinite(score):
        return str(float(score))
    for name, (ids, n) in readings.items():
        if abs(score - (reference.nats(ids, n) if n < len(ids) else 0.0)) < 1e-3:
            return name
    return f"{score:.3f}, none of these"


def main() -> int:
    transformers.logging.set_verbosity_error()
    logging.disable(logging.WARNING)
    model, plain, with_bos = families.build("gpt2"), texts.byte_level(), texts.byte_level("bos")
    programs = {"this scorer": scorer, f"lm_eval {version('lm_eval')}": harness}
    programs[f"minicons {version('minicons')}"] = minicons
    print("| case |", " | ".join(programs), "|\n|---|" + "---|" * len(programs))
    for case, (tokenizer, x, y, readings) in cases(plain, with_bos).items():
        seen = [observed(program, model, tokenizer, x, y, readings) for program in programs.values()]
        print(f"| {case} | {' | '.join(seen)} |", flush=True)
    for case, value in (("a probability of zero in y", -math.inf), ("a logit that is NaN", math.nan)):
        broken = with_logit(model, plain(" sat").input_ids[0], value)
        seen = [observed(program, broken, plain, "the cat", " sat", {}) for program in programs.values()]
        print(f"| {case} | {' | '.join(seen)} |", flush=True)
    ids = plain("the cat sat on").input_ids
    total, n = reference.nats(ids, 2), len(ids) - 2
    mean = minicons_mean(model, plain, "the cat", " sat on")
    print(
        f"\nminicons, no reduction given: {'mean' if abs(mean - total / n) < 1e-3 else 'another'} over y's {n} tokens"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
