"""Asks an answer: calls it on the inputs of its task and writes down what came back, as plain data.

This half of a check, with the `probe.py` of each lesson, is all that the kernel of a student ever sees. It knows the
inputs and nothing of what is right.
"""

from __future__ import annotations

import ast
import builtins
import contextlib
import copy
import dis
import importlib
import inspect
import io
import random
import re
import textwrap
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from course_utils.checks.cells import why_unasked
from course_utils.checks.plain import encode
from course_utils.checks.settings import ours, theirs

MIME = "application/vnd.course.probe+json"
MAX_MESSAGE = 300
TASK_ID = re.compile(r"E(\d\d)\.\d+|(\d\d)\.[a-z]")  # of an exercise; of a question within a lecture
RAISE = dis.opmap["RAISE_VARARGS"]


@dataclass(frozen=True)
class Case:
    """One call of an answer.

    `args` are its arguments: a tuple, or a function without arguments that makes the tuple (for what cannot be copied).
    `show` is the call as a line that can be pasted and run; without it, it is written from the arguments' repr.
    `label` says in a few words what is special about the case.
    """

    args: tuple | Callable[[], tuple] = ()
    show: str | None = None
    label: str = ""

    def fresh_args(self) -> tuple:
        """The arguments, new for every call: an answer that changes its inputs does no harm."""
        with ours():
            return self.args() if callable(self.args) else copy.deepcopy(self.args)

    def call(self, function: str) -> str:
        """The call as a line of Python."""
        with ours():
            return self.show or f"{function}({', '.join(repr(a) for a in self.fresh_args())})"


def call_each(answer: Callable, cases: Sequence[Case]) -> list[dict]:
    """What the answer does on each case, in order."""
    return [observe(answer, *case.fresh_args()) for case in cases]


@dataclass(frozen=True)
class Probe:
    """How a task is asked.

    `function` is the name that the notebook has to define; `cases` makes the inputs from a seeded generator, the
    named edge cases first; `run` turns (answer, cases) into a list with one plain observation for each case. `needs`
    names further functions of the same cell, handed to `run` as a dict after the answer when there are any.
    """

    task: str
    function: str
    cases: Callable[[random.Random], Sequence[Case]] = lambda rng: [Case()]
    run: Callable[..., list[dict]] = call_each
    needs: tuple[str, ...] = ()

    def ask(self, names: Mapping[str, Any], cases: Sequence[Case]) -> list[dict]:
        """What the functions that a cell defines (`names`) do on the cases, with nothing shown."""
        extra = ({name: names.get(name) for name in self.needs},) if self.needs else ()
        with ours(), silence():
            return self.run(names[self.function], *extra, cases)


def observe(answer: Callable, *args: Any, read: Callable[[Any], Any] = lambda value: value) -> dict:
    """Calls the answer once: `{"value": encoded}` or what `error_seen` makes of what it raised.

    It is called with the settings of the notebook that it stands in (see `settings`). `read` takes from the returned
    value what the task is about (the data of a matplotlib Axes, for example); what it raises counts as the answer's
    own error.
    """
    try:
        with theirs():
            return {"value": encode(read(answer(*args)))}
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a student's code raises is an observation
        return error_seen(error, getattr(answer, "__globals__", None))


def error_seen(error: BaseException, own: Mapping[str, Any] | None = None) -> dict:
    """An exception as an observation: `{"error": name, "message": text, "bases": names}`.

    own: the globals of the answer. bases: the exceptions that its type is derived from. Where the line `raise
    NotImplementedError` of the exercise raised it, `stub` says whether its `function` is "untouched" or has an answer
    beside it ("left").
    """
    kinds = [kind.__name__[:100] for kind in type(error).__mro__[1:20] if issubclass(kind, Exception)]
    seen = {"error": type(error).__name__[:100], "message": _one_line(error), "bases": kinds}
    stub = _raised_by_stub(error, own)
    return seen | {"stub": stub[0], "function": stub[1][:100]} if stub else seen


