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
from course_utils.lesson.predicting import questions

ROOT = Path(__file__).resolve().parents[1]
LESSONS = sorted(path.parent.name[-2:] for path in ROOT.glob("course_utils/lessons/*/predictions.toml"))


@pytest.fixture
def shown(monkeypatch):
    """What was displayed: a list of MIME bundles and of objects."""
    displayed = []
    monkeypatch.setattr("IPython.display.display", lambda *things, raw=False: displayed.extend(things))
    monkeypatch.delenv("COURSE_LIVE", raising=False)
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


# -- predict -------------------------------------------------------------------------------------------------------


def test_predict_asks_and_does_not_tell(notebook):
    lesson.predict("01.order")
    (bundle,) = notebook
    question = questions("01")["order"]
    assert set(bundle) == {"text/markdown", "text/plain"}
    assert question.text in bundle["text/plain"] and 'guess="A"' in bundle["text/plain"]
    assert all(f"**{key}** {text}" in bundle["text/plain"] for key, text in question.options.items())
    assert not any(why in bundle["text/plain"] for why in question.why.values())


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


def test_predict_has_buttons_where_the_lab_runs(notebook, monkeypatch):
    monkeypatch.setenv("COURSE_LIVE", "1")
    lesson.predict("01.order")
    bundle, buttons, _ = notebook
    assert buttons.options == ("A", "B", "C") and buttons.value is None
    buttons.value = "B"
    assert "B is not it" in notebook[-1]["text/plain"]
    lesson.predict("01.order", guess="A")  # a guess in the cell counts there too
    assert "A is right" in notebook[-1]["text/plain"]


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


def test_interact_has_sliders_where_the_lab_runs(shown, monkeypatch):
    import ipywidgets

    monkeypatch.setenv("COURSE_LIVE", "1")
    calls = []
    controls = {"p": lesson.slider(0.0, 1.0, 0.1), "n": lesson.slider(1, 9, 1), "kind": ["sum", "mean"]}
    lesson.interact(lambda p=0.3, n=2, kind="sum": calls.append((p, n, kind)), **controls)
    (box,) = shown
    p, n, kind = box.children[:3]
    assert isinstance(p, ipywidgets.FloatSlider) and isinstance(n, ipywidgets.IntSlider)
    assert (p.value, n.value, kind.value, kind.options) == (0.3, 2, "sum", ("sum", "mean"))
    n.value = 5
    assert calls[-1] == (0.3, 5, "sum")


def test_interact_works_without_widgets(notebook, monkeypatch):
    monkeypatch.setenv("COURSE_LIVE", "1")
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    lesson.interact(lambda p=0.3: p, p=lesson.slider(0, 1, 0.1))
    lesson.predict("01.order")
    assert notebook[0] == 0.3 and 'guess="A"' in notebook[1]["text/plain"]


def test_interact_says_what_is_missing():
    with pytest.raises(TypeError, match="parameter 'p' with a default"):
        lesson.interact(lambda p: p, p=lesson.slider(0, 1, 0.1))
    with pytest.raises(TypeError, match="parameter 'q'"):
        lesson.interact(lambda p=0.5: p, q=lesson.slider(0, 1, 0.1))
    with pytest.raises(ValueError, match="p=2"):
        lesson.interact(lambda p=2: p, p=lesson.slider(0, 1, 0.1))
    with pytest.raises(ValueError, match="low < high"):
        lesson.slider(1, 0, 0.1)
