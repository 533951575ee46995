"""What may be given: texts, pairs, ids and options are checked here, before anything is done with them.

Nearly everything in Python can be iterated over: a text gives letters, a mapping its keys. So nothing is taken apart
before it is known to be what it was meant to be; else a number comes out, of another text.
"""

import operator
from collections.abc import Iterable, Mapping, Sequence
from reprlib import repr as short
from typing import Any

import numpy as np

NO_LIST = (str, bytes, Mapping, set, frozenset)  # a text, or things without an order of their own


def several(given: Iterable, kind: str) -> list:
    """The items of a list, an array or a generator. Raises TypeError for what is no such thing."""
    if isinstance(given, NO_LIST) or not isinstance(given, Iterable):
        raise TypeError(f"expected a list of {kind}, got {short(given)}; one alone goes into a list: [...]")
    return list(given)


def texts(given: str | Iterable[str]) -> list[str]:
    """Texts; one alone is a list of one. Raises what ``check_text`` raises."""
    found = [given] if isinstance(given, str) else several(given, "texts")
    for i, text in enumerate(found):
        check_text(f"text {i}", text)
    return found


def check_text(name: str, text: str) -> None:
    """Raises TypeError for what is no text; ValueError for half of a surrogate pair, which has no bytes."""
    if not isinstance(text, str):
        raise TypeError(f"{name}: {short(text)} is no text")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        half = f"{text[error.start]!r} at place {error.start} of {text[:40]!r}"
        raise ValueError(f"{name} is no Unicode text: half of a surrogate pair, {half}") from None


def pairs(given: Iterable) -> list[tuple[str, str]]:
    """Pairs of texts, each (x, y) or a mapping with "x" and "y", as a line of a file is one.

    Raises:
        TypeError: a pair that is not two texts, by its number. ValueError: what ``check_text`` says.
    """
    found = two_each(given, "texts")
    for i, pair in enumerate(found):
        for text in pair:
            check_text(f"pair {i}", text)
    return found


def two_each(given: Iterable, of: str) -> list[tuple]:
    """The two halves of each pair, whatever they are."""
    if isinstance(given, tuple) and len(given) == 2 and all(isinstance(column, list) for column in given):
        raise TypeError("expected a list of pairs, got two lists: one pair is [(x, y)], two columns are zip(xs, ys)")
    found = []
    for i, pair in enumerate(several(given, f"pairs of {of}")):
        if isinstance(pair, Mapping):
            if not {"x", "y"} <= pair.keys():
                raise TypeError(f"pair {i} is {short(pair)}; a pair that is a mapping has the keys 'x' and 'y'")
            pair = pair["x"], pair["y"]
        elif not isinstance(pair, Sequence | np.ndarray) or isinstance(pair, str | bytes) or len(pair) != 2:
            raise TypeError(f"pair {i} is {short(pair)}; a pair is two {of}, (x, y), or a mapping with 'x' and 'y'")
        found.append(tuple(pair))
    return found


def ids(name: str, given: Iterable) -> np.ndarray:
    """int64 (n,). Raises TypeError for what is no row of integers: floats, booleans, a text, rows of rows."""
    items = getattr(given, "tolist", lambda: given)()  # an array, or a tensor on whichever device
    if isinstance(items, NO_LIST) or not isinstance(items, Iterable):
        raise TypeError(f"{name}: {short(given)} is no sequence of ids")
    try:
        return np.array([token_id(name, item) for item in items], dtype=np.int64)
    except OverflowError:
        raise ValueError(f"{name}: an id of more than 64 bits") from None


def token_id(name: str, given: Any) -> int:
    """An id as an int: of Python, numpy or torch. Raises TypeError for what is none; True is none."""
    try:
        if not isinstance(given, bool):
            return operator.index(given)
    except TypeError:
        pass
    raise TypeError(f"{name}: {short(given)} is no id, which is an integer")


def context(name: str, given: Iterable, bos: int | None) -> np.ndarray:
    """Ids to condition on, int64 (n,), n >= 1. Raises ValueError where there are none, or where BOS is not the first.

    ``bos``: None where nothing is known to begin a text.
    """
    found = ids(name, given)
    if len(found) == 0:
        raise ValueError(f"{name}: no ids to condition on; begin with BOS")
    if bos is not None and found[0] != bos:
        raise ValueError(f"{name}: ids begin with BOS, {bos} here; got {found[:5].tolist()}: write [scorer.bos, *ids]")
    return found


def special(option: str, given: str | bool | int, own: int | None) -> int | None:
    """The id that ``bos=`` or ``eos=`` asks for: True, the tokenizer's own; False, none; an id, that one.

    Raises:
        ValueError: the tokenizer has none of its own; neither a bool nor an id.
    """
    if isinstance(given, bool | np.bool_):
        if given and own is None:
            raise ValueError(f"{option}=True, but this tokenizer has no {option.upper()} token; give an id instead")
        return own if given else None
    try:
        return token_id(option, given)
    except TypeError:
        auto = '"auto", ' if option == "bos" else ""
        raise ValueError(f"{option} is {auto}True, False or an id, not {given!r}") from None


def one_of(option: str, given: str, choices: Sequence[str]) -> str:
    """Raises ValueError for what is not among the choices."""
    if given not in choices:
        raise ValueError(f"{option} is one of {', '.join(choices)}; not {given!r}")
    return given


def count(option: str, given: int, most: float, what: str = "") -> int:
    """A whole number from 1 to ``most``. Raises ValueError for any other."""
    try:
        found = token_id(option, given)
    except TypeError:
        found = 0
    if not 1 <= found <= most:
        raise ValueError(f"{option} is a whole number from 1 to {most}{what}; not {given!r}")
    return found