def not_there(function: str) -> dict:
    """The observation of a call of a function that the notebook does not define."""
    said = f"there is no function {function}"
    return {"error": "NotImplementedError", "message": said, "stub": "absent", "function": function}


def _raised_by_stub(error: BaseException, own: Mapping[str, Any] | None) -> tuple[str, str] | None:
    """("untouched" or "left", the function's name) where a bare `raise NotImplementedError` of the notebook did it:
    torch raises the same type, with a text, for many a wrong call."""
    trace = error.__traceback__
    if type(error) is not NotImplementedError or error.args or trace is None:
        return None
    while trace.tb_next is not None:
        trace = trace.tb_next
    code, names = trace.tb_frame.f_code, trace.tb_frame.f_globals
    if not (names is own or names.get("__name__") == "__main__") or code.co_code[trace.tb_lasti] != RAISE:
        return None
    try:
        body = ast.parse(textwrap.dedent(inspect.getsource(code))).body[0].body  # type: ignore[attr-defined]
        alone = len([part for part in body if not isinstance(getattr(part, "value", None), ast.Constant)]) == 1
    except (OSError, SyntaxError, IndexError, AttributeError):  # no source: by the lines that do something
        alone = len({line for *_, line in code.co_lines() if line} - {code.co_firstlineno}) <= 1
    return "untouched" if alone else "left", code.co_name


def _one_line(error: BaseException) -> str:
    try:
        text = str(error)
    except (Exception, SystemExit):  # noqa: BLE001 - a lying __str__
        text = ""
    return re.sub(r"\s+", " ", text[: 4 * MAX_MESSAGE])[:MAX_MESSAGE].encode("utf-8", "replace").decode("utf-8")


def probe_task(task: str, namespace: Mapping[str, Any], seed: int, cells: Sequence[str] = ()) -> dict:
    """Runs the probe of `task` on the function that `namespace` holds under the task's name.

    cells: sources of the cells that were run, in order, where they are known. Returns plain data: `{"task", "seed",
    "state", "seen"}`. state is "missing" (no function of that name), "stub" (every call came to the line
    `raise NotImplementedError` of a function as it was handed out), "answered", or "unasked": there is something, but
    not what is to be asked, and `why` says why. Nothing that the answer prints or warns about is shown.

    Where it raises, and the notebook has changed what torch takes by default or covered built-in names (with `from
    numpy import *`, say), this may be all that is wrong: it is asked once more, without that.
    """
    with ours(), silence():
        probe = load_probe(task)
        why = why_unasked(task, probe.function, cells, namespace)
    answer = namespace.get(probe.function)
    data = {"task": task, "seed": seed, "state": "missing", "seen": []}
    if not why and answer is not None and not callable(answer):
        why = f"{probe.function} is not a function here: the task asks for def {probe.function}(...)"
    if why:
        return data | {"state": "unasked", "why": why[:MAX_MESSAGE]}
    if not callable(answer):
        return data
    seen = _asked(probe, namespace, seed)
    for put_aside in (ours(), _own_builtins(namespace)):
        with put_aside as was_changed:
            again = _asked(probe, namespace, seed) if was_changed and any("error" in one for one in seen) else seen
        seen = [second if "error" in one else one for one, second in zip(seen, again, strict=True)]
    stub = bool(seen) and all(one.get("stub") in ("untouched", "absent") for one in seen)
    return data | {"state": "stub" if stub else "answered", "seen": seen}


@contextlib.contextmanager
def _own_builtins(namespace: Mapping[str, Any]) -> Iterator[bool]:
    """The built-in names mean what they mean in Python, and are put back. Gives whether the notebook covers any."""
    public = (name for name in dir(builtins) if not name.startswith("_"))
    covered = {name: namespace[name] for name in public if name in namespace}
    names = namespace if isinstance(namespace, dict) else {}
    for name in covered:
        names.pop(name, None)
    try:
        yield bool(covered)
    finally:
        names.update(covered)


def _asked(probe: Probe, namespace: Mapping[str, Any], seed: int) -> list[dict]:
    with ours(), silence():
        cases = probe.cases(random.Random(seed))
    return probe.ask(namespace, cases)


