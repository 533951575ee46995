"""What a notebook of the course calls: `check`, `predict`, `figure` and `interact` with its `slider`.

Importing this module is cheap: it loads neither torch nor matplotlib, and IPython only when something is displayed.
Everything here prints to stdout or displays; nothing is written to stderr, so stored outputs stay clean.
"""

from __future__ import annotations

import base64
import html
import inspect
import io
import os
import sys
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from course_utils.project import PACKAGE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["check", "figure", "interact", "predict", "slider"]


def check(task: str) -> float | None:
    """Check the answer to `task` (for example "E01.2") in the notebook that calls; print a report, return the points.

    The answer is looked up by name where `check` is called. The inputs are the same at each call (seed 0). An answer
    that comes to no end is stopped, and has 0 points. None in a copy of the course that was handed out without its
    judges: there it is said whether the answer runs. Raises Interrupted.
    """
    from course_utils.checks.cells import run_cells
    from course_utils.checks.patience import SECONDS, TookTooLong, stopped_in_time
    from course_utils.checks.probing import load_probe, probe_task, report_unjudged
    from course_utils.checks.registry import is_judged

    name = f"{task} {load_probe(task).function}"
    try:
        with stopped_in_time(SECONDS):
            data = probe_task(task, sys._getframe(1).f_globals, 0, run_cells())
        if not is_judged(task):
            print(report_unjudged(task, data))
            return None
        from course_utils.staff.judging.judging import judge_task, report

        verdict = judge_task(task, data, seed=0)
    except TookTooLong:
        print(f"{name}: stopped, as it was still running after {SECONDS:g} seconds. Is there a loop that never ends?")
        return 0.0 if is_judged(task) else None
    except KeyboardInterrupt:
        raise Interrupted(f"{name}: interrupted, so there is no result. Run this cell again for one.") from None
    print(report(task, verdict))
    return float(verdict.points)


class Interrupted(KeyboardInterrupt):
    """A check was interrupted. A notebook shows the one line, and not in the midst of what it was."""

    def _render_traceback_(self) -> list[str]:
        return [str(self)]


# -- predict, then reveal ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Question:
    """A question with lettered options, each of which has its own explanation."""

    text: str
    options: dict[str, str]
    why: dict[str, str]
    answer: str

    def asked(self) -> str:
        """The question and its options, in Markdown that also reads well as it stands."""
        return "\n".join([self.text, "", *(f"- **{key}** {text}" for key, text in self.options.items())])

    def answered(self, guess: str) -> str:
        key = guess.strip().upper()
        if key not in self.options:
            return f"The options are {', '.join(self.options)}; your guess was {guess!r}."
        return f"**{key} is {'right' if key == self.answer else 'not it'}.** {self.why[key]}"


@lru_cache
def questions(lesson: str) -> dict[str, Question]:
    """The questions of one lesson ("01"), from course_utils/lessons/lesson_01/predictions.toml, in the file's order."""
    source = PACKAGE / "lessons" / f"lesson_{lesson}" / "predictions.toml"
    if not source.is_file():
        raise LookupError(f"Lesson {lesson!r} has no questions: write the name as in predict('01.order').")
    return {
        name: Question(
            text=entry["question"],
            options={key: option["text"] for key, option in entry["options"].items()},
            why={key: option["why"] for key, option in entry["options"].items()},
            answer=entry["answer"],
        )
        for name, entry in tomllib.loads(source.read_text(encoding="utf-8")).items()
    }


def predict(name: str, guess: str = "") -> None:
    """Ask the question `name` ("01.order"), or say whether `guess` (a letter) is right and why.

    With an empty guess the question is shown: write your letter into the cell and run it again, or, where the course's
    own `lab` runs, press its button. Nothing is recorded.
    """
    lesson, _, key = name.partition(".")
    try:
        question = questions(lesson)[key]
    except KeyError:
        raise LookupError(f"No question {key!r} in lesson {lesson}; it has: {', '.join(questions(lesson))}.") from None
    if guess.strip():
        _say(f"{question.asked()}\n\n{question.answered(guess)}")
    elif not (_live() and _ask_with_buttons(question)):
        _say(f'{question.asked()}\n\nDecide first: write your letter, as in `guess="A"`, and run the cell again.')


def _ask_with_buttons(question: Question) -> bool:
    """Ask with a button for each option; False where ipywidgets is not installed."""
    try:
        import ipywidgets
    except ImportError:
        return False
    from IPython.display import display

    _say(question.asked())
    letters = ipywidgets.ToggleButtons(options=list(question.options), value=None, style={"button_width": "4em"})
    answer = ipywidgets.Output()

    def show(change: dict) -> None:
        with answer:
            answer.clear_output(wait=True)
            _say(question.answered(change["new"]))

    letters.observe(show, names="value")
    display(letters, answer)
    return True


