"""course_utils.lesson: what a notebook calls, seen from a notebook and from plain Python."""

import base64
import io
import json
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import matplotlib.pyplot as plt
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread

from course_utils import lesson
from course_utils.checks import registry
from course_utils.classroom import playing, showing
from course_utils.classroom.predicting import Question, questions

ROOT = Path(__file__).resolve().parents[1]
LESSONS = sorted(path.parent.name[-2:] for path in ROOT.glob("course_utils/lessons/*/predictions.toml"))


@pytest.fixture
def shown(monkeypatch):
    """What was displayed: a list of MIME bundles and of objects."""
    displayed = []
    monkeypatch.setattr("IPython.display.display", lambda *things, raw=False: displayed.extend(things))
    return displayed


@pytest.fixture
def notebook(shown, monkeypatch):
    """What was displayed where a notebook runs."""
    monkeypatch.setattr("IPython.get_ipython", lambda: object())
    return shown


def test_import_loads_nothing_heavy():
    code = "import sys, course_utils.lesson, course_utils.plots; print(*sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "transformers", "matplotlib", "numpy", "IPython", "ipywidgets"} & set(loaded)


def test_check_and_predict_work_where_there_is_no_jupyter():
    code = """
        import sys
        class Absent:
            def find_spec(self, name, path=None, target=None):
                if name.partition(".")[0] in ("IPython", "ipykernel", "ipywidgets", "torch"):
                    raise ModuleNotFoundError(name)
        sys.meta_path.insert(0, Absent())
        from course_utils.lesson import check, predict
        predict("01.order")
        predict("01.order", "A")
        check("E01.2")
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Decide first" in done.stdout and "A is " in done.stdout and "E01.2 joint_prob: not answered" in done.stdout


# -- check ---------------------------------------------------------------------------------------------------------


def checked(task: str, **names) -> tuple[float, dict]:
    """`check(task)` as a notebook with these names would call it."""
    namespace = {"check": lesson.check, **names}
    exec(f"points = check({task!r})", namespace)
    return namespace["points"]


def test_check_finds_the_answer_where_it_is_called(capsys):
    assert checked("E01.1", e01_1=lambda: 0.04) == 1.0
    right = capsys.readouterr()
    assert checked("E01.1", e01_1=lambda: 1.4) == 0.0
    wrong = capsys.readouterr()
    assert right.out == "E01.1 e01_1: 1 of 1 points\n"
    assert wrong.out.startswith("E01.1 e01_1: 0 of 1 points\n") and "added" in wrong.out
    assert right.err == wrong.err == ""


def test_check_says_politely_that_a_task_waits(capsys):
    def joint_prob(conds):
        raise NotImplementedError

    assert checked("E01.2", joint_prob=joint_prob) == 0.0
    assert capsys.readouterr().out == "E01.2 joint_prob: not answered yet\n"


def test_check_silences_what_the_answer_prints(capfd):
    def noisy():
        print("to stdout")
        print("to stderr", file=sys.stderr)
        return 0.04

    assert checked("E01.1", e01_1=noisy) == 1.0
    captured = capfd.readouterr()
    assert "to std" not in captured.out + captured.err


@pytest.fixture
def in_colour(shown, monkeypatch):
    """What was displayed where a notebook runs that somebody learns in."""
    monkeypatch.setattr("IPython.get_ipython", lambda: type("Shell", (), {"kernel": 1, "history_manager": History})())
    monkeypatch.setattr("course_utils.classroom.showing.unwatched", lambda: False)
    showing._mistakes.clear()
    return shown


class History:
    input_hist_raw = ()


def test_a_right_answer_is_seen_to_be_one(in_colour, capsys):
    assert checked("E01.1", e01_1=lambda: 0.04) == 1.0
    (bundle,) = in_colour
    assert bundle["text/plain"] == "E01.1 e01_1: 1 of 1 points" and capsys.readouterr().out == ""
    page = bundle["text/html"]
    assert "✓ E01.1 e01_1: 1 of 1 points" in page and showing.RIGHT[0] in page
    assert showing.why("E01.1") in page
    assert '<a href="#E01.2-Multiply-along-the-path">E01.2 Multiply along the path</a>' in page


def test_after_the_last_task_comes_the_next_lecture():
    assert showing.after("E01.7")[0].startswith("E01.8 ")  # an open one
    assert showing.after("E01.8") == ("lecture 02", "../02_beginnings_and_ends.ipynb")
    assert showing.after("E12.99") is None and showing.after("E77.1") is None


def test_a_wrong_answer_leads_to_its_section_and_the_third_of_a_kind_to_the_hints(in_colour):
    def added(conds):
        return sum(conds)

    for _ in range(2):
        checked("E01.2", joint_prob=added)
    page = in_colour[-1]["text/html"]
    assert len(in_colour) == 2 and "✗ E01.2 joint_prob: 0 of 2 points" in page and showing.RIGHT[0] not in page
    assert "<code>joint_prob([" in page and "you added" in page
    assert '<a href="../01_chain_rule.ipynb#The-start-symbol-and-the-tree">The start symbol and the tree</a>' in page
    checked("E01.2", joint_prob=lambda conds: 7)  # of another kind: it begins anew
    checked("E01.2", joint_prob=added)
    checked("E01.2", joint_prob=added)
    assert len(in_colour) == 5
    checked("E01.2", joint_prob=added)
    hints = in_colour[-1]["text/markdown"]
    assert len(in_colour) == 7 and "<summary>Help: the empty list gives 0 or an error</summary>" in hints


def test_what_waits_is_neither_right_nor_wrong_and_a_turn_has_no_points(in_colour):
    assert checked("01.c") is None and checked("01.c", count_leaves=lambda s, n: s**n) is None
    waiting, right = (bundle["text/html"] for bundle in in_colour)
    assert "○ 01.c count_leaves: not answered yet" in waiting and "✓ 01.c count_leaves: right" in right


def test_a_report_cannot_break_the_page(in_colour):
    def bad(conds):
        raise ValueError("<script>alert(1)</script>")

    checked("E01.2", joint_prob=bad)
    assert "<script>" not in in_colour[-1]["text/html"] and "&lt;script&gt;" in in_colour[-1]["text/html"]


def test_every_reason_is_of_a_check_that_there_is():
    for path in ROOT.glob("course_utils/lessons/lesson_*/why.toml"):
        number = path.parent.name[-2:]
        reasons = showing._reasons(number)
        assert set(reasons) <= {*registry.tasks(number), *registry.turns(number)}
        assert all(text.endswith(".") and "\n" not in text for text in reasons.values())


# -- predict -------------------------------------------------------------------------------------------------------


def test_predict_asks_and_does_not_tell(notebook):
    lesson.predict("01.order")
    (bundle,) = notebook
    question = questions("01")["order"]
    assert set(bundle) == {"text/markdown", "text/plain"}
    assert question.text in bundle["text/plain"] and 'guess="A"' in bundle["text/plain"]
    assert all(f"**{key}** {text}" in bundle["text/plain"] for key, text in question.options.items())
    assert not any(why in bundle["text/plain"] for why in question.why.values())
    told = re.sub(r"<details>.*?</details>", "", bundle["text/markdown"], flags=re.DOTALL)
    assert question.text in told and not any(why in told for why in question.why.values())


def test_behind_each_option_is_its_own_answer(notebook):
    """The same without a kernel, in every front end: <details> in Markdown, whose inside is Markdown again."""
    lesson.predict("01.order")
    question = questions("01")["order"]
    opened = re.findall(
        r"<details><summary><b>(\w)</b> .*?</summary>\n\n(.*?)\n\n</details>", notebook[0]["text/markdown"]
    )
    assert [key for key, _ in opened] == list(question.options)
    for key, answer in opened:
        assert answer == f"**{key} is {'right' if key == question.answer else 'not it'}.** {question.why[key]}"


def test_what_stands_in_a_summary_is_html():
    asked = Question("?", {"A": "`a < b` is **not** *so*", "B": "2 * 3 & 4"}, {"A": "1", "B": "2"}, "A")
    assert "<b>A</b> <code>a &lt; b</code> is <b>not</b> <i>so</i></summary>" in asked.to_open()
    assert "<b>B</b> 2 * 3 &amp; 4</summary>" in asked.to_open()


def test_reveal_says_what_belongs_after_the_result(notebook, monkeypatch):
    asked = Question("?", {"A": "1", "B": "2"}, {"A": "no", "B": "yes"}, "A", reveal="It was $1$ all along.")
    monkeypatch.setattr(
        "course_utils.classroom.predicting.questions", lambda lesson: {"it": asked, "other": Question("?", {}, {}, "")}
    )
    lesson.reveal("01.it")
    assert notebook == [{"text/markdown": asked.reveal, "text/plain": asked.reveal}]
    with pytest.raises(LookupError, match="nothing to reveal"):
        lesson.reveal("01.other")
    with pytest.raises(LookupError, match="it, other"):
        lesson.reveal("01.nothing")


@pytest.mark.parametrize(("guess", "verdict"), [("A", "A is right"), (" a ", "A is right"), ("c", "C is not it")])
def test_predict_explains_the_option_chosen(notebook, guess, verdict):
    lesson.predict("01.order", guess=guess)
    text = notebook[0]["text/plain"]
    chosen = questions("01")["order"].why
    assert verdict in text
    assert [key for key, why in chosen.items() if why in text] == [guess.strip().upper()]


def test_predict_with_a_letter_that_is_no_option(notebook):
    lesson.predict("01.order", guess="ab")
    assert "The options are A, B, C; your guess was 'ab'." in notebook[0]["text/plain"]


def test_predict_prints_outside_a_notebook(capsys):
    lesson.predict("01.order")
    assert "ab" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["01.nothing", "order", "77.order", "../lesson_01.order"])
def test_predict_names_what_it_does_not_find(name):
    with pytest.raises(LookupError, match="order"):
        lesson.predict(name)


@pytest.mark.parametrize("number", LESSONS)
def test_every_option_has_its_own_explanation(number):
    for name, question in questions(number).items():
        assert len(question.options) >= 2, name
        assert list(question.options) == list("ABCDEF"[: len(question.options)]), name
        assert question.answer in question.options, name
        texts = [question.text, *question.options.values(), *question.why.values()]
        assert all(text.strip() for text in texts) and len(set(texts)) == len(texts), name


@pytest.mark.parametrize("number", LESSONS)
def test_lectures_ask_every_question_once_and_answer_none(number):
    (path,) = (ROOT / "notebooks").glob(f"{number}_*.ipynb")
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    asked = re.findall(r'^predict\("(\d\d)\.(\w+)", guess="(.*)"\)$', code, re.MULTILINE)
    assert len(asked) == code.count("predict(")
    assert asked == [(number, name, "") for name in questions(number)]


def test_the_right_letter_is_not_always_the_same():
    answers = [question.answer for number in LESSONS for question in questions(number).values()]
    assert max(map(answers.count, answers)) <= 0.6 * len(answers)


# -- figure --------------------------------------------------------------------------------------------------------


def test_figure_is_one_output_in_three_forms(shown):
    fig = Figure(figsize=(1, 1))
    fig.add_subplot().plot([1, 2])
    lesson.figure(fig, 'a line & a "quote" < 3')
    (bundle,) = shown
    assert bundle["text/plain"] == 'Figure: a line & a "quote" < 3'
    assert 'alt="a line &amp; a &quot;quote&quot; &lt; 3"' in bundle["text/html"]
    png = base64.b64decode(bundle["image/png"])
    assert png.startswith(b"\x89PNG") and b"Software" not in png and b"matplotlib" not in png
    assert bundle["image/png"] in bundle["text/html"]


def test_figure_is_white_and_closes_what_pyplot_holds(shown):
    before = set(plt.get_fignums())
    fig = plt.figure(facecolor="red")
    lesson.figure(fig, "nothing on white")
    assert set(plt.get_fignums()) == before
    pixels = imread(io.BytesIO(base64.b64decode(shown[0]["image/png"])))
    assert (pixels[..., :3] == 1).all()


def test_figure_wants_words(shown):
    with pytest.raises(ValueError, match="alt="):
        lesson.figure(Figure(), " ")


# -- interact ------------------------------------------------------------------------------------------------------


def test_interact_calls_once_with_the_defaults(shown):
    calls = []
    lesson.interact(lambda p=0.3, kind="sum": calls.append((p, kind)), p=lesson.slider(0, 1, 0.1), kind=["sum", "mean"])
    assert calls == [(0.3, "sum")] and shown == []


def test_interact_shows_what_is_returned(shown):
    lesson.interact(lambda n=2: n * 21, n=lesson.slider(0, 9, 1))
    assert shown == [42]


@pytest.fixture
def view(monkeypatch):
    """What interact shows in a notebook, as HTML."""
    shown = []
    monkeypatch.setattr("IPython.get_ipython", lambda: object())
    monkeypatch.setattr(playing, "_frame", lambda f, arguments: f"[{f(**arguments)}]")
    monkeypatch.setattr(playing, "unwatched", lambda: False)
    monkeypatch.setattr("IPython.display.display", lambda *things, raw=False: shown.extend(things))

    def see(f, **controls) -> str:
        lesson.interact(f, **controls)
        return shown[-1]["text/html"]

    return see


def test_a_view_has_a_frame_for_each_position_and_begins_at_the_defaults(view):
    seen = view(lambda p=0.2, kind="sum": (p, kind), p=lesson.slider(0, 0.4, 0.1), kind=["sum", "mean"])
    frames = re.findall(r"<div data-frame( hidden)?>(.*?)</div>", seen)
    wanted = [str((p, kind)) for p in (0.0, 0.1, 0.2, 0.3, 0.4) for kind in ("sum", "mean")]
    assert [frame[1:-1] for _, frame in frames] == wanted
    assert [frame[1:-1] for hidden, frame in frames if not hidden] == ["(0.2, 'sum')"]
    assert '<input type="range" min="0" max="4" value="2" data-count="5"' in seen
    assert '<option value="0" selected>sum</option><option value="1">mean</option>' in seen


def test_whole_numbers_stay_whole(view):
    assert "[8]" in view(lambda n=2: 2 * n, n=lesson.slider(1, 5, 1))


def test_of_many_positions_some_are_called_the_ends_and_the_default_among_them(view):
    calls = []
    view(lambda a=0.37, b=7: calls.append((a, b)), a=lesson.slider(0, 1, 0.01), b=lesson.slider(0, 20, 1))
    assert 30 < len(set(calls)) <= 61 and len(calls) == len(set(calls))  # one more may have been timed
    assert {(0.37, 7), (0.0, 0), (1.0, 20)} <= set(calls)


@pytest.mark.parametrize("most", [1, 2, 3, 7, 60])
def test_no_more_positions_than_may_be_called(most):
    kept = playing.thinned({"a": list(range(100)), "b": ["x", "y"]}, {"a": 41, "b": "y"}, most)
    assert len(kept["a"]) * len(kept["b"]) <= most and 41 in kept["a"] and "y" in kept["b"]


def test_where_a_call_takes_too_long_the_defaults_alone_are_shown(notebook, monkeypatch, capsys):
    monkeypatch.setattr(playing, "unwatched", lambda: False)
    monkeypatch.setattr(playing, "MOST_SECONDS", 0.0)
    monkeypatch.setattr(playing, "_frame", lambda f, arguments: "")
    lesson.interact(lambda n=2: n * 21, n=lesson.slider(0, 9, 1))
    assert notebook == [42] and "change the defaults" in capsys.readouterr().out


def test_what_is_built_holds_the_defaults_alone(notebook, monkeypatch):
    monkeypatch.setenv("COURSE_BUILD", "1")
    lesson.interact(lambda n=2: n * 21, n=lesson.slider(0, 9, 1))
    assert notebook == [42]


def test_interact_says_what_is_missing():
    with pytest.raises(TypeError, match="parameter 'p' with a default"):
        lesson.interact(lambda p: p, p=lesson.slider(0, 1, 0.1))
    with pytest.raises(TypeError, match="parameter 'q'"):
        lesson.interact(lambda p=0.5: p, q=lesson.slider(0, 1, 0.1))
    with pytest.raises(ValueError, match="p=2"):
        lesson.interact(lambda p=2: p, p=lesson.slider(0, 1, 0.1))
    with pytest.raises(ValueError, match="low < high"):
        lesson.slider(1, 0, 0.1)
