"""`course grade --dask`: the same bytes as here, whatever happens to the cluster's workers."""

import os
import signal
import socket
import sys
import threading
import time

import pytest

from course_utils.cli import grade as grade_command
from course_utils.staff.grading.run import cluster
from course_utils.staff.grading.run.cluster import BadCluster, Cluster
from course_utils.staff.grading.sandbox.isolation import Limits, LimitsOnly
from tests.grading.notebooks import NAME, RIGHT, WRONG, dumps, notebook

pytest.importorskip("distributed")


def graded(capsys, source, out, *options):
    parser = grade_command.argparse.ArgumentParser()
    grade_command.add_arguments(parser)
    words = [source, "--out", out, "--seed", 5, "--unsafe-no-sandbox", *options]
    status = grade_command.run(parser.parse_args(list(map(str, words))))
    return status, capsys.readouterr().err


def hand_in(folder, count):
    for index in range(count):
        path = folder / f"s{index}" / f"{NAME}.ipynb"
        path.parent.mkdir(parents=True)
        answers = RIGHT | {task: WRONG[task] for task in list(WRONG)[: index % 4]}
        path.write_bytes(dumps(notebook(answers)) if index else b"")


def files(out):
    return {p.relative_to(out): p.read_bytes() for p in out.rglob("*") if p.suffix in (".csv", ".html")
            and p.name != "index.html"}  # fmt: skip


@pytest.mark.slow
def test_two_workers_of_which_one_dies_give_the_bytes_of_a_run_here(tmp_path, capsys):
    from distributed import LocalCluster

    hand_in(tmp_path / "in", 6)
    assert graded(capsys, tmp_path / "in", tmp_path / "here")[0] == 0
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, protocol="tcp") as machines:

        def kill_one():
            """Once a submission is graded, the worker that has another."""
            busy = None
            while busy is None or len(list((tmp_path / "there" / ".state").glob("*.json"))) < 2:
                time.sleep(0.01)
                busy = next((w for w in machines.scheduler.workers.values() if w.processing), None)
            killed.append(busy.name)
            os.kill(machines.workers[busy.name].pid, signal.SIGKILL)

        killed = []
        killer = threading.Thread(target=kill_one, daemon=True)
        killer.start()
        status, said = graded(capsys, tmp_path / "in", tmp_path / "there", "--dask", machines.scheduler_address)
        killer.join(timeout=60)
    assert status == 0 and killed, said
    assert files(tmp_path / "there") == files(tmp_path / "here")
    assert "NOT graded" not in said


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def test_a_scheduler_that_does_not_answer_is_said_in_a_line(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(cluster, "PATIENCE", 1)
    hand_in(tmp_path / "in", 2)
    address = f"tcp://127.0.0.1:{free_port()}"
    status, said = graded(capsys, tmp_path / "in", tmp_path / "out", "--dask", address)
    lines = [line for line in said.splitlines() if line.startswith("course grade: ")]
    assert status == 2 and len(lines) == 1 and f"no Dask scheduler answers at {address}" in lines[0]


def test_without_dask_it_is_said_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(BadCluster, match="pip install"):
        Cluster("tcp://127.0.0.1:1", LimitsOnly.name, Limits())


def test_a_machine_with_other_code_or_without_a_sandbox_refuses(monkeypatch):
    assert cluster.refusal(cluster.own_version(), LimitsOnly.name) == ""
    assert "install the same" in cluster.refusal("0.0.1 (abc)", LimitsOnly.name)

    def unavailable(folder):
        raise cluster.Unavailable("the sandbox needs bubblewrap", "install it")

    monkeypatch.setattr(cluster, "find_sandbox", unavailable)
    assert "bubblewrap" in cluster.refusal(cluster.own_version(), "bubblewrap")
