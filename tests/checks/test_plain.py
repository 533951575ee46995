"""What may leave a student's kernel, and what the judge makes of it."""

from __future__ import annotations

import collections
import json
import math
import warnings
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

from course_utils.checks.plain import (
    MAX_DEPTH,
    MAX_DIGITS,
    MAX_ITEMS,
    MAX_TEXT,
    Array,
    Malformed,
    Opaque,
    decode,
    encode,
)
from course_utils.checks.reading import Unusable, array, close, labels, number, numbers


def through_json(value):
    return decode(json.loads(json.dumps(encode(value), allow_nan=False)))


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        0,
        -3,
        10**60,
        0.1,
        -0.0,
        math.inf,
        -math.inf,
        "",
        "naïve 文",
        Fraction(1, 25),
        Decimal("0.04"),
        [1, (2.5, "x")],
        {"a": [None], 3: True},
    ],
)
def test_plain_values_come_back_as_they_were(value):
    back = through_json(value)
    assert back == value
    assert type(back) is type(value)


def test_nan_comes_back():
    assert math.isnan(through_json(math.nan))


@pytest.mark.parametrize(
    ("value", "dtype", "expected"),
    [
        (np.float32(0.1), "float32", np.float32(0.1)),
        (np.int64(7), "int64", 7),
        (np.array([[1.5, -math.inf]]), "float64", [[1.5, -math.inf]]),
        (np.array([True, False]), "bool", [True, False]),
        (np.array([], dtype=np.float16), "float16", []),
    ],
)
def test_numpy_keeps_dtype_and_shape(value, dtype, expected):
    back = through_json(value)
    assert (back.dtype, back.library, back.values.shape) == (dtype, "numpy", np.shape(expected))
    np.testing.assert_array_equal(back.values, expected)


def test_tensors_are_read_with_gradient_and_in_bfloat16():
    torch = pytest.importorskip("torch")
    back = through_json(torch.tensor([0.5, 2.0], dtype=torch.bfloat16, requires_grad=True))
    assert (back.dtype, back.library, back.values.tolist()) == ("torch.bfloat16", "torch", [0.5, 2.0])


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (range(3), [0, 1, 2]),
        ((x * x for x in range(3)), [0, 1, 4]),
        (collections.deque([1]), [1]),
        ({}.keys(), []),
        (np.array([Fraction(1, 2)], dtype=object), [Fraction(1, 2)]),
        (collections.Counter("aab"), {"a": 2, "b": 1}),
    ],
)
def test_what_can_be_iterated_over_is_a_list(value, expected):
    assert through_json(value) == expected


def endless():
    while True:
        yield 1


def recursive():
    items = []
    items.append(items)
    return items


@pytest.mark.parametrize(
    "value",
    [endless(), recursive(), [0] * (MAX_ITEMS + 1), np.zeros(MAX_ITEMS + 1), 10**5000, {1: endless()}],
    ids=["endless", "recursive", "long list", "long array", "huge integer", "endless in a dict"],
)
def test_what_is_too_large_is_said_to_be(value):
    encoded = encode(value)
    assert len(json.dumps(encoded)) < 200
    assert isinstance(decode(encoded), Opaque)


def nested(depth):
    return [nested(depth - 1)] if depth else 1


def test_as_deep_as_a_task_needs_and_no_deeper():
    assert through_json(nested(MAX_DEPTH - 1)) == nested(MAX_DEPTH - 1)
    assert isinstance(through_json(nested(MAX_DEPTH)), Opaque)


def test_what_is_masked_in_an_array_is_no_number():
    with warnings.catch_warnings(action="error"):
        np.testing.assert_array_equal(through_json(np.ma.array([1.5, 2.5], mask=[False, True])).values, [1.5, math.nan])


@pytest.mark.parametrize(
    ("text", "kept"),
    [("1e1999", True), ("1e2000", False), ("1e-1999", True), ("1e-2000", False), ("Infinity", True), ("-0", True)],
)
def test_decimals_whose_fraction_would_be_endless_are_not_kept(text, kept):
    assert isinstance(through_json(Decimal(text)), Decimal) is kept


def test_a_long_text_is_cut_and_a_key_of_numpy_is_a_plain_one():
    assert through_json("x" * 3000) == "x" * MAX_TEXT
    assert [repr(key) for key in through_json({np.int64(3): 1, np.float64(0.5): 2, np.True_: 3, (1, "a"): 4})] == [
        "3", "0.5", "True", "(1, 'a')",
    ]  # fmt: skip


def test_a_key_that_holds_a_set_is_a_text():
    assert through_json({(frozenset({1}),): 2}) == {"([1],)": 2}


