"""Reads what an answer returned: as a number, an array, a choice; and says whether two numbers agree."""

from __future__ import annotations

import contextlib
import contextvars
import math
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np

from course_utils.checks.plain import FLOATS, Array, Opaque

RTOL = 1e-9  # of a number in double precision
RTOL_SINGLE = 1e-6  # of a number that came as float32
ATOL_ZERO = 1e-12  # where exactly 0 is expected

_scale = contextvars.ContextVar("tolerance_scale", default=1.0)


@contextlib.contextmanager
def tolerances_times(factor: float):
    """Every tolerance is `factor` times as wide inside: the tests use it to see how far away the mutants are."""
    token = _scale.set(factor)
    try:
        yield
    finally:
        _scale.reset(token)


class Unusable(Exception):
    """What came back cannot be read as what the task asks for; the text says why, to the student."""


def number(value: Any) -> float | Fraction:
    """The value as one number: int, float, Fraction, Decimal, or an array of one element. Raises Unusable otherwise."""
    if isinstance(value, Array):
        if value.values.size != 1:
            raise Unusable(f"an array of shape {value.values.shape} came back where one number is asked for")
        if value.values.dtype == bool:
            raise Unusable("a truth value came back where a number is asked for")
        return float(value.values.reshape(()))
    if isinstance(value, bool):
        raise Unusable(f"{value} came back where a number is asked for")
    if isinstance(value, int | Fraction):
        return Fraction(value)
    if isinstance(value, Decimal):
        return Fraction(value) if value.is_finite() else float(value)
    if isinstance(value, float):
        return value
    raise Unusable(f"{describe(value)} came back where a number is asked for")


def numbers(value: Any, count: int | None = None, what: str = "numbers") -> list[float | Fraction]:
    """The value as a flat list of numbers (from a list, tuple, iterator or 1-d array). Raises Unusable otherwise."""
    if isinstance(value, Array) and value.values.ndim == 1:
        value = [Array(np.asarray(x), value.dtype, value.library) for x in value.values]
    if not isinstance(value, list | tuple):
        raise Unusable(
            f"{describe(value)} came back where {f'{count} {what} are' if count else f'a list of {what} is'} asked for"
        )
    if count is not None and len(value) != count:
        raise Unusable(f"{len(value)} came back where {count} {what} are asked for")
    return [number(item) for item in value]


def array(value: Any, shape: tuple[int, ...] | None = None) -> np.ndarray:
    """The value as a float64 array, from an array, a tensor or nested lists. Raises Unusable for anything else."""
    if not isinstance(value, Array | list | tuple):
        raise Unusable(f"{describe(value)} came back where an array is asked for")
    try:
        values = (
            value.values.astype(np.float64) if isinstance(value, Array) else np.array(_floats(value), dtype=np.float64)
        )
    except ValueError:
        raise Unusable("the rows that came back are not of one length") from None
    if shape is not None and values.shape != shape:
        raise Unusable(f"an array of shape {values.shape} came back; the task asks for shape {shape}")
    return values


def _floats(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_floats(item) for item in value]
    if isinstance(value, Array) and value.values.size != 1:
        return value.values.tolist()
    return float(number(value))


YES = ("true", "yes", "y", "t", "1", "ok", "right", "identity", "✓", "✅")
NO = ("false", "no", "n", "f", "0", "", "none", "wrong", "not an identity", "✗", "❌")


def labels(value: Any, letters: str) -> dict[str, bool]:
    """A yes or no for each letter, from any of the usual containers. Raises Unusable for anything else.

    A dict from letter to truth value, a list of as many truth values in order, or the letters that are chosen (as a
    list, set or string).
    """
    if isinstance(value, dict) and {str(k).strip().upper() for k in value} == set(letters):
        return {str(k).strip().upper(): truth(v) for k, v in value.items()}
    if isinstance(value, Array) and value.values.shape == (len(letters),):
        return {letter: bool(v) for letter, v in zip(letters, value.values, strict=True)}
    if isinstance(value, str):
        value = [c for c in value if c not in " ,;"]
    if isinstance(value, list | tuple):
        chosen = [v.strip().upper() if isinstance(v, str) else v for v in value]
        if all(isinstance(c, str) and c in letters and len(c) == 1 for c in chosen):
            return {letter: letter in chosen for letter in letters}
        if len(value) == len(letters):
            return {letter: truth(v) for letter, v in zip(letters, value, strict=True)}
    raise Unusable(
        f"{describe(value)} came back; return a yes or no for each of {', '.join(letters)}, as in the contract"
    )