def _say(text: str) -> None:
    """Show Markdown: rendered in a notebook, as it stands where there is none."""
    if "IPython" not in sys.modules:  # a notebook has loaded it
        return print(text)
    from IPython import get_ipython
    from IPython.display import display

    if get_ipython() is None:
        print(text)
    else:
        display({"text/markdown": text, "text/plain": text}, raw=True)


# -- figures and sliders -------------------------------------------------------------------------------------------


def figure(fig: Figure, alt: str) -> None:
    """Display `fig` with `alt`, a sentence that tells what it shows to those who cannot see it; then close it.

    One output in three forms: HTML whose <img> carries the text (a page keeps it where a bare PNG has no such text),
    the PNG, and "Figure: ..." as plain text.
    """
    from IPython.display import display

    if not alt.strip():
        raise ValueError("figure needs a text for those who cannot see it: figure(fig, alt='what the figure shows').")
    if os.environ.get("COURSE_BUILD") == "1":  # what is published can be read by everybody
        from course_utils.plots.legibility import faults

        if found := faults(fig):
            raise ValueError(f"this figure cannot be read by everybody: {'; '.join(found)}")
    buffer = io.BytesIO()
    fig.savefig(buffer, format="png", facecolor="white", metadata={"Software": None})
    png = base64.b64encode(buffer.getvalue()).decode("ascii")
    image = f'<img alt="{html.escape(alt)}" style="max-width: 100%" src="data:image/png;base64,{png}">'
    display({"text/html": image, "image/png": png, "text/plain": f"Figure: {alt}"}, raw=True)
    if "matplotlib.pyplot" in sys.modules:  # a figure of pyplot would be shown a second time at the end of the cell
        sys.modules["matplotlib.pyplot"].close(fig)


@dataclass(frozen=True)
class Slider:
    """A range of numbers for `interact`; whole numbers if `low` and `step` are."""

    low: float
    high: float
    step: float


def slider(low: float, high: float, step: float) -> Slider:
    """A range for a parameter of `interact`; it starts at the parameter's default."""
    if not (low < high and 0 < step <= high - low):
        raise ValueError(f"slider({low}, {high}, {step}): needs low < high and a step that fits between them.")
    return Slider(low, high, step)


def interact(f: Callable[..., Any], **controls: Slider | Sequence[Any]) -> None:
    """Call `f` once with its defaults; where the course's own `lab` runs, show sliders that call it again.

    controls: for each parameter that may move a `slider(low, high, step)` or a list of choices. Every such parameter
    of `f` needs a default, from which its control starts. Without live widgets the defaults are the parameter cell:
    change them and run the cell again.
    """
    parameters = inspect.signature(f).parameters
    for name in controls:
        if name not in parameters or parameters[name].default is inspect.Parameter.empty:
            raise TypeError(f"interact: give {f.__name__} a parameter {name!r} with a default value to start from.")
    start = {name: parameters[name].default for name in controls}
    for name, control in controls.items():
        inside = control.low <= start[name] <= control.high if isinstance(control, Slider) else start[name] in control
        if not inside:
            raise ValueError(f"interact: {name}={start[name]!r}, the default of {f.__name__}, is not in its range.")
    if not (_live() and _show_controls(f, controls, start)):
        result = f(**start)
        if result is not None:
            from IPython.display import display

            display(result)


def _live() -> bool:
    """Whether the course's own `lab` started this kernel; elsewhere nothing waits for a click."""
    return os.environ.get("COURSE_LIVE") == "1"


def _show_controls(f: Callable[..., Any], controls: dict[str, Slider | Sequence[Any]], start: dict[str, Any]) -> bool:
    """Show live controls; False where ipywidgets is not installed."""
    try:
        import ipywidgets
    except ImportError:
        return False
    from IPython.display import display

    def widget(name: str, control: Slider | Sequence[Any]) -> ipywidgets.Widget:
        label = {"description": name, "value": start[name], "continuous_update": False}
        if not isinstance(control, Slider):
            return ipywidgets.Dropdown(options=list(control), description=name, value=start[name])
        kind = ipywidgets.IntSlider if isinstance(control.step, int) else ipywidgets.FloatSlider
        return kind(min=control.low, max=control.high, step=control.step, **label)

    display(ipywidgets.interactive(f, **{name: widget(name, control) for name, control in controls.items()}))
    return True
