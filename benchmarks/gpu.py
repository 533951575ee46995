"""The scorer on a GPU: its tests, and its speed against what matrix products alone would allow. Under ten minutes.

    python benchmarks/gpu.py                        # tests, benchmark, and the table into benchmarks/README.md
    python benchmarks/gpu.py --device cpu --quick   # the same in small, to see that it runs; writes nothing

The bound: 2 x (weights of the body) x (needed ids) operations, at the rate that one large matrix product reaches in the
same dtype. Attention, norms and the output layer come on top of it, so the share is what is left of the bound after all
of them.
"""

import argparse
import statistics
import subprocess
import sys
import time
from pathlib import Path

import torch
from workloads import build_model, build_tasks, build_tokenizer, needed_ids

from course_utils.scoring import Scorer

README = Path(__file__).with_name("README.md")
BEGIN, END = "<!-- scoring-gpu:begin -->", "<!-- scoring-gpu:end -->"
TESTS = Path(__file__).parent.parent / "tests" / "scoring"
HEADER = """| model | dtype | task | ids/s | matrix product, TFLOP/s | share of the bound | bfloat16 - float32, nats |
|---|---|---|---:|---:|---:|---:|"""


def seconds(device: str, run, rounds: int) -> float:
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


def product_rate(device: str, dtype: torch.dtype, n: int) -> float:
    """Operations a second of an n x n x n matrix product."""
    a = torch.randn(n, n, device=device, dtype=dtype)
    return 2 * n**3 / seconds(device, lambda: a @ a, rounds=5)


def measure(name: str, dtype: torch.dtype, args, exact: dict) -> list[str]:
    """Rows of the table for one model in one dtype."""
    model = build_model(name, args.device, dtype)
    tokenizer = build_tokenizer(model.config.vocab_size)
    scorer = Scorer(model, tokenizer, batch_tokens=args.batch_tokens)
    weights = sum(p.numel() for p in model.base_model.parameters()) - model.get_input_embeddings().weight.numel()
    rate = product_rate(args.device, dtype, 256 if args.quick else 8192)
    rows = []
    for task in build_tasks(model.config.vocab_size, 0.1 if args.quick else 20.0)[:2]:
        scores = scorer.conditional_log_prob(task.pairs)
        taken = seconds(args.device, lambda task=task: scorer.conditional_log_prob(task.pairs), 1 if args.quick else 3)
        ids = sum(needed_ids(task)[0])
        exact.setdefault((name, task.name), scores)
        moved = abs(scores - exact[name, task.name]).max()
        rows.append(
            f"| {name} | {str(dtype).removeprefix('torch.')} | {task.name} | {ids / taken:,.0f} | {rate / 1e12:.1f} "
            f"| {2 * weights * ids / rate / taken:.0%} | {moved:.1e} |"
        )
    return rows


def write(table: str) -> None:
    """The table into its place in the README."""
    text = README.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    README.write_text(f"{before}{BEGIN}\n{table}\n{END}{rest.split(END)[1]}", encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--quick", action="store_true", help="a small model and few texts; the README stays as it is")
    parser.add_argument("--batch-tokens", type=int, default=16_384, help="ids in one forward pass")
    parser.add_argument("--no-tests", action="store_true")
    args = parser.parse_args()
    if args.device == "cuda" and not torch.cuda.is_available():
        parser.error("no CUDA device here; --device cpu --quick shows that the command works")
    if not args.no_tests:
        chosen = ["-k", "test_family and llama"] if args.quick else ["-m", "slow or not slow"]
        test = subprocess.run([sys.executable, "-m", "pytest", "-q", str(TESTS), "--device", args.device, *chosen])
        if test.returncode:
            return test.returncode
    exact: dict = {}
    rows = []
    for name in ["llama 10M"] if args.quick else ["gpt2 124M", "llama 1B"]:
        for dtype in (torch.float32, torch.bfloat16):
            rows += measure(name, dtype, args, exact)
    where = torch.cuda.get_device_name() if args.device == "cuda" else args.device
    table = "\n".join([f"Measured on {where}, torch {torch.__version__}.\n", HEADER, *rows])
    print(table)
    if not args.quick:
        write(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