def truth(value: Any) -> bool:
    """A truth value, also as 0 or 1 or as a word. Raises Unusable for anything else."""
    if isinstance(value, str) and value.strip().lower() in YES + NO:
        return value.strip().lower() in YES
    if isinstance(value, Array) and value.values.size == 1:
        return bool(value.values.reshape(()))
    if value is None or isinstance(value, bool | int | float):
        return bool(value)
    raise Unusable(f"{describe(value)} came back where True or False is asked for")


def entries(got: Any, keys: Sequence[str]) -> dict[str, Any]:
    """The named entries of a dict, or of a list with as many items in the same order.

    An entry that is missing is there as an `Opaque`, so that it costs only its own part; with none of them: Unusable.
    """
    if isinstance(got, Array) and got.values.ndim == 1:
        got = got.values.tolist()
    if isinstance(got, list | tuple) and len(got) == len(keys):
        return dict(zip(keys, got, strict=True))
    if not isinstance(got, dict):
        quoted = ", ".join(f'"{key}"' for key in keys)
        raise Unusable(f"{describe(got)} came back where {quoted} are asked for, in this order or in a dict")
    found = {str(key).strip().lower(): item for key, item in got.items()}
    if not any(key.lower() in found for key in keys):
        raise Unusable(f'the dict has no entry "{keys[0]}"')
    return {key: found.get(key.lower(), Opaque(f'a dict without the key "{key}"')) for key in keys}


def single_precision(value: Any) -> bool:
    """Whether any number in the value came in less than double precision."""
    if isinstance(value, list | tuple):
        return any(single_precision(item) for item in value)
    if isinstance(value, dict):
        return any(single_precision(item) for item in value.values())
    return isinstance(value, Array) and bool(FLOATS.fullmatch(value.dtype)) and value.dtype[-2:] in ("32", "16")


def describe(value: Any) -> str:
    """A value in a few words, for a message."""
    if value is None:
        return "None (is a return missing?)"
    if isinstance(value, Opaque):
        return value.kind if value.kind[:2] in ("a ", "an") else f"an object of type {value.kind}"
    if isinstance(value, Array):
        if value.values.size == 1:
            return show(value.values.item())
        return f"an array of shape {value.values.shape}"
    if isinstance(value, str):
        return f"the string {show(value)}"
    return show(value)


def show(value: Any) -> str:
    """A value as text of at most 80 characters."""
    if isinstance(value, Fraction):
        text = str(value) if value.denominator > 1 else str(value.numerator)
    elif isinstance(value, float):
        text = f"{value:.10g}"
    elif isinstance(value, Array):
        text = show(value.values.tolist()) if value.values.ndim else show(value.values.item())
    elif isinstance(value, list | tuple):
        inside = ", ".join(show(item) for item in value[:8]) + (", ..." if len(value) > 8 else "")
        text = f"[{inside}]" if isinstance(value, list) else f"({inside}{',' if len(value) == 1 else ''})"
    elif isinstance(value, dict):
        text = "{" + ", ".join(f"{show(k)}: {show(v)}" for k, v in list(value.items())[:8]) + "}"
    elif isinstance(value, Opaque):
        text = describe(value)
    else:
        text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def close(got: float | Fraction, expected: float | Fraction, rtol: float = RTOL, atol: float = 0.0) -> bool:
    """Whether two numbers agree: relative tolerance, an absolute one only where asked for or where exactly 0 is
    expected."""
    if isinstance(got, float) and not math.isfinite(got) or isinstance(expected, float) and not math.isfinite(expected):
        return got == expected or (math.isnan(got) and math.isnan(expected))
    scale = _scale.get()
    allowed = max(rtol * abs(expected), atol, ATOL_ZERO if expected == 0 else 0.0) * scale
    return abs(Fraction(got) - Fraction(expected)) <= Fraction(allowed)


def close_arrays(got: np.ndarray, expected: np.ndarray, rtol: float = RTOL, atol: float = ATOL_ZERO) -> bool:
    """Whether two arrays agree cell by cell; infinities and NaN have to stand in the same cells."""
    scale = _scale.get()
    return got.shape == expected.shape and bool(
        np.allclose(got, expected, rtol=rtol * scale, atol=atol * scale, equal_nan=True)
    )