def why_missing(data: Mapping[str, Any]) -> str:
    """What is said of the data of a probe that found nothing to ask."""
    why = data.get("why")
    if data.get("state") == "unasked" and isinstance(why, str):
        return re.sub(r"\s+", " ", why)[:MAX_MESSAGE]
    return "not answered yet"


def raised(error: str, message: str, stub: str = "", function: str = "") -> str:
    """What is said of an answer that raised; the arguments are those of an observation (see `error_seen`)."""
    if stub == "left":
        return f"the line `raise NotImplementedError` is still in {function or 'the answer'}: delete it"
    if stub == "absent":
        return f"there is no function {function} here: the task asks for it"
    if stub:
        return f"{function or 'a function'} is not answered yet"
    return f"the answer raised {error}{f': {message}' if message else ''}"


def report_unjudged(task: str, data: Mapping[str, Any]) -> str:
    """What `check` prints in a copy of the course that has no judges: whether the answer runs, not whether it is right.

    data: what `probe_task` returned.
    """
    probe = load_probe(task)
    name = f"{task} {probe.function}"
    if data["state"] != "answered":
        return f"{name}: {why_missing(data)}"
    with ours(), silence():
        cases, seen = probe.cases(random.Random(data["seed"])), data["seen"]
    failed = next((at for at, one in enumerate(seen) if "error" in one), None)
    if failed is None:
        inputs = "" if len(cases) == 1 else f" on {len(cases)} inputs"
        later = "is checked when you hand it in" if task.startswith("E") else "this copy of the course cannot say"
        return f"{name}: it runs{inputs}; whether it is right {later}"
    one = seen[failed]
    said = raised(one["error"], one.get("message", ""), one.get("stub", ""), one.get("function", ""))
    lines = [f"{name}: it does not run yet", f"  {said}"]
    return "\n".join(lines + ([f"  try: {cases[failed].call(probe.function)}"] if cases[failed].fresh_args() else []))


