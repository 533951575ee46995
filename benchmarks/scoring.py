"""The scorer against the physical limit, lm-evaluation-harness, minicons and a plain two-pass, in one process.

    python benchmarks/scoring.py            # a quarter of an hour on one core
    python benchmarks/scoring.py --quick    # a minute or two: fewer texts, two rounds

All engines see the same model and texts, one after the other in every round, on one core; times are CPU seconds, and
each ratio is the median over rounds of ratios within a round. The floor is the bare body over exactly the needed tokens
(a shared context once, no padding, no mask), plus the product with the output matrix on the needed rows, in the tiles
that are fastest here. Extra memory is the height of a call above what was there before it, the median over rounds.
Errors are against float64, one sequence at a time, full log-softmax.
"""

import argparse
import copy
import ctypes
import gc
import importlib.util
import logging
import os
import re
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

os.environ["TOKENIZERS_PARALLELISM"] = "false"

import numpy as np
import torch
import transformers
from workloads import CONFIGS, WINDOW, Task, build_model, build_tasks, build_tokenizer, needed_ids

from course_utils.scoring import Scorer

Engine = Callable[[Task], np.ndarray | None]
TOKENS = 1024  # a forward pass of the floor


def floor_engine(model) -> Engine:
    """Body and output product over the needed tokens, and nothing else. It gives no scores."""

    def run(task: Task) -> None:
        lengths, rows = needed_ids(task)
        length = round(statistics.mean(lengths))
        left = sum(lengths)
        with torch.no_grad():
            while left > 0:
                count = max(1, min(TOKENS, left) // length)
                width = min(length, left) if count == 1 else length
                model.base_model(input_ids=torch.ones(count, width, dtype=torch.long), use_cache=False)
                left -= count * width
            weight = model.get_output_embeddings().weight
            hidden = torch.randn(rows, weight.shape[1])
            for word in range(0, len(weight), 1024):
                for row in range(0, rows, 512):
                    torch.nn.functional.linear(hidden[row : row + 512], weight[word : word + 1024])

    return run


def scorer_engine(model, tokenizer, **options) -> Engine:
    scorer = Scorer(model, tokenizer, overflow="slide", stride=WINDOW, **options)
    return lambda task: scorer.conditional_log_prob(task.pairs)


def harness_engine(model, tokenizer, batch_size: int) -> Engine:
    """lm-evaluation-harness: HFLM.loglikelihood, and loglikelihood_rolling for documents."""
    from lm_eval.api.instance import Instance
    from lm_eval.models.huggingface import HFLM

    lm = HFLM(pretrained=model, tokenizer=tokenizer, batch_size=batch_size, device="cpu", max_length=WINDOW)

    def run(task: Task) -> np.ndarray:
        if task.rolling:
            requests = [Instance("loglikelihood_rolling", {}, (y,), i) for i, (_, y) in enumerate(task.pairs)]
            return np.array(lm.loglikelihood_rolling(requests, disable_tqdm=True))
        requests = [Instance("loglikelihood", {}, pair, i) for i, pair in enumerate(task.pairs)]
        return np.array([score for score, _ in lm.loglikelihood(requests, disable_tqdm=True)])

    return run


def minicons_engine(model, tokenizer, batch_size: int) -> Engine:
    from minicons.scorer import IncrementalLMScorer

    lm = IncrementalLMScorer(model, "cpu", tokenizer=tokenizer)

    def run(task: Task) -> np.ndarray:
        scores = []
        for start in range(0, len(task.pairs), batch_size):
            some = task.pairs[start : start + batch_size]
            prefixes, stimuli = [x for x, _ in some], [y.strip() for _, y in some]
            scores += lm.conditional_score(prefixes, stimuli, reduction=lambda values: values.sum(0).item())
        return np.array(scores)

    return run


def two_pass_engine(model, tokenizer) -> Engine:
    """log Pr([x, y]) - log Pr(x), each its own pass, batch 1, full log-softmax: the definition, typed in."""

    def log_prob(text: str) -> float:
        ids = torch.tensor([tokenizer(text).input_ids])
        log_probs = model(ids).logits.log_softmax(-1)
        return log_probs[0, :-1].gather(-1, ids[0, 1:, None]).sum().item()

    def run(task: Task) -> np.ndarray:
        with torch.no_grad():
            return np.array([log_prob(x + y) - log_prob(x) for x, y in task.pairs])

    return run


def reference(exact, tokenizer, task: Task, most: int = 4) -> np.ndarray:
    """The first few scores in float64, from the definition; documents window by window."""
    totals = []
    for x, y in task.pairs[: 1 if task.rolling else most]:
        ids = tokenizer(x + y).input_ids
        ids = [tokenizer.bos_token_id, *ids] if task.rolling else ids
        first = len(tokenizer(x).input_ids) or 1
        starts = range(0, len(ids) - 1, WINDOW) if task.rolling else [0]
        total = 0.0
        for start in starts:
            window = torch.tensor(ids[start : start + WINDOW + 1] if task.rolling else ids)
            with torch.no_grad():
                logits = exact(window[None, :-1]).logits[0]
            scores = [row.log_softmax(-1)[token].item() for row, token in zip(logits, window[1:], strict=True)]
            total += sum(scores if task.rolling else scores[first - 1 :])
        totals.append(total)
    return np.array(totals)


def engines_for(model, tokenizer, task: Task, quick: bool) -> dict[str, Engine]:
    """Every engine that is installed and does this task; the floor comes first."""
    engines = {"floor": floor_engine(model), "scorer": scorer_engine(model, tokenizer)}
    sizes = [8] if quick else [1, 8, 16]
    if importlib.util.find_spec("lm_eval"):
        engines |= {f"lm_eval, batch {n}": harness_engine(model, tokenizer, n) for n in sizes}
    if importlib.util.find_spec("minicons") and not task.rolling:
        engines |= {f"minicons, batch {n}": minicons_engine(model, tokenizer, n) for n in sizes[1:] or sizes}
    if not task.rolling:
        engines["two passes"] = two_pass_engine(model, tokenizer)
    return engines


def hold_files() -> None:
    """Keeps in memory what is mapped from files, torch's own code above all.

    Else the system takes pages of it away on a busy machine, and their return would count as the next call's memory.
    """
    libc = ctypes.CDLL("libc.so.6")
    for line in Path("/proc/self/maps").read_text().splitlines():
        span, access, *_, name = line.split(maxsplit=5)
        if name.startswith("/") and "w" not in access:
            start, end = (int(part, 16) for part in span.split("-"))
            libc.mlock(ctypes.c_void_p(start), ctypes.c_size_t(end - start))  # without the right to, it does nothing


def start_memory() -> float:
    """MB that the process holds now; the highest mark of before is forgotten (Linux; NaN elsewhere)."""
    gc.collect()
    try:
        ctypes.CDLL("libc.so.6").malloc_trim(0)
        Path("/proc/self/clear_refs").write_text("5")
        return _status("VmRSS")
    except OSError:
        return float("nan")


def peak_memory() -> float:
    """MB at the height since ``start_memory``."""
    try:
        return _status("VmHWM")
    except OSError:
        return float("nan")


def _status(field: str) -> float:
    return int(re.search(rf"{field}:\s+(\d+)", Path("/proc/self/status").read_text())[1]) / 1024


def measure(model, exact, tokenizer, task: Task, rounds: int, args: argparse.Namespace) -> list[str]:
    """One row of the table for each engine."""
    engines = engines_for(model, tokenizer, task, args.quick)
    if args.engines is not None:
        wanted = ("floor", "scorer", *args.engines)
        engines = {name: run for name, run in engines.items() if name.startswith(wanted)}
    truth = reference(exact, tokenizer, task)
    x, y = task.pairs[0]
    short = Task(task.name, [(x, y[:200])])
    for run in engines.values():
        run(short)  # warm up
    seconds: dict[str, list[float]] = {name: [] for name in engines}
    scores: dict[str, np.ndarray | None] = {}
    memory: dict[str, list[float]] = {name: [] for name in engines}
    for _ in range(rounds):
        for name, run in engines.items():
            before = start_memory()
            start = time.process_time()
            scores[name] = run(task)
            seconds[name].append(time.process_time() - start)
            memory[name].append(peak_memory() - before)
    rows = []
    for name in engines:
        to_floor = statistics.median(t / f for t, f in zip(seconds[name], seconds["floor"], strict=True))
        of_ours = statistics.median(t / s for t, s in zip(seconds[name], seconds["scorer"], strict=True))
        error = np.nan if scores[name] is None else np.abs(scores[name][: len(truth)] - truth).max()
        rows.append(
            f"| {task.name} | {name} | {len(task.pairs) / statistics.median(seconds[name]):.2f} | {to_floor:.2f} "
            f"| {of_ours:.2f} | {statistics.median(memory[name]):.0f} | {'' if np.isnan(error) else f'{error:.0e}'} |"
        )
    return rows


HEADER = """| task | engine | items/s | times the floor | times the scorer's time | extra MB | largest error, nats |
|---|---|---:|---:|---:|---:|---:|"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer texts, two rounds, one batch size for the peers")
    parser.add_argument("--models", nargs="*", choices=list(CONFIGS), default=list(CONFIGS)[:3])
    parser.add_argument("--tasks", nargs="*", default=["W1", "W2", "W3"])
    parser.add_argument("--engines", nargs="*", help="only those whose name begins so, beside floor and scorer")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--size", type=float, help="texts, as a part of the full number")
    args = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    logging.getLogger("lm_eval").setLevel(logging.ERROR)  # it remarks on a model that is handed to it
    for peer in ("lm_eval", "minicons"):
        if not importlib.util.find_spec(peer):
            print(f"{peer} is not installed and is left out: pip install -e .[bench]", file=sys.stderr)
    rounds, size = args.rounds or (2 if args.quick else 3), args.size or (0.25 if args.quick else 1.0)
    for name in args.models:
        model = build_model(name)
        if sys.platform == "linux":
            hold_files()
        exact, tokenizer = copy.deepcopy(model).double(), build_tokenizer(model.config.vocab_size)
        print(f"\n### {name}\n\n{HEADER}", flush=True)
        for task in build_tasks(model.config.vocab_size, size):
            if task.name.split()[0] in args.tasks:
                print("\n".join(measure(model, exact, tokenizer, task, rounds, args)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
