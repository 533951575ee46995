"""Any value that an answer returns, as plain data of bounded size, and back.

The kernel that runs a student's code calls `encode`; only its result, which is JSON, leaves that kernel. The judge
calls `decode` on it, in another process. What comes in is untrusted: `decode` builds numbers, strings, lists and
arrays from it and nothing else, and raises `Malformed` for whatever `encode` would not have written.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from numbers import Number
from typing import Any, SupportsFloat

import numpy as np

MAX_ITEMS = 20_000  # numbers in one value
MAX_DEPTH = 12
MAX_TEXT = 2_000  # characters of one string
MAX_DIGITS = 2_000  # digits of one integer
FLOATS = re.compile(r"(torch\.)?b?float(16|32|64|128)|longdouble")


class Malformed(ValueError):
    """The data is not something that `encode` writes."""


class _TooLarge(Exception):
    """The value has more items, or is nested deeper, than a value may be."""


@dataclass(frozen=True)
class Array:
    """A numpy array or torch tensor: `values` as float64 (or bool), and the dtype it came in."""

    values: np.ndarray
    dtype: str
    library: str  # "numpy" or "torch"


@dataclass(frozen=True)
class Opaque:
    """A value that has no plain form; `kind` says in a word what it is."""

    kind: str


def encode(value: Any) -> dict:
    """The value as tagged JSON, for example `{"t": "float", "v": 0.5}`.

    Takes None, bools, numbers (int, float, complex, Fraction, Decimal), strings, numpy and torch scalars, arrays and
    tensors (with gradient too), mappings, and anything that can be iterated over. Everything else, and what is too
    large, becomes `{"t": "other", "v": <name of its type>}`. Never raises for a value that behaves like what it
    claims to be.
    """
    try:
        return _encode(value, MAX_DEPTH, [MAX_ITEMS])
    except (_TooLarge, RecursionError):
        return {"t": "other", "v": "a value with more items or more nesting than the task can need"}


def _encode(value: Any, depth: int, room: list[int]) -> dict:
    room[0] -= 1
    if depth == 0 or room[0] < 0:
        raise _TooLarge
    plain = _scalar(value)
    if plain is None:
        plain = _array(value, room)
    if plain is not None:
        return plain
    if isinstance(value, Mapping):
        pairs = [(_encode(k, depth - 1, room), _encode(v, depth - 1, room)) for k, v in value.items()]
        return {"t": "dict", "v": [list(pair) for pair in pairs]}
    for tag, kinds in (
        ("list", list),
        ("tuple", tuple),
        ("set", (set, frozenset, AbstractSet)),
        ("iterator", Iterator),
    ):
        if isinstance(value, kinds):
            return {"t": tag, "v": [_encode(item, depth - 1, room) for item in value]}
    if hasattr(type(value), "__iter__"):  # ranges, dict views, deques, array.array
        return {"t": "list", "v": [_encode(item, depth - 1, room) for item in value]}
    return {"t": "other", "v": type(value).__name__[:100]}


def _scalar(value: Any) -> dict | None:
    kind = type(value)
    if value is None:
        return {"t": "none"}
    if kind is bool or isinstance(value, np.bool_):
        return {"t": "bool", "v": bool(value)}
    if isinstance(value, str):
        return {"t": "str", "v": str.__str__(value)[:MAX_TEXT].encode("utf-8", "replace").decode("utf-8")}
    if isinstance(value, np.generic) and isinstance(value, np.number) and not isinstance(value, np.complexfloating):
        return {"t": "array", "library": "numpy", "dtype": value.dtype.name, "shape": [], "v": [_float(float(value))]}
    if isinstance(value, Fraction):
        return {"t": "fraction", "v": [_digits(value.numerator), _digits(value.denominator)]}
    if isinstance(value, Decimal):
        return {"t": "decimal", "v": str(value)[:MAX_TEXT]}
    if isinstance(value, int):
        return {"t": "int", "v": _digits(value)}
    if isinstance(value, float):
        return {"t": "float", "v": _float(value)}
    if isinstance(value, complex | np.complexfloating):
        return {"t": "other", "v": "a complex number"}
    if isinstance(value, Number) and isinstance(value, SupportsFloat):  # mpmath and friends
        return {"t": "float", "v": _float(float(value))}
    return None


def _array(value: Any, room: list[int]) -> dict | None:
    library, dtype = "numpy", ""
    if type(value).__module__.partition(".")[0] == "torch" and hasattr(value, "detach"):
        import torch

        library, dtype, value = "torch", str(value.dtype), value.detach().cpu()
        value = value.to(torch.float64).numpy() if value.dtype.is_floating_point else value.numpy()
    if not isinstance(value, np.ndarray):
        return None
    if library == "numpy":
        dtype = value.dtype.name
    if value.dtype == object:
        return None  # taken apart as an iterable: its items may be Fractions
    if value.dtype.kind not in "biuf":
        return {"t": "other", "v": f"an array of {dtype}"}
    room[0] -= value.size
    if room[0] < 0:
        raise _TooLarge
    if isinstance(value, np.ma.MaskedArray):
        value = np.ma.filled(value.astype(float), np.nan)
    flat = [bool(x) for x in value.flat] if value.dtype.kind == "b" else [_float(float(x)) for x in value.flat]
    return {"t": "array", "library": library, "dtype": dtype, "shape": list(value.shape), "v": flat}


def _float(x: float) -> float | str:
    return x if math.isfinite(x) else ("nan" if math.isnan(x) else "inf" if x > 0 else "-inf")


def _digits(n: int) -> str:
    if abs(n).bit_length() > 3 * MAX_DIGITS:
        raise _TooLarge
    return str(int(n))


def decode(data: Any, depth: int = MAX_DEPTH + 1) -> Any:
    """The value that `encode` was given: Python numbers, strings, None, lists, tuples, dicts, `Array` or `Opaque`.

    Iterators and sets come back as lists; pairs of a mapping whose keys are not plain come back under `str(key)`.
    Raises Malformed for anything that `encode` does not write.
    """
    if depth == 0 or not isinstance(data, dict):
        raise Malformed("not an encoded value")
    tag, v = data.get("t"), data.get("v")
    try:
        if tag == "none":
            return None
        if tag == "bool" and isinstance(v, bool):
            return v
        if tag == "str" and isinstance(v, str):
            return v
        if tag == "int" and isinstance(v, str) and len(v) <= MAX_DIGITS:
            return int(v)
        if tag == "float":
            return _number(v)
        if tag == "fraction" and isinstance(v, list) and all(isinstance(x, str) and len(x) <= MAX_DIGITS for x in v):
            return Fraction(int(v[0]), int(v[1]))
        if tag == "decimal" and isinstance(v, str) and len(v) <= MAX_TEXT:
            return _decimal(v)
        if tag == "array":
            return _decode_array(data)
        if tag in ("list", "tuple", "set", "iterator") and isinstance(v, list):
            items = [decode(item, depth - 1) for item in v]
            return tuple(items) if tag == "tuple" else items
        if tag == "dict" and isinstance(v, list):
            pairs = [(decode(key, depth - 1), decode(item, depth - 1)) for key, item in v]
            return {_key(key): item for key, item in pairs}
        if tag == "other" and isinstance(v, str):
            return Opaque(v[:200])
    except (TypeError, ValueError, ArithmeticError, IndexError) as error:
        raise Malformed(f"not an encoded value: {error}") from None
    raise Malformed("not an encoded value")


def _decimal(text: str) -> Decimal | Opaque:
    """A decimal whose exponent is no longer than the digits of an integer may be: as a fraction it has that many."""
    value = Decimal(text)
    if value.is_finite() and not -MAX_DIGITS < value.adjusted() < MAX_DIGITS:
        return Opaque("a decimal number beyond all bounds")
    return value


def _key(key: Any) -> Any:
    if isinstance(key, Array) and key.values.ndim == 0:
        key = key.values.item()
        return int(key) if float(key).is_integer() else key
    return key if isinstance(key, str | int | float | bool | tuple | None | Fraction) and _hashable(key) else str(key)


def _hashable(key: Any) -> bool:
    try:
        hash(key)
    except TypeError:
        return False
    return True


def _number(v: Any) -> float:
    if isinstance(v, bool) or not (isinstance(v, int | float) or v in ("nan", "inf", "-inf")):
        raise Malformed("not a number")
    return float(v)


def _decode_array(data: dict) -> Array:
    shape, flat, dtype, library = (data.get(k) for k in ("shape", "v", "dtype", "library"))
    if not (
        isinstance(shape, list)
        and all(type(n) is int and 0 <= n <= MAX_ITEMS for n in shape)
        and isinstance(flat, list)
        and len(flat) == math.prod(shape) <= MAX_ITEMS
        and len(shape) <= MAX_DEPTH
    ):
        raise Malformed("an array whose items do not fill its shape")
    if not (isinstance(dtype, str) and isinstance(library, str)):
        raise Malformed("an array without a dtype")
    boolean = dtype in ("bool", "torch.bool")
    if boolean and not all(isinstance(x, bool) for x in flat):
        raise Malformed("an array of bools that holds something else")
    values = np.array(flat if boolean else [_number(x) for x in flat], dtype=bool if boolean else np.float64)
    return Array(values.reshape(shape), dtype[:40], library[:40])
