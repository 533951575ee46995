"""What is remembered of a learner: where it is kept and where not, that it disturbs nothing, what comes back when."""

import argparse
import io
import json
import os
import subprocess
import sys
import textwrap
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from course_utils.classroom import memory
from course_utils.classroom.memory import Event
from course_utils.classroom.predicting import questions
from course_utils.cli import forget as forget_command
from course_utils.cli import review

ROOT = Path(__file__).resolve().parents[1]
START = datetime(2026, 3, 2, 9, tzinfo=UTC)
WRONG = next(key for key in questions("01")["order"].options if key != questions("01")["order"].answer)
SAID = "you added the conditional probabilities; the chain rule multiplies them"

LEARN = f"""
    from course_utils.lesson import check, predict
    predict("01.order", guess="{WRONG}")
    predict("01.order", guess="{questions("01")["order"].answer}")
    predict("01.order", guess="Z")
    def e01_1(): return 1.4
    check("E01.1")
    def e01_1(): raise NotImplementedError
    check("E01.1")
    def count_leaves(symbols, length): return symbols ** length
    check("01.c")
"""


def learn(folder: Path, **environment: str) -> str:
    """What is printed where these cells run in a folder, as nobody's test."""
    watched = ("PYTEST_CURRENT_TEST", "PYTEST_VERSION", "COURSE_BUILD", "COURSE_WORK")
    free = {name: value for name, value in os.environ.items() if name not in watched}
    free |= {"PYTHONPATH": str(ROOT)} | environment
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(LEARN)], cwd=folder, env=free, capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    return done.stdout


@pytest.fixture
def work(tmp_path):
    (tmp_path / "work" / "exercises").mkdir(parents=True)
    return tmp_path / "work"


def test_guesses_and_verdicts_are_kept_among_ones_own_copies(work):
    said = learn(work / "exercises", COURSE_WORK=str(work))
    kept = memory.history(work / memory.NAME)
    assert [(event.name, event.right) for event in kept] == [
        ("01.order", False),
        ("01.order", True),
        ("E01.1", False),
        ("01.c", True),
    ]
    assert kept[0].said == WRONG and kept[2].misconception == "sum_for_product" and SAID in kept[2].said
    assert f"Before, your guess was {WRONG}." in said
    assert all(json.loads(line) for line in (work / memory.NAME).read_text(encoding="utf-8").splitlines())
    assert f"Before, your guess was {questions('01')['order'].answer}" in learn(work, COURSE_WORK=str(work))


def test_where_it_is_kept(work, tmp_path, monkeypatch):
    """Only among somebody's copies: not in the grader's kernels, which run elsewhere, nor in a build or under nbval."""
    monkeypatch.setenv("COURSE_WORK", str(work))
    for name in ("PYTEST_CURRENT_TEST", "PYTEST_VERSION", "COURSE_BUILD"):
        monkeypatch.delenv(name, raising=False)
    for folder, place in [(work / "exercises", work / memory.NAME), (work, work / memory.NAME), (tmp_path, None)]:
        monkeypatch.chdir(folder)
        assert memory.file_here() == place
    monkeypatch.chdir(work)
    for name in ("PYTEST_CURRENT_TEST", "PYTEST_VERSION", "COURSE_BUILD"):
        monkeypatch.setenv(name, "1")
        assert memory.file_here() is None
        monkeypatch.delenv(name)
    monkeypatch.setenv("COURSE_WORK", str(tmp_path / "none"))
    assert memory.file_here() is None


def test_nothing_disturbs_a_check(work, monkeypatch):
    said = learn(work.parent, COURSE_WORK=str(work))  # not among the copies
    assert list(work.iterdir()) == [work / "exercises"]
    (work / ".course").write_text("a file where a folder should be", encoding="utf-8")
    assert learn(work, COURSE_WORK=str(work)) == said
    monkeypatch.setattr(memory, "file_here", lambda: 1 / 0)
    memory.record("01.order", True, "B")
    assert memory.guessed("01.order") == ""


def test_a_damaged_line_is_skipped_and_does_not_take_the_next_with_it(tmp_path):
    file = tmp_path / memory.NAME
    memory.append(file, Event(START, "01.order", False, "A"))
    whole = file.read_bytes()
    for junk in (b'{"when": "yesterd', b"\xff\xfe", b"[1]\n", b'{"when": 3}\n', b'{"when": "2026-03-02", "name": 7}'):
        file.write_bytes(whole + junk)
        memory.append(file, Event(START, "01.sun", True, "B"))
        assert [event.name for event in memory.history(file)] == ["01.order", "01.sun"], junk
    assert memory.history(tmp_path / "nothing") == []


def test_forget_deletes_it_and_nothing_else(work, capsys):
    parser = argparse.ArgumentParser()
    forget_command.add_arguments(parser)
    args = parser.parse_args(["--work", str(work)])
    memory.append(work / memory.NAME, Event(START, "01.order", False, "A"))
    (work / "01_chain_rule.ipynb").write_text("{}", encoding="utf-8")
    assert forget_command.run(args) == 0 and "Deleted" in capsys.readouterr().out
    assert sorted(path.name for path in work.iterdir()) == ["01_chain_rule.ipynb", "exercises"]
    assert forget_command.run(args) == 0 and "Nothing was kept" in capsys.readouterr().out


