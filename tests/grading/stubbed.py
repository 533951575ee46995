"""`course grade` with a worker that runs nothing: for runs of a thousand submissions, that are killed, on a full disk.

    python -m tests.grading.stubbed SUBMISSIONS REPORT [peak]

What a worker would find follows from the copy that it is given, so that a run is repeatable; every status occurs.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from pathlib import Path

from course_utils.cli import grade as grade_command
from course_utils.staff.grading.records import Row
from course_utils.staff.grading.run import run
from course_utils.staff.grading.sandbox.isolation import Supplies
from tests.grading.notebooks import NAME, POINTS, RIGHT, dumps, notebook

STATUSES = ("graded", "graded", "graded", "error", "timeout", "memory")


class StubbedWorker:
    def __init__(self, *_: object) -> None:
        pass

    def grade(self, copy: Path, folder: Path, seed: int, imports: tuple[str, ...], ahead: bool) -> list[Row]:
        return [_row(task, most, copy.read_bytes(), seed) for task, most in POINTS.items()]

    def close(self) -> None:
        pass


def _row(task: str, most: float, copy: bytes, seed: int) -> Row:
    drawn = hashlib.sha256(copy + f"{task} {seed}".encode()).digest()
    status = STATUSES[drawn[0] % len(STATUSES)]
    points = most * (drawn[1] % 3) / 2 if status == "graded" else 0.0
    said = f"what is said of it, {drawn.hex()}" if points < most else ""
    return Row(task, points, most, status, said, f"joint_prob([{drawn[2] / 256}])", str(drawn[3]), "sum_for_product")


def hand_in(folder: Path, count: int) -> None:
    """Submissions of so many students: answered, untouched, broken, empty."""
    for index in range(count):
        path = folder / f"s{index:04}" / f"{NAME}.ipynb"
        path.parent.mkdir(parents=True)
        answered = RIGHT | {"E01.1": f"# E01.1\ndef e01_1():\n    return {index}"}
        kinds = [dumps(notebook(answered))] * 7 + [dumps(notebook()), b"{", b""]
        path.write_bytes(kinds[index % 10])


def main(source: str, out: str, *options: str) -> int:
    run.Worker = StubbedWorker
    Supplies.make = classmethod(lambda cls, folder: None)
    parser = argparse.ArgumentParser()
    grade_command.add_arguments(parser)
    wanted = [
        source,
        "--out",
        out,
        "--seed",
        "7",
        "--unsafe-no-sandbox",
        "--format",
        "canvas",
        "--format",
        "gradescope",
    ]
    status = grade_command.run(parser.parse_args(wanted))
    if "peak" in options:
        import resource

        print("peak", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    return status


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
