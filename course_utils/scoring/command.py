"""Log-probabilities of the pairs in a file: log Pr(y | x), joint and marginal, in nats.

In: one JSON object a line, {"x": "The cat", "y": " sat"}; "id" is optional (the line number takes its place).
Out: one line for each, in the same order:

  {"id": 1, "line": 1, "joint": -9.1, "marginal": -6.0, "conditional": -3.1, "x_tokens": 2, "y_tokens": 1, "bytes": 4,
   "flags": []}

A log-probability of minus infinity is the string "-Infinity". A line that cannot be scored gives {"line", "error"},
and the exit status is then 1 (else 0). A run that was stopped goes on where it stopped when the same command is given
again.

Several GPUs or machines (they share the folder of the file):

  torchrun --nproc-per-node=4 -m course_utils.scoring pairs.jsonl --model NAME --out scores.jsonl
"""

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of ``course score``."""
    parser.add_argument("pairs", type=Path, help="file of pairs, one JSON object a line")
    parser.add_argument("--out", type=Path, required=True, help="file for the scores")
    parser.add_argument("--model", help="name on the Hugging Face hub or folder (default: the course model)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1, mps (default: auto)")
    parser.add_argument("--dtype", default="auto", help="auto, float32, bfloat16 ... (default: auto)")
    parser.add_argument("--bos", default="auto", help="before x: auto (as the tokenizer does), yes, no, or an id")
    parser.add_argument("--eos", action="store_true", help="score the end of the text after y too")
    parser.add_argument("--boundary", choices=["prefix", "error"], default="prefix", help="a token across x and y")
    parser.add_argument(
        "--overflow", choices=["error", "slide"], default="error", help="longer than the model's window"
    )
    parser.add_argument("--stride", type=int, help="ids from one window to the next (default: half a window)")
    parser.add_argument("--batch-tokens", type=int, default=1024, help="ids in one forward pass (default: 1024)")
    parser.add_argument("--simple", action="store_true", help="no shortcut: one sequence at a time")


def run(args: argparse.Namespace) -> int:
    """Score the file; the exit status: 0, 1 if any line was bad, 2 if the command cannot be done as given."""
    from .files import score_file  # torch is loaded only now

    return score_file(args)
