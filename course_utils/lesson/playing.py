"""`interact` and its `slider`: a result to play with."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import ipywidgets


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
    if not (live() and _show_controls(f, controls, start)):
        result = f(**start)
        if result is not None:
            from IPython.display import display

            display(result)


def live() -> bool:
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
