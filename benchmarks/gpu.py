"""The scorer on a GPU: its tests, its speed beside what matrix products alone would allow, and the course model there.

    python benchmarks/gpu.py                        # tests, then tables into benchmarks/README.md: under ten minutes
    python benchmarks/gpu.py --device cpu --quick   # the same in small, to see that it runs; writes nothing

The bound: 2 x (weights of the body) x (needed ids) operations, at the rate that one large matrix product reaches in the
same dtype. Attention, norms, activations and the output layer come on top of it, so a share of the bound is what is
left after all of them. "Body" is the bare transformer over as many ids, in rows without padding; "scorer" the whole of
conditional_log_prob_ids, from lists of ids to float64 sums; "from texts" that and the tokenizer. "Off" is the
largest difference from float32 on the same device.
"""

import argparse
import itertools
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from workloads import Task, build_model, build_tasks, build_tokenizer, needed_ids

from course_utils.language_model import load_language_model, minimal_pairs
from course_utils.scoring import Scorer

README = Path(__file__).with_name("README.md")
TESTS = Path(__file__).parent.parent / "tests" / "scoring"
SPEED = """| model | dtype, product | task | body / bound | scorer / bound | ids/s | from texts | peak MB | off, nats |
|---|---|---|---:|---:|---:|---:|---:|---:|"""
LESSONS = """| dtype | ids/s | peak MB | largest difference of a token from float32 on the CPU, nats | of a text |
|---|---:|---:|---:|---:|"""


def seconds(device: str, run: Callable[[], object], rounds: int) -> float:
    """The median time of a call, the device's work included."""
    times = []
    for _ in range(rounds + 1):
        if device == "cuda":
            torch.cuda.synchronize()
        start = time.perf_counter()
        run()
        if device == "cuda":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - start)
    return statistics.median(times[1:])  # the first is the warm-up


def peak_memory(device: str, run: Callable[[], object]) -> float:
    """MB that a call takes at its height beyond what was there before; NaN where that is not known."""
    if device != "cuda":
        return float("nan")
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    run()
    return (torch.cuda.max_memory_allocated() - before) / 2**20


def product_rate(device: str, dtype: torch.dtype, n: int) -> float:
    """Operations a second of an n x n x n matrix product, over as many as keep the device busy for a while."""
    a = torch.randn(n, n, device=device, dtype=dtype)
    return 2 * n**3 * 20 / seconds(device, lambda: [a @ a for _ in range(20)], rounds=3)


