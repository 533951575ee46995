"""The report of a training run, and the check that a rerun is the same run.

python training/report.py --run RUN             # writes losses.csv, held_out.csv, loss_curve.png beside this file
python training/report.py --compare RUN         # are the first hundred losses those of first_losses.csv, within 1%?
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).parent
TOLERANCE = 0.01  # relative


def read_column(path: Path, column: str) -> list[float]:
    """Return one column of a CSV file as numbers."""
    with path.open(encoding="utf-8", newline="") as file:
        return [float(row[column]) for row in csv.DictReader(file)]


def largest_difference(losses: Sequence[float], expected: Sequence[float]) -> tuple[float, int]:
    """Return the largest relative difference and its step (from 1); the shorter of the two says how many steps."""
    pairs = zip(losses, expected, strict=False)
    return max((abs(ours - theirs) / theirs, step) for step, (ours, theirs) in enumerate(pairs, 1))


def block_means(losses: Sequence[float], size: int) -> list[float]:
    """Return the mean of every `size` losses in a row; the last block may be shorter."""
    blocks = [losses[start : start + size] for start in range(0, len(losses), size)]
    return [sum(block) / len(block) for block in blocks]


def write_report(run: Path, size: int = 20) -> None:
    """Write the loss curve of a run (nats per token) as CSV and PNG into this folder."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    losses = read_column(run / "losses.csv", "loss")
    steps = [min(start + size, len(losses)) for start in range(0, len(losses), size)]
    means = block_means(losses, size)
    with (HERE / "losses.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["step", f"mean_loss_of_{size}_steps"])
        table.writerows([step, f"{mean:.4f}"] for step, mean in zip(steps, means, strict=True))
    held_out = (run / "held_out.csv").read_text(encoding="utf-8")
    (HERE / "held_out.csv").write_text(held_out, encoding="utf-8")

    figure, axes = pyplot.subplots(figsize=(7, 4), layout="constrained")
    axes.plot(steps, means, color="0.6", linewidth=1, label="training batches")
    marks = {"tinystories": ("#0072B2", "o-"), "tatoeba": ("#D55E00", "s--"), "book_alice": ("#009E73", "^:")}
    for source, (color, style) in marks.items():
        at, values = read_column(run / "held_out.csv", "step"), read_column(run / "held_out.csv", source)
        axes.plot(at, values, style, color=color, markersize=4, label=f"held out: {source}")
    axes.set(
        xlabel="step", ylabel="loss (nats per token)", ylim=(min(means) - 0.4, 6), title="Training the course model"
    )
    axes.legend()
    figure.savefig(HERE / "loss_curve.png", dpi=80, metadata={"Software": None})


def compare(run: Path) -> None:
    """Say whether the first losses of `run` are the recorded ones; exit status 1 when they are not."""
    losses, expected = read_column(run / "losses.csv", "loss"), read_column(HERE / "first_losses.csv", "loss")
    difference, step = largest_difference(losses, expected)
    compared = min(len(losses), len(expected))
    print(f"{compared} steps compared; largest difference {difference:.2%}, at step {step} (at most {TOLERANCE:.0%})")
    if difference > TOLERANCE:
        raise SystemExit("not the same run: see README.md, When the losses differ")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    task = parser.add_mutually_exclusive_group(required=True)
    task.add_argument("--run", type=Path, help="the run folder to report on")
    task.add_argument("--compare", type=Path, metavar="RUN", help="the run folder to compare with first_losses.csv")
    arguments = parser.parse_args()
    if arguments.run:
        write_report(arguments.run)
    else:
        compare(arguments.compare)


if __name__ == "__main__":
    main()