@contextlib.contextmanager
def silence():
    """Nothing on stdout or stderr, no warning, and numpy's and Python's random state as it was."""
    import numpy as np

    python_state, numpy_state = random.getstate(), np.random.get_state()
    with (
        warnings.catch_warnings(),
        np.errstate(all="ignore"),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        warnings.simplefilter("ignore")
        try:
            yield
        finally:
            random.setstate(python_state)
            np.random.set_state(numpy_state)


def load_probe(task: str) -> Probe:
    """The probe of a task id such as "E01.2". Raises ValueError for an id that does not exist."""
    lesson = TASK_ID.fullmatch(task) if isinstance(task, str) else None
    with contextlib.suppress(KeyError, ModuleNotFoundError):
        if lesson:
            return probes(lesson[1] or lesson[2])[task]
    raise ValueError(f"there is no task {task!r}: ids look like E01.2, and like 01.a in a lecture")


def probes(lesson: str) -> dict[str, Probe]:
    """The probes of a lesson's tasks ("01"). Raises ModuleNotFoundError where it has none."""
    return importlib.import_module(f"course_utils.lessons.lesson_{lesson}.probe").PROBES


def hand_over(task: str, seed: int, nonce: str = "", cells: Sequence[str] = ()) -> None:
    """Displays the probe's data as one output of type `MIME`, for a judge outside this process. cells: those of the
    task that were run."""
    from IPython import get_ipython
    from IPython.display import display

    data = probe_task(task, get_ipython().user_ns, seed, cells)
    display({MIME: data | {"nonce": nonce}, "text/plain": f"probe of {task}"}, raw=True)


def the_axes(shown: Any) -> Any:
    """The matplotlib Axes that an answer returned, alone, beside its Figure, or as the Figure, list or container of
    bars that holds it.

    Raises TypeError where there is none, or more than one.
    """
    import numpy as np
    from matplotlib.axes import Axes
    from matplotlib.container import BarContainer
    from matplotlib.figure import Figure

    if isinstance(shown, list | tuple):  # (figure, axes), as plt.subplots gives them
        shown = [one for one in shown if not isinstance(one, Figure)] or shown
    if isinstance(shown, Figure) and len(shown.axes) == 1:
        shown = shown.axes[0]
    if isinstance(shown, BarContainer) and shown.patches:
        shown = shown.patches[0].axes
    if isinstance(shown, list | tuple | np.ndarray) and np.size(shown) == 1:
        shown = np.ravel(np.asarray(shown, dtype=object))[0]
    if not isinstance(shown, Axes):
        raise TypeError(f"the task asks for a matplotlib Axes; what came back is of type {type(shown).__name__}")
    return shown


def axes_data(axes: Any) -> dict:
    """What a plot shows, read from a matplotlib Axes (or what holds one, see `the_axes`).

    Returns lines (x, y), bars (label, height: of `bar` and of `barh`), scales, labels and title. Raises TypeError
    where there is no Axes to read.
    """
    import matplotlib
    import numpy as np
    from matplotlib.container import BarContainer
    from matplotlib.text import Text

    axes = the_axes(axes)
    with matplotlib.rc_context({"text.usetex": False}):  # LaTeX is not everywhere, and what is read needs none
        for text in axes.figure.findobj(Text):
            text.set_usetex(False)
        axes.figure.draw_without_rendering()  # categories get their tick labels when the figure is laid out
    # as they are drawn: of categories, their places
    lines = [[np.asarray(each, float) for each in line.get_data(orig=False)] for line in axes.get_lines()]
    return {
        "lines": lines,
        "bars": [
            bar
            for container in axes.containers
            if isinstance(container, BarContainer)
            for bar in _bars(axes, container)
        ],
        "xscale": axes.get_xscale(),
        "yscale": axes.get_yscale(),
        "xlabel": axes.get_xlabel(),
        "ylabel": axes.get_ylabel(),
        "title": axes.get_title(),
        "legend": [text.get_text() for text in axes.get_legend().get_texts()] if axes.get_legend() else [],
    }


def plot_each(answer: Callable, cases: Sequence[Case], read: Callable[[Any], Any] = axes_data) -> list[dict]:
    """What the answer's figures show (see `axes_data`), case by case; the figures are closed, so that none is
    displayed. Beside it, as `"shown"`, what came back as it was, for the student to read."""
    import matplotlib.pyplot as plt

    def both(drawn: Any) -> tuple:
        return read(drawn), drawn

    seen = []
    for case in cases:
        before = set(plt.get_fignums())
        with plt.rc_context({"text.usetex": False}):
            one = observe(answer, *case.fresh_args(), read=both)
        if "value" in one:
            value, shown = one["value"]["v"]
            one = {"value": value, "shown": shown}
        seen.append(one)
        for figure in set(plt.get_fignums()) - before:
            plt.close(figure)
    return seen


def ask_functions(first: str, second: str) -> Callable:
    """A run for two functions of one cell: a case's arguments begin with the name of the function that is asked."""

    def run(answer: Callable, others: dict, cases: Sequence[Case]) -> list[dict]:
        functions, seen = {first: answer, second: others.get(second)}, []
        for case in cases:
            name, *args = case.fresh_args()
            if callable(functions[name]):
                seen.append(observe(functions[name], *args))
            else:
                seen.append(not_there(name))
        return seen

    return run


def _bars(axes: Any, container: Any) -> list[dict]:
    horizontal = container.orientation == "horizontal"
    axis = axes.yaxis if horizontal else axes.xaxis
    names = {
        round(float(at), 6): text.get_text()
        for at, text in zip(axis.get_ticklocs(), axis.get_ticklabels(), strict=False)
    }
    bars = []
    for patch in container.patches:
        low, width = (patch.get_y(), patch.get_height()) if horizontal else (patch.get_x(), patch.get_width())
        places = (round(float(p), 6) for p in (low + width / 2, low, low + width))
        label = next((names[p] for p in places if names.get(p)), "")
        bars.append({"label": label, "height": float(patch.get_width() if horizontal else patch.get_height())})
    return bars