def test_no_grading_reads_it():
    """Neither the grader nor what a kernel of it is given; and a hand-out has no such file."""
    for path in [*(ROOT / "course_utils" / "staff").rglob("*.py"), ROOT / "course_utils" / "cli" / "grade.py"]:
        text = path.read_text(encoding="utf-8")
        assert (
            "classroom.memory" not in text and "history.jsonl" not in text and "classroom import memory" not in text
        ), path


# --- what comes back, and when ----------------------------------------------------------------------------------------


def days(number: float) -> datetime:
    return START + timedelta(days=number)


def names(events, at: float) -> list[str]:
    return [item.mistake.name for item in memory.due(events, days(at))]


def test_it_comes_back_at_growing_intervals_and_at_last_not_at_all():
    events = [Event(START, "01.order", False, "A"), Event(days(0.01), "01.order", True, "B")]
    at = 0
    for wait in (1, 3, 7, 16, 35):
        assert names(events, at + wait - 0.5) == [] and names(events, at + wait) == ["01.order"]
        at += wait
        events.append(Event(days(at), "01.order", True, "B"))
    assert names(events, 10_000) == []


def test_a_mistake_begins_it_again():
    events = [Event(START, "01.order", False, "A"), Event(days(1), "01.order", True, "B")]
    events.append(Event(days(4), "01.order", False, "C"))
    assert names(events, 4.5) == [] and names(events, 5) == ["01.order"]
    assert memory.due(events, days(5))[0].mistake.said == "C"


def test_what_never_was_missed_does_not_come_back_nor_a_slip_without_a_name():
    events = [Event(START, "01.sun", True, "B"), Event(START, "E01.2", False, "the answer raised NameError")]
    assert names(events, 100) == []
    events += [Event(START, "01.c", False, "64 came back, where 81 is right")]
    assert names(events, 100) == []
    events += [Event(days(1), "E01.2", False, SAID, "sum_for_product"), Event(START, "01.order", False, "A")]
    assert names(events, 100) == ["01.order", "E01.2"]  # the longest overdue first


# --- the command ------------------------------------------------------------------------------------------------------


@pytest.fixture
def missed(work):
    memory.append(work / memory.NAME, Event(START, "01.order", False, WRONG))
    memory.append(work / memory.NAME, Event(days(0.1), "E01.1", False, SAID, "sum_for_product"))
    memory.append(work / memory.NAME, Event(days(0.2), "77.gone", False, "A"))
    return work


def reviewed(work, *arguments) -> int:
    parser = argparse.ArgumentParser()
    review.add_arguments(parser)
    return review.run(parser.parse_args(["--work", str(work), *arguments]))


def test_review_asks_explains_and_remembers(missed, monkeypatch, capsys):
    question = questions("01")["order"]
    monkeypatch.setattr("sys.stdin", io.StringIO(f"?\n{question.answer}\nno\n"))
    assert reviewed(missed) == 0
    said = capsys.readouterr().out
    assert "2 questions, of 2 that wait" in said and question.why[question.answer] in said and "1 of 2 right" in said
    assert "E01.1 " in said and SAID in said and "**" not in said
    right, wrong = memory.history(missed / memory.NAME)[-2:]
    assert (right.name, right.right, wrong.name, wrong.right) == ("01.order", True, "E01.1", False)
    assert wrong.misconception == "sum_for_product"
    assert reviewed(missed) == 0  # both come back later
    assert "Nothing comes back now. 3 questions will" in capsys.readouterr().out


@pytest.mark.parametrize("typed", ["", "q\n"])
def test_review_can_be_stopped(missed, monkeypatch, capsys, typed):
    before = (missed / memory.NAME).read_bytes()
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    assert reviewed(missed) == 0
    assert "Another time." in capsys.readouterr().out and (missed / memory.NAME).read_bytes() == before


def test_review_as_a_notebook(missed, capsys):
    assert reviewed(missed, "--notebook") == 0
    content = json.loads((missed / "review.ipynb").read_text(encoding="utf-8"))
    sources = ["".join(cell["source"]) for cell in content["cells"]]
    assert 'predict("01.order", guess="")' in sources and "review.ipynb" in capsys.readouterr().out
    assert "E01.1 Three words, one probability" in sources[-1] and SAID in sources[-1]
    assert "(01_chain_rule.ipynb#Reading-a-conditional)" in sources[-1]  # beside it, in work/


def test_ten_at_a_time(work, monkeypatch, capsys):
    for name in list(questions("02"))[:8] + [f"E02.{n}" for n in range(1, 9)]:
        lesson = "" if name.startswith("E") else "02."
        memory.append(work / memory.NAME, Event(START, f"{lesson}{name}", False, "A", "" if lesson else "swapped"))
    count = len(memory.items(memory.history(work / memory.NAME)))
    assert count > 10
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    reviewed(work)
    assert f"10 questions, of {count} that wait" in capsys.readouterr().out


def test_nothing_to_review(work, capsys):
    assert reviewed(work) == 0
    assert "nothing to review" in capsys.readouterr().out
