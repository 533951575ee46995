"""`interact` and its `slider`: a result to play with."""

from __future__ import annotations

import base64
import html
import inspect
import itertools
import json
import math
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from course_utils.classroom.memory import unwatched

MOST_CALLS, FEWEST_CALLS, MOST_SECONDS = 60, 4, 3.0


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
    """Call `f` for each position of its sliders, and show one view in which they switch from picture to picture.

    controls: for each parameter that may move a `slider(low, high, step)` or a list of choices. Every such parameter
    of `f` needs a default, from which its control starts. The view needs no kernel: it works after a reload and on a
    page. At most MOST_CALLS calls in about MOST_SECONDS: where there are more positions, some are left out. Where
    calls take too long, and where nobody looks (what is built to be committed, tests), the defaults alone are shown;
    they are the parameter cell: change them and run the cell again.
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
    if unwatched() or not _in_notebook():
        return _shown(f, start)
    every = {name: _values(control) for name, control in controls.items()}
    default, corner = tuple(start.values()), tuple(values[0] for values in every.values())
    frames = {default: _frame(f, start)}  # the first call of all may load what later ones need
    began = time.process_time()  # of the processor: on a busy machine a call takes longer, and not more
    frames[corner] = _frame(f, dict(zip(start, corner, strict=True)))
    calls = min(MOST_CALLS, int(MOST_SECONDS / max(time.process_time() - began, 1e-6)))
    if calls < FEWEST_CALLS:
        _shown(f, start)
        return print("(Drawing this takes too long for sliders: change the defaults in the cell and run it again.)")
    positions = thinned(every, start, calls)
    for at in itertools.product(*positions.values()):
        if at not in frames:
            frames[at] = _frame(f, dict(zip(start, at, strict=True)))
    _view(positions, start, [frames[at] for at in itertools.product(*positions.values())])


def _in_notebook() -> bool:
    if "IPython" not in sys.modules:
        return False
    from IPython import get_ipython

    return get_ipython() is not None


def _shown(f: Callable[..., Any], arguments: dict[str, Any]) -> None:
    result = f(**arguments)
    if result is not None:
        from IPython.display import display

        display(result)


def _values(control: Slider | Sequence[Any]) -> list[Any]:
    """All positions; of a slider of whole numbers, whole numbers."""
    if not isinstance(control, Slider):
        return list(control)
    count = int((control.high - control.low) / control.step + 1e-9) + 1
    values = [control.low + i * control.step for i in range(count)]
    return values if all(isinstance(v, int) for v in values) else [float(f"{v:.10g}") for v in values]


def thinned(positions: dict[str, list[Any]], start: dict[str, Any], most: int) -> dict[str, list[Any]]:
    """As many positions of each control, evenly spread, as make at most `most` together; `start` is among them."""
    kept = {
        name: values if start[name] in values else sorted([*values, start[name]]) for name, values in positions.items()
    }
    wanted = {name: len(values) for name, values in kept.items()}
    while math.prod(wanted.values()) > most:
        longest = max(wanted, key=lambda name: wanted[name])
        wanted[longest] -= 1
    for name, values in kept.items():
        count, last = wanted[name], len(values) - 1
        chosen = {round(i * last / max(1, count - 1)) for i in range(count)}
        if (here := values.index(start[name])) not in chosen:  # it takes the place of its neighbour
            others = chosen - {0, last} or chosen  # the ends stay, where there are others
            chosen = chosen - {min(others, key=lambda i: abs(i - here))} | {here}
        kept[name] = [values[i] for i in sorted(chosen)]
    return kept


def _frame(f: Callable[..., Any], arguments: dict[str, Any]) -> str:
    """What a call shows, prints and returns, as HTML."""
    from IPython.utils.capture import capture_output

    with capture_output() as captured:
        _shown(f, arguments)
    printed = f"<pre>{html.escape(captured.stdout)}</pre>" if captured.stdout else ""
    return printed + "".join(_as_html(output.data) for output in captured.outputs)


def _as_html(data: dict[str, Any]) -> str:
    if "text/html" in data:
        return data["text/html"]
    if "image/png" in data:
        png = data["image/png"]
        png = base64.b64encode(png).decode("ascii") if isinstance(png, bytes) else png
        return f'<img style="max-width: 100%" src="data:image/png;base64,{png}">'
    return f"<pre>{html.escape(str(data.get('text/plain', '')))}</pre>"


# The number of the frame is made of the places of the controls, the last one turning fastest.
SWITCH = """
const view = this.closest('[data-frames]'); let at = 0;
for (const control of view.querySelectorAll('[data-count]')) {
    at = at * control.dataset.count + Number(control.value);
    const told = control.parentElement.querySelector('output');
    if (told) told.value = JSON.parse(control.dataset.values)[control.value];
}
[...view.querySelectorAll('[data-frame]')].forEach((frame, i) => { frame.hidden = i !== at; });
"""


def _view(positions: dict[str, list[Any]], start: dict[str, Any], frames: list[str]) -> None:
    """Displays the controls and all frames, of which one is to be seen: without its scripts, that of the defaults."""
    from IPython.display import display

    switch = html.escape(" ".join(SWITCH.split()))
    controls, default = [], 0
    for name, values in positions.items():
        here = values.index(start[name])
        default = default * len(values) + here
        shown = [str(value) for value in values]
        if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
            control = (
                f'<input type="range" min="0" max="{len(values) - 1}" value="{here}" data-count="{len(values)}"'
                f' data-values="{html.escape(json.dumps(shown))}" oninput="{switch}"'
                f' style="width: 60%; vertical-align: middle"> <output>{html.escape(shown[here])}</output>'
            )
        else:
            options = "".join(
                f'<option value="{i}"{" selected" if i == here else ""}>{html.escape(each)}</option>'
                for i, each in enumerate(shown)
            )
            control = f'<select data-count="{len(values)}" onchange="{switch}">{options}</select>'
        controls.append(f"<div><label><b>{html.escape(name)}</b> {control}</label></div>")
    shown = "".join(
        f"<div data-frame{' hidden' if i != default else ''}>{frame}</div>" for i, frame in enumerate(frames)
    )
    plain = ", ".join(f"{name} = {value}" for name, value in start.items())
    view = f"<div data-frames>{''.join(controls)}{shown}</div>"
    display({"text/html": view, "text/plain": f"A view with sliders; it begins at {plain}."}, raw=True)
