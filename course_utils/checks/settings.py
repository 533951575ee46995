"""What a notebook may have set for its whole process, put aside while the course's own code runs.

A student may make float64 the default dtype of torch, switch gradients off or change decimal's precision. An answer is
called with all that, as it would be in the next cell. Its inputs, the models among them, and the judge's references
are made as in a new process: the same in every notebook, and in the grader.
"""

from __future__ import annotations

import contextlib
import decimal
import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

RECURSION_LIMIT = 1000
PRINT_OPTIONS = {
    "precision": 8, "threshold": 1000, "edgeitems": 3, "linewidth": 75, "suppress": False, "nanstr": "nan",
    "infstr": "inf", "sign": "-", "floatmode": "maxprec", "formatter": None, "legacy": False,
}  # fmt: skip


class Torch(NamedTuple):
    """What torch takes where nothing is said."""

    dtype: str = "float32"
    device: str = "cpu"
    gradients: bool = True
    inference: bool = False


NEW = decimal.Context(prec=28, rounding=decimal.ROUND_HALF_EVEN), Torch()
_theirs: list[tuple[decimal.Context, Torch]] = []  # of the notebook, while `ours` holds


@contextlib.contextmanager
def ours() -> Iterator[bool]:
    """All settings are those of a new process, and are put back. Gives whether torch's were others."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(max(limit, RECURSION_LIMIT))
    import numpy as np

    _theirs.append((decimal.getcontext().copy(), _torch_settings()))
    try:
        with np.printoptions(**PRINT_OPTIONS), _set(*NEW):
            yield _theirs[-1][1] != Torch()
    finally:
        _theirs.pop()
        with contextlib.suppress(RecursionError):  # a limit that is too low even for this place
            sys.setrecursionlimit(limit)


def theirs() -> contextlib.AbstractContextManager:
    """Within `ours`: those of the notebook again, for what a student has written."""
    return _set(*_theirs[-1]) if _theirs else contextlib.nullcontext()


def _torch_settings() -> Torch:
    torch: Any = sys.modules.get("torch")
    if torch is None:
        return Torch()
    return Torch(
        str(torch.get_default_dtype()).removeprefix("torch."),
        str(torch.get_default_device()),
        torch.is_grad_enabled(),
        torch.is_inference_mode_enabled(),
    )


@contextlib.contextmanager
def _set(context: decimal.Context, settings: Torch) -> Iterator[None]:
    with contextlib.ExitStack() as undo:
        undo.enter_context(decimal.localcontext(context))
        before = _torch_settings()
        if settings != before:
            torch: Any = sys.modules["torch"]
            undo.callback(torch.set_default_dtype, getattr(torch, before.dtype))
            torch.set_default_dtype(getattr(torch, settings.dtype))
            if settings.device != before.device:
                undo.enter_context(torch.device(settings.device))
            undo.enter_context(torch.inference_mode(settings.inference))
            undo.enter_context(torch.set_grad_enabled(settings.gradients))
        yield