@torch.no_grad()
def run_body(model, lengths: list[int], tokens: int) -> None:
    """The transformer's body over sequences of these lengths, each taken as long as their mean: no padding, no mask."""
    length = round(statistics.mean(lengths))
    for start in range(0, len(lengths), max(1, tokens // length)):
        count = min(max(1, tokens // length), len(lengths) - start)
        ids = torch.ones(count, length, dtype=torch.long, device=model.device)
        model.base_model(input_ids=ids, use_cache=False)


def measure(name: str, dtype: torch.dtype, compiled: bool, args, exact: dict) -> list[str]:
    """Rows of the table for one model in one dtype, its body through torch.compile or not."""
    model = build_model(name, args.device, dtype)
    if compiled:
        model.base_model.compile(dynamic=True)
    tokenizer = build_tokenizer(model.config.vocab_size)
    scorer = Scorer(model, tokenizer, batch_tokens=args.batch_tokens)
    weights = sum(p.numel() for p in model.base_model.parameters()) - model.get_input_embeddings().weight.numel()
    rate, rounds = product_rate(args.device, dtype, 256 if args.quick else 8192), 1 if args.quick else 2
    rows = []
    for task in build_tasks(model.config.vocab_size, 0.1 if args.quick else 12.0)[:2]:
        pairs = [(tokenizer(x).input_ids, tokenizer(y).input_ids) for x, y in task.pairs]

        def score(pairs=pairs) -> np.ndarray:
            return scorer.conditional_log_prob_ids(pairs)

        def score_texts(task: Task = task) -> np.ndarray:
            return scorer.conditional_log_prob(task.pairs)

        lengths = needed_ids(task)[0]
        body = seconds(args.device, lambda lengths=lengths: run_body(model, lengths, args.batch_tokens), rounds)
        whole, texts = (seconds(args.device, call, rounds) for call in (score, score_texts))
        scores, memory = score(), peak_memory(args.device, score)
        moved = np.abs(scores - exact.setdefault((name, task.name), scores)).max()
        bound = 2 * weights * sum(lengths) / rate
        named = name + (", compiled" if compiled else "")
        rows.append(
            f"| {named} | {_short(dtype)}, {rate / 1e12:.0f} TFLOP/s | {task.name} "
            f"| {bound / body:.0%} | {bound / whole:.0%} | {sum(lengths) / whole:,.0f} | {sum(lengths) / texts:,.0f} "
            f"| {memory:,.0f} | {moved:.1e} |"
        )
        print(rows[-1], flush=True)
        if args.profile and not compiled and dtype == torch.bfloat16 and args.device == "cuda":
            print_profile(score)
    return rows


def print_profile(run: Callable[[], object]) -> None:
    """Where the device's time goes, kernel by kernel."""
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as profile:
        run()
    print(profile.key_averages().table(sort_by="self_cuda_time_total", row_limit=14, max_name_column_width=70))


def _short(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def course_model(args) -> list[str]:
    """The course model on the device beside float32 on the CPU: differences, speed, memory."""
    sentences = [text for pair in minimal_pairs() for text in (pair["good"], pair["bad"])]
    texts = [" ".join(sentences[i : i + 12]) for i in range(0, len(sentences), 2)][: 20 if args.quick else 100]
    exact = Scorer(*load_language_model("course", device="cpu", dtype="float32")).tokens(texts)
    rows = []
    for dtype in (torch.float32, torch.bfloat16):
        model, tokenizer = load_language_model("course", device=args.device, dtype=dtype)
        scorer = Scorer(model, tokenizer, batch_tokens=args.batch_tokens)
        here = scorer.tokens(texts)
        token = max(np.abs(a.log_probs - b.log_probs).max() for a, b in zip(here, exact, strict=True))
        text = max(abs(a.log_prob - b.log_prob) for a, b in zip(here, exact, strict=True))
        many = [[scorer.bos, *scores.ids] for scores in exact] * (1 if args.quick else 20)

        def score(scorer=scorer, many=many) -> np.ndarray:
            return scorer.log_prob_ids(many)

        rate = sum(len(ids) - 1 for ids in many) / seconds(args.device, score, 1 if args.quick else 3)
        rows.append(
            f"| {_short(dtype)} | {rate:,.0f} | {peak_memory(args.device, score):,.0f} | {token:.1e} | {text:.1e} |"
        )
        print(rows[-1], flush=True)
    return rows


def write(place: str, table: str) -> None:
    """The table into its place in the README."""
    text = README.read_text(encoding="utf-8")
    before, rest = text.split(f"<!-- {place}:begin -->")
    after = rest.split(f"<!-- {place}:end -->")[1]
    README.write_text(f"{before}<!-- {place}:begin -->\n{table}\n<!-- {place}:end -->{after}", encoding="utf-8")


def run_tests(args) -> int:
    """The scorer's tests on the device, all that need a model; spread over processes where pytest-xdist is there."""
    chosen = ["-k", "test_family and llama"] if args.quick else ["--ignore", str(TESTS / "test_command.py")]
    jobs = ["-n", str(args.jobs)] if args.jobs > 1 else []
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", str(TESTS), "--device", args.device, *chosen, *jobs]
    ).returncode


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--quick", action="store_true", help="a small model and few texts; the README stays as it is")
    parser.add_argument("--batch-tokens", type=int, default=16_384, help="ids in one forward pass")
    parser.add_argument("--models", nargs="*", help="default: gpt2 124M and llama 1B; with it nothing is written")
    parser.add_argument("--dtypes", nargs="*", default=["float32", "bfloat16"])
    parser.add_argument("--compile", action="store_true", help="also with the body through torch.compile (minutes)")
    parser.add_argument("--profile", action="store_true", help="print where the device's time goes in bfloat16")
    parser.add_argument("--jobs", type=int, default=1, help="processes for the tests (pytest-xdist)")
    parser.add_argument("--only", choices=["tests", "speed", "lessons"], help="only this part")
    args = parser.parse_args()
    if args.device == "cuda" and not torch.cuda.is_available():
        parser.error("no CUDA device here; --device cpu --quick shows that the command works")
    failed = run_tests(args) if args.only in (None, "tests") else 0
    where = torch.cuda.get_device_name() if args.device == "cuda" else args.device
    where = f"Measured on {where}, torch {torch.__version__}, {args.batch_tokens:,} ids in a forward pass.\n"
    keep = not (args.quick or args.models)
    if args.only in (None, "speed"):
        print(SPEED)
        rows, exact = [], {}
        for name in args.models or (["llama 10M"] if args.quick else ["gpt2 124M", "llama 1B"]):
            for dtype, compiled in itertools.product(args.dtypes, (False, True) if args.compile else (False,)):
                rows += measure(name, getattr(torch, dtype), compiled, args, exact)
        if keep:
            write("scoring-gpu", "\n".join([where, SPEED, *rows]))
    if args.only in (None, "lessons"):
        print(LESSONS)
        rows = course_model(args)
        if keep:
            write("scoring-gpu-lessons", "\n".join([where, LESSONS, *rows]))
    return failed


if __name__ == "__main__":
    sys.exit(main())
