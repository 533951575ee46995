"""What a student wrote is read, parsed and judged within bounds of length, memory and time of the processor."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import pytest

from course_utils.staff.grading.intake import reading
from course_utils.staff.grading.intake.reading import LONGEST_CELL, Unusable, read_notebook
from course_utils.staff.grading.place import suspicion
from course_utils.staff.grading.run.nbval_items import time_limit
from tests.grading.hostile.conftest import as_command

unix = pytest.mark.skipif(sys.platform == "win32", reason="limits as on Unix")


def read_source(source: str) -> str:
    cells = [{"cell_type": "code", "id": "a", "source": source}]
    return read_notebook(json.dumps({"nbformat": 4, "cells": cells}).encode())["cells"][0]["source"]


def test_a_source_longer_than_anybody_writes_is_not_parsed(monkeypatch):
    parsed = []
    monkeypatch.setattr(
        suspicion.ast, "parse", lambda source: parsed.append(len(source)) or suspicion.ast.Module([], [])
    )
    short = "#" * suspicion.LONGEST
    assert not suspicion.is_suspect(short) and suspicion.is_suspect(short + "#")
    assert parsed == [suspicion.LONGEST]


def test_a_cell_that_is_too_long_says_so_where_it_would_have_run():
    longest = "# E02.2\n" + "x" * (LONGEST_CELL - 8)
    assert read_source(longest) == longest
    cut = read_source(longest + "x" * 499_992)
    assert len(cut) < 300 and cut.startswith("# E02.2\n")  # it is still the answer to this task
    with pytest.raises(ValueError, match="^the cell was not run: it is 1.5 million characters long, and 1 million are"):
        exec(cut, {})
    for first in ("'" * 300, "\n\n'''\nx", "#" * 500, "# E02.2\r"):
        with pytest.raises(ValueError, match="was not run"):
            exec(read_source(first + "\n" + "x" * LONGEST_CELL), {})


def test_a_file_that_takes_too_much_memory_is_the_only_one_that_suffers(monkeypatch):
    def full(*args, **more):
        raise MemoryError

    monkeypatch.setattr(reading.json, "loads", full)
    with pytest.raises(Unusable, match="too much memory"):
        read_notebook(b"{}")


@unix
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the system does not count it")
def test_a_worker_has_a_limit_of_memory_and_its_kernels_have_their_own():
    """Torch's libraries, of which much is mapped and little written, fit below it; see the tests with real lessons."""
    code = """if True:
        import resource
        from course_utils.staff.grading.run import worker
        from course_utils.staff.grading.sandbox.isolation import MIB, CONFINED, Limits
        worker._limit_memory()
        try:
            bytearray(worker.MEMORY)
        except MemoryError:
            print("bounded")
        exec(CONFINED)
        limits = Limits(memory=7 * 1024 * MIB).resource_limits()
        limit("RLIMIT_DATA", limits["RLIMIT_DATA"])
        print(resource.getrlimit(resource.RLIMIT_DATA)[0] // MIB)"""
    done = as_command(sys.executable, "-c", code)
    assert done.stdout.split() == ["bounded", str(7 * 1024)], done.stderr


@unix
def test_a_judgement_that_cannot_be_interrupted_ends_its_process():
    code = """if True:
        import itertools
        from course_utils.staff.grading.run import nbval_items
        nbval_items.DEAF_SECONDS = 1
        with nbval_items.time_limit(0.1):
            sum(itertools.repeat(0))"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert done.returncode == -signal.SIGXCPU


@unix
def test_the_limit_of_a_judgement_ends_with_it():
    import resource

    before = resource.getrlimit(resource.RLIMIT_CPU)
    with time_limit(5):
        assert resource.getrlimit(resource.RLIMIT_CPU)[0] != before[0]
    assert resource.getrlimit(resource.RLIMIT_CPU) == before
