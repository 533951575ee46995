"""Many submissions: memory, runs that are killed and go on, and disks that are full."""

import csv
import errno
import os
import random
import shutil
import subprocess
import sys
import time

import pytest

from course_utils.staff.grading import records
from course_utils.staff.grading.report import report
from tests.grading import stubbed
from tests.grading.notebooks import POINTS

SEED = 2026


def command(source, out, *options):
    return [sys.executable, "-m", "tests.grading.stubbed", str(source), str(out), *options]


def tables(out):
    names = ("results.csv", "gradebook.csv", "canvas.csv")
    pages = sorted(out.glob("feedback/*/*.html")) + sorted(out.glob("gradescope/*/*/*"))
    return {path.relative_to(out): path.read_bytes() for path in [*(out / name for name in names), *pages]}


@pytest.fixture(scope="module")
def two_hundred(tmp_path_factory):
    folder = tmp_path_factory.mktemp("many")
    stubbed.hand_in(folder / "in", 200)
    subprocess.run(command(folder / "in", folder / "unbroken"), check=True, capture_output=True)
    return folder


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="getrusage")
def test_a_thousand_take_hardly_more_memory_than_a_hundred(tmp_path):
    peaks = {}
    for count in (100, 1000):
        stubbed.hand_in(tmp_path / f"in{count}", count)
        words = command(tmp_path / f"in{count}", tmp_path / f"out{count}", "peak")
        done = subprocess.run(words, check=True, capture_output=True, text=True)
        peaks[count] = int(done.stdout.split()[-1])
    with (tmp_path / "out1000" / "results.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 1000 * len(POINTS)
    assert {row["status"] for row in rows} == {"graded", "missing", "error", "timeout", "memory", "invalid"}
    assert peaks[1000] <= 1.2 * peaks[100], peaks


@pytest.mark.slow
def test_a_run_killed_at_twenty_random_moments_gives_the_bytes_of_an_unbroken_one(two_hundred):
    source, out = two_hundred / "in", two_hundred / "broken"
    draw = random.Random(SEED)
    # The moments: so many records, then so many pages, are there. The report of a run is written at its end.
    records_there = sorted(draw.sample(range(1, 200), 14))
    moments = [("state", n) for n in records_there] + [("pages", n) for n in sorted(draw.sample(range(1, 200), 6))]
    for what, enough in moments:
        process = subprocess.Popen(command(source, out), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while process.poll() is None and count(out, what) < enough:
            time.sleep(0.0005)
        process.kill()
        process.wait()
        if what == "pages":
            shutil.rmtree(out / "feedback", ignore_errors=True)  # so that the next run is caught writing them too
        assert not (out / "results.csv").exists() or what == "pages"
    assert subprocess.run(command(source, out), capture_output=True, check=False).returncode == 0
    assert tables(out) == tables(two_hundred / "unbroken")


def count(out, what):
    try:
        if what == "state":
            return sum(entry.name.endswith(".json") for entry in os.scandir(out / ".state"))
        return len(os.listdir(out / "feedback"))
    except OSError:
        return 0


@pytest.mark.slow
@pytest.mark.parametrize("at", [1, 60, 205, 404])
def test_a_full_disk_says_so_in_a_line_and_loses_nothing(two_hundred, tmp_path, monkeypatch, capsys, at):
    """The report's disk fills up at some write: the seed, a record, a page, a table; then there is room again."""
    writes = iter(range(1, 10_000))
    write_whole = records.write_whole

    def onto_a_full_disk(path, text):
        if path.is_relative_to(tmp_path) and next(writes) >= at:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        write_whole(path, text)

    for module in (records, report, stubbed.run):
        monkeypatch.setattr(module, "write_whole", onto_a_full_disk)
    monkeypatch.setattr(stubbed.run, "Worker", stubbed.run.Worker)
    monkeypatch.setattr(stubbed.Supplies, "make", stubbed.Supplies.make)
    assert stubbed.main(str(two_hundred / "in"), str(tmp_path / "out")) == 2
    told = [line for line in capsys.readouterr().err.splitlines() if line.startswith("course grade: ")]
    assert len(told) == 1 and ("full" in told[0] or "No space left" in told[0])
    kept = len(list((tmp_path / "out" / ".state").glob("*.json")))
    assert kept == min(max(at - 2, 0), 200)
    monkeypatch.undo()
    assert (
        subprocess.run(command(two_hundred / "in", tmp_path / "out"), capture_output=True, check=False).returncode == 0
    )
    assert tables(tmp_path / "out") == tables(two_hundred / "unbroken")


def test_what_could_not_be_written_leaves_no_part_behind(tmp_path, monkeypatch):
    (tmp_path / "table.csv").write_text("old")
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError(errno.ENOSPC, "full")))
    with pytest.raises(OSError):
        records.write_whole(tmp_path / "table.csv", "new")
    assert [path.name for path in tmp_path.iterdir()] == ["table.csv"]
    assert (tmp_path / "table.csv").read_text() == "old"