def test_a_text_is_its_letters_whatever_it_says_that_it_is():
    class Text(str):
        def __str__(self):
            return "another"

    assert through_json(Text("one")) == "one"


def test_objects_are_named_and_not_carried():
    class Liar:
        def __eq__(self, other):
            return True

        def __repr__(self):
            return "0.04"

    assert through_json(Liar()) == Opaque("Liar")


@pytest.mark.parametrize(
    "data",
    [
        None,
        3,
        {},
        {"t": "int", "v": 3},
        {"t": "int", "v": "9" * 5000},
        {"t": "int", "v": "9" * (MAX_DIGITS + 1)},
        {"t": "array", "shape": [2, MAX_ITEMS], "v": [1.0] * 2 * MAX_ITEMS, "dtype": "float64", "library": "numpy"},
        {"t": "array", "shape": [1] * (MAX_DEPTH + 1), "v": [1.0], "dtype": "float64", "library": "numpy"},
        {"t": "array", "shape": [1], "v": [1.0], "dtype": "bool", "library": "numpy"},
        {"t": "array", "shape": [1], "v": [1], "dtype": "torch.bool", "library": "torch"},
        {"t": "fraction", "v": ["1", "9" * (MAX_DIGITS + 1)]},
        {"t": "fraction", "v": ["9" * (MAX_DIGITS + 1), "1"]},
        {"t": "float", "v": "1.5"},
        {"t": "float", "v": True},
        {"t": "bool", "v": 1},
        {"t": "fraction", "v": ["1", "0"]},
        {"t": "list", "v": "abc"},
        {"t": "array", "shape": [2], "v": [1.0], "dtype": "float64", "library": "numpy"},
        {"t": "array", "shape": [10**9, 10**9], "v": [], "dtype": "float64", "library": "numpy"},
        {"t": "array", "shape": [1], "v": [[1.0]], "dtype": "float64", "library": "numpy"},
        {"t": "eval", "v": "print(1)"},
    ],
)
def test_what_encode_never_writes_is_malformed(data):
    with pytest.raises(Malformed):
        decode(data)


def test_deep_data_is_malformed_and_not_followed():
    data = {"t": "int", "v": "1"}
    for _ in range(500):
        data = {"t": "list", "v": [data]}
    with pytest.raises(Malformed):
        decode(data)


@pytest.mark.parametrize("value", [2, 2.0, Fraction(2), Decimal(2), np.int32(2), np.array([[2.0]]), np.float16(2)])
def test_every_kind_of_number_is_a_number(value):
    assert number(through_json(value)) == 2


@pytest.mark.parametrize(
    "value", [True, np.True_, "2", None, [2], 2 + 0j, np.complex128(2), np.array([2.0, 2.0]), float, np.array([True])]
)
def test_what_is_no_number_is_refused(value):
    with pytest.raises(Unusable):
        number(through_json(value))


def test_close_is_relative_and_never_forgives_a_tiny_value():
    assert close(0.1 * 0.5 * 0.8, Fraction(4, 100))
    assert not close(0.0, -4.248354255e-18)
    assert close(1e-13, 0)
    assert not close(0.04 * (1 + 2e-9), 0.04)
    assert close(-math.inf, -math.inf)
    assert not close(-math.inf, -1e308)
    assert close(math.nan, math.nan)
    assert not close(math.nan, 0.0)


def test_arrays_from_nested_lists_and_their_shapes():
    np.testing.assert_array_equal(
        array(through_json([[1, 2.5], (Fraction(1, 2), np.float64(3))])), [[1, 2.5], [0.5, 3]]
    )
    with pytest.raises(Unusable, match="one length"):
        array([[1], [1, 2]])
    with pytest.raises(Unusable, match=r"shape \(2,\)"):
        array([1, 2], (2, 1))
    with pytest.raises(Unusable, match="2 probabilities"):
        numbers([1.0], 2, "probabilities")


@pytest.mark.parametrize(
    "value",
    [{"A": True, "B": False}, [True, False], "A", ["A"], {"A"}, np.array([1, 0]), ("yes", "no"), {"a": "true", "b": 0}],
)
def test_labels_come_in_any_container(value):
    assert labels(through_json(value), "AB") == {"A": True, "B": False}


@pytest.mark.parametrize(
    "value", [None, 3, "C", [True], {"A": True}, ["maybe", "no"], Array(np.zeros(3), "float64", "numpy")]
)
def test_labels_refuse_what_names_no_choice(value):
    with pytest.raises(Unusable):
        labels(value, "AB")
