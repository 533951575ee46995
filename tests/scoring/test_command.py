"""Files in, files out: every line, in order, after any interruption and over several processes."""

import argparse
import json
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from course_utils.cli import score as command
from course_utils.scoring import Scorer

from . import families, texts

MODULE = [sys.executable, "-m", "course_utils.scoring"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A saved tiny model."""
    path = tmp_path_factory.mktemp("model")
    families.build("gpt2").save_pretrained(path)
    texts.byte_level("bos").save_pretrained(path)
    return path


@pytest.fixture
def pairs(tmp_path) -> Path:
    lines = []
    for i in range(60):
        lines.append({"id": f"p{i}", "x": "the cat" + " sat" * (i % 7), "y": " on the mat"[: 1 + i % 11]})
    del lines[3]["id"]
    text = [json.dumps(line, ensure_ascii=False) for line in lines]
    text[5] = "{not json"
    text[6] = '{"x": "only x"}'
    text[7] = json.dumps({"x": "long", "y": " the" * 400})
    text[8] = ""
    text[9] = json.dumps({"id": 7, "x": "", "y": ""})
    text[10] = "[1, 2]"
    text[12] = json.dumps({"id": "line\u2028separator", "x": "a\u2028b", "y": " c"}, ensure_ascii=False)
    text[11] = json.dumps({"id": [1], "x": "caf", "y": "é"}, ensure_ascii=False)
    path = tmp_path / "pairs.jsonl"
    path.write_bytes("\n".join(text).encode() + b'\n{"x": "\xff", "y": "a"}\n')
    return path


def arguments(*given) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return parser.parse_args([str(each) for each in given])


def read(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


@pytest.fixture(scope="module")
def no_loading(folder):
    """One scorer for all runs in this process."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    return Scorer(AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder))


@pytest.fixture
def here(no_loading, monkeypatch):
    monkeypatch.setattr(command, "make_scorer", lambda args: no_loading)
    monkeypatch.setattr(command, "CHUNK", 8)
    return no_loading


def test_every_line_in_order(pairs, tmp_path, here, folder):
    out = tmp_path / "scores.jsonl"
    assert command.run(arguments(pairs, "--model", folder, "--out", out)) == 1  # some lines are bad
    records = read(out)
    assert [r["line"] for r in records] == [n for n in range(1, 62) if n != 9]
    bad = {r["line"]: r["error"] for r in records if "error" in r}
    assert set(bad) == {6, 7, 8, 11, 61} and all(set(r) == {"line", "error"} for r in records if "error" in r)
    assert "JSON" in bad[6] and "'y'" in bad[7] and "160 at once" in bad[8] and "pair 0" not in bad[8]
    good = {r["line"]: r for r in records if "error" not in r}
    order = ["id", "line", "joint", "marginal", "conditional", "x_tokens", "y_tokens", "bytes", "exact", "flags"]
    assert all(list(r) == order for r in good.values())
    assert good[1]["id"] == "p0" and good[4]["id"] == 4 and good[10]["id"] == 7 and good[12]["id"] == [1]
    assert good[10]["conditional"] == 0.0 and good[10]["flags"] == ["empty_x", "empty_y"] and good[12]["bytes"] == 2
    given = [json.loads(line) for line in pairs.read_bytes().splitlines()[20:30]]
    alone = here.score([(g["x"], g["y"]) for g in given])
    for record, score in zip([good[n] for n in range(21, 31)], alone, strict=True):
        assert record["conditional"] == pytest.approx(score.conditional, abs=1e-4)
        assert record["joint"] == pytest.approx(record["marginal"] + record["conditional"], abs=1e-9)
        assert (record["x_tokens"], record["y_tokens"]) == (len(score.x_tokens), len(score.y_tokens))


def test_half_of_a_surrogate_pair(tmp_path, here, folder):
    """JSON can write what UTF-8 cannot: in a text it is that line's error, and an id comes back as it was."""
    pairs, out = tmp_path / "pairs.jsonl", tmp_path / "scores.jsonl"
    pairs.write_text('{"x": "a\\ud83d", "y": "b"}\n{"id": "\\udc67", "x": "the", "y": " cat"}\n')
    assert command.run(arguments(pairs, "--model", folder, "--out", out)) == 1
    bad, good = read(out)
    assert bad["line"] == 1 and "surrogate" in bad["error"] and good["id"] == "\udc67" and good["y_tokens"] == 1


def test_minus_infinity_is_a_string(here):
    from dataclasses import replace

    score = replace(here.score([("the", " cat")])[0], conditional=-math.inf, joint=-math.inf, flags=("impossible",))
    record = command.record_of("a", 1, score)
    assert record["conditional"] == record["joint"] == "-Infinity" and math.isfinite(record["marginal"])
    assert json.loads(json.dumps(record, allow_nan=False)) == record


def test_null_is_an_empty_x(tmp_path, here, folder):
    pairs, out = tmp_path / "pairs.jsonl", tmp_path / "scores.jsonl"
    pairs.write_text('{"x": null, "y": "the cat"}\n{"x": "", "y": "the cat"}\n{"x": "the", "y": null}\n')
    assert command.run(arguments(pairs, "--model", folder, "--out", out)) == 1
    null, empty, bad = read(out)
    assert null | {"id": 2, "line": 2} == empty and empty["exact"] is True and "error" in bad


@pytest.mark.parametrize("kept", [0, 1, 500, 1800, 3001])
def test_what_a_killed_run_left_is_continued(kept, pairs, tmp_path, here, folder):
    """Byte for byte what an uninterrupted run gives, wherever the file broke off; nothing done is done again."""
    whole, cut = tmp_path / "whole.jsonl", tmp_path / "cut.jsonl"
    command.run(arguments(pairs, "--model", folder, "--out", whole))
    command.run(arguments(pairs, "--model", folder, "--out", cut))
    cut.write_bytes(whole.read_bytes()[:kept])
    assert command.run(arguments(pairs, "--model", folder, "--out", cut)) == 1
    assert cut.read_bytes() == whole.read_bytes()
    before = cut.stat().st_mtime_ns
    assert command.run(arguments(pairs, "--model", folder, "--out", cut)) == 1  # complete: nothing to do
    assert cut.stat().st_mtime_ns == before


def test_control_c_leaves_what_is_done(pairs, tmp_path, here, folder, monkeypatch, capsys):
    out, calls = tmp_path / "scores.jsonl", []
    real = command.score_lines

    def interrupted(scorer, lines):
        calls.append(lines)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return real(scorer, lines)

    monkeypatch.setattr(command, "score_lines", interrupted)
    assert command.run(arguments(pairs, "--model", folder, "--out", out)) == 130
    assert "goes on from there" in capsys.readouterr().err
    done = len(read(out))
    assert done == sum(len(lines) for lines in calls[:3])
    assert command.run(arguments(pairs, "--model", folder, "--out", out)) == 1
    assert len(read(out)) == 60 and calls[4] == calls[3]


def test_two_models_never_meet_in_one_file(pairs, tmp_path, here, folder, capsys):
    out = tmp_path / "scores.jsonl"
    command.run(arguments(pairs, "--model", folder, "--out", out))
    before = out.read_bytes()
    assert command.run(arguments(pairs, "--model", "other", "--out", out)) == 2
    assert "another model" in capsys.readouterr().err
    assert command.run(arguments(pairs, "--model", folder, "--eos", "--out", out)) == 2
    pairs.write_bytes(pairs.read_bytes() + b"{}\n")
    assert command.run(arguments(pairs, "--model", folder, "--out", out)) == 2
    assert out.read_bytes() == before
    (tmp_path / "precious.txt").write_text("mine", encoding="utf-8")
    assert command.run(arguments(pairs, "--model", folder, "--out", tmp_path / "precious.txt")) == 2
    assert (tmp_path / "precious.txt").read_text(encoding="utf-8") == "mine"


def test_mistakes_are_said_in_one_line(tmp_path, capsys):
    for given in (
        (tmp_path / "none.jsonl", "--out", tmp_path / "out.jsonl"),
        (__file__, "--model", tmp_path / "no-model", "--out", tmp_path / "out.jsonl"),
        (__file__, "--bos", "maybe", "--out", tmp_path / "out.jsonl"),
    ):
        assert command.run(arguments(*given)) == 2
        message = capsys.readouterr().err
        assert message.startswith("course score: ") and message.count("\n") == 1, message


def test_empty_file(tmp_path, here, folder):
    (tmp_path / "none.jsonl").write_text("\n", encoding="utf-8")
    assert command.run(arguments(tmp_path / "none.jsonl", "--model", folder, "--out", tmp_path / "out.jsonl")) == 0
    assert (tmp_path / "out.jsonl").read_bytes() == b""


def test_parts_become_one_file_in_order(pairs, tmp_path, here, folder, monkeypatch):
    """What two processes leave, put together, is what one process gives; ids with odd line ends stay whole."""
    one, two = tmp_path / "one.jsonl", tmp_path / "two.jsonl"
    command.run(arguments(pairs, "--model", folder, "--out", one))
    for rank in (1, 0):
        monkeypatch.setattr(command, "start_group", lambda: argparse.Namespace(barrier=lambda: None))
        args = arguments(pairs, "--model", folder, "--out", two)
        command.score_file(args, rank, 2)
    assert two.read_bytes() == one.read_bytes() and not list(tmp_path.glob("*.part-*"))


def many(path: Path, n: int) -> Path:
    path.write_text("".join(json.dumps({"x": "the cat", "y": f" sat {i}"}) + "\n" for i in range(n)), encoding="utf-8")
    return path


def environment() -> dict[str, str]:
    return {**os.environ, "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}


@pytest.mark.slow
def test_killed_and_resumed(folder, tmp_path):
    """kill -9 in the middle of a run; the same command then ends it, and nothing is lost, doubled or changed."""
    pairs, out, whole = many(tmp_path / "pairs.jsonl", 3000), tmp_path / "scores.jsonl", tmp_path / "whole.jsonl"
    run = [*MODULE, str(pairs), "--model", str(folder), "--device", "cpu"]
    child = subprocess.Popen([*run, "--out", str(out)], env=environment(), stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 300
    while child.poll() is None and not (out.exists() and out.stat().st_size > 20_000) and time.monotonic() < deadline:
        time.sleep(0.005)
    child.send_signal(signal.SIGKILL)
    child.wait()
    left = len(out.read_bytes().splitlines())
    assert 0 < left < 3000
    subprocess.run([*run, "--out", str(out)], env=environment(), check=True)
    subprocess.run([*run, "--out", str(whole)], env=environment(), check=True)
    assert out.read_bytes() == whole.read_bytes() and len(read(out)) == 3000


@pytest.mark.slow
def test_two_processes(folder, tmp_path):
    """torchrun splits the lines; together they give what one process gives, byte for byte."""
    pairs, out, one = many(tmp_path / "pairs.jsonl", 500), tmp_path / "scores.jsonl", tmp_path / "one.jsonl"
    given = [str(pairs), "--model", str(folder), "--device", "cpu"]
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    subprocess.run([*torchrun, "-m", "course_utils.scoring", *given, "--out", str(out)], env=environment(), check=True)
    subprocess.run([*MODULE, *given, "--out", str(one)], env=environment(), check=True)
    assert out.read_bytes() == one.read_bytes() and len(read(out)) == 500
    assert not list(tmp_path.glob("*.part-*"))
