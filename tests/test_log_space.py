"""log_space against mpmath, against lists of all bfloat16 numbers, and against numbers worked out by hand."""

import bisect
import itertools
import math
import warnings
from decimal import Decimal
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from course_utils import log_space
from course_utils.log_space import (
    bits_per_byte,
    bits_to_nats,
    first_underflow,
    log1mexp,
    log_add,
    log_softmax,
    logsumexp,
    nats_to_bits,
    nll,
    perplexity,
    round_to_bfloat16,
    running_product,
    safe_log,
    sequence_log_prob,
)

pytestmark = pytest.mark.filterwarnings("error")  # no function of the module ever warns
exact = mpmath.mp.clone()
exact.dps = 160  # holds exp(150) + exp(-150) with digits to spare

INF, NAN = math.inf, math.nan
logits = st.floats(-150, 150).map(lambda u: round(u, 6))


def exact_logsumexp(values) -> mpmath.mpf:
    return exact.log(exact.fsum(exact.exp(exact.mpf(float(v))) for v in values))


def close(value, reference, rtol):
    """Relative agreement with an mpmath number; exactly 0 only for 0."""
    return abs(exact.mpf(float(value)) - reference) <= rtol * abs(reference)


# --- logsumexp -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1000, 1001, 1002], 1002.4076059644444),
        ([-1000, -1001, -1002], -999.5923940355556),
        ([-745.0, -5000.0], -745.0),
        ([0, -40], 4.248354255291589e-18),
        ([math.log(0.2), math.log(0.3)], math.log(0.5)),
        ([2.5], 2.5),
        (2.5, 2.5),
        ([0, 0], math.log(2)),
        ([1e308, 1e308], 1e308),
    ],
)
def test_logsumexp_known_values(values, expected):
    assert float(logsumexp(values)) == pytest.approx(expected, rel=1e-14, abs=0)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], -INF),
        ([-INF], -INF),
        ([-INF, -INF, -INF], -INF),
        ([-INF, 3.0], 3.0),
        ([INF], INF),
        ([INF, INF], INF),
        ([INF, -INF, 1.0], INF),
        ([NAN, 1.0], NAN),
        ([NAN, -INF], NAN),
        ([NAN, INF], NAN),
        (-INF, -INF),
    ],
)
def test_logsumexp_of_infinities_nan_and_nothing(values, expected):
    np.testing.assert_equal(float(logsumexp(values)), expected)


@given(st.lists(logits, min_size=1, max_size=8))
def test_logsumexp_against_mpmath(values):
    assert (
        abs(exact.mpf(float(logsumexp(values))) - exact_logsumexp(values)) < 4e-16 * max(1, *map(abs, values)) + 1e-15
    )


@given(st.lists(logits, min_size=1, max_size=6), st.floats(-1e4, 1e4))
def test_logsumexp_moves_with_a_shift(values, shift):
    assert logsumexp([v + shift for v in values]) == pytest.approx(logsumexp(values) + shift, abs=1e-11)


AXES = [None, 0, 1, 2, -1, -3, (0, 1), (0, -1), (2, 0), (0, 1, 2), ()]


@pytest.mark.parametrize("axis", AXES)
@pytest.mark.parametrize("keepdims", [False, True])
def test_logsumexp_axis(axis, keepdims):
    """Against the plain sum of exponentials, which is harmless for such small values."""
    values = np.random.default_rng(1).normal(size=(2, 1, 4))
    expected = np.log(np.sum(np.exp(values), axis=axis, keepdims=keepdims))
    result = logsumexp(values, axis=axis, keepdims=keepdims)
    assert np.shape(result) == np.shape(expected)
    np.testing.assert_allclose(result, expected, rtol=1e-13, atol=1e-14)


def test_logsumexp_rows_do_not_touch_each_other():
    values = [[-INF, -INF], [1000.0, 1000.0], [-1000.0, -INF], [NAN, 0.0], [INF, 0.0]]
    np.testing.assert_allclose(logsumexp(values, axis=1), [-INF, 1000 + math.log(2), -1000, NAN, INF], rtol=1e-15)


def test_logsumexp_of_empty_axes():
    np.testing.assert_equal(logsumexp(np.zeros((3, 0)), axis=1), np.full(3, -INF))
    assert logsumexp(np.zeros((0, 3)), axis=1).shape == (0,)


# --- dtypes ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given_dtype", "expected"),
    [
        (np.float16, np.float32),
        (np.float32, np.float32),
        (np.float64, np.float64),
        (int, np.float64),
        (bool, np.float64),
    ],
)
@pytest.mark.parametrize(
    "function",
    [
        logsumexp,
        log_softmax,
        safe_log,
        sequence_log_prob,
        nats_to_bits,
        bits_to_nats,
        lambda v: log_add(v, v),
        lambda v: log1mexp(-v),
        lambda v: perplexity(-v, 2),
        lambda v: perplexity(-v, np.array([2, 3])),
        lambda v: bits_per_byte(-v, 3),
        lambda v: nll(v, 0),
        lambda v: nll(v, 1, "none"),
    ],
)
def test_dtypes(function, given_dtype, expected):
    values = np.array([1, 0]).astype(given_dtype)
    result = function(values if given_dtype is not bool else values * 1)
    assert result.dtype == expected


def test_dtype_of_axis_reductions_and_edges():
    row = np.array([[-INF, -INF], [0, 1]], dtype=np.float32)
    assert logsumexp(row, axis=1).dtype == np.float32
    assert logsumexp(row, axis=(0, 1), keepdims=True).dtype == np.float32
    assert log_softmax(row, axis=0).dtype == np.float32


def test_float16_is_computed_in_float32():
    """In float16 exp(12) overflows; numerics 7: the naive third value was -16.64."""
    result = log_softmax(np.array([0, 12, -5], dtype=np.float16))
    np.testing.assert_allclose(result, [-12.0000062, -6.1856e-06, -17.0000062], rtol=1e-4)


def test_bfloat16_arrays_are_upcast():
    ml_dtypes = pytest.importorskip("ml_dtypes")
    result = log_softmax(np.array([3.14, 2.72, 1.41], dtype=ml_dtypes.bfloat16))
    assert result.dtype == np.float32
    assert result[0] == pytest.approx(-0.605586, abs=1e-6)  # numerics 11: logits rounded, log-softmax upcast


def test_fractions_and_decimals_are_numbers():
    assert safe_log([Fraction(1, 2), Decimal("0.25")]) == pytest.approx([-math.log(2), -2 * math.log(2)])


@pytest.mark.parametrize("bad", [[1j], ["1"], "1"])
def test_what_is_no_real_number_is_a_type_error(bad):
    with pytest.raises(TypeError, match="real numbers"):
        logsumexp(bad)


def test_arguments_are_left_alone():
    values = np.array([[-INF, 1.0], [2.0, 3.0]])
    copy = values.copy()
    for function in (logsumexp, log_softmax, round_to_bfloat16, safe_log):
        function(values.clip(0, None) if function is safe_log else values)
    np.testing.assert_equal(values, copy)


# --- log_softmax -----------------------------------------------------------------------------------------------------


@given(st.lists(logits, min_size=1, max_size=8))
def test_log_softmax_against_mpmath_in_relative_terms(values):
    """Relative: the log-probability of a near-certain favourite must be right too, not only near 0."""
    total = exact_logsumexp(values)
    for got, u in zip(log_softmax(values), values, strict=True):
        reference = exact.mpf(u) - total
        assert close(got, reference, 1e-12) if len(values) > 1 else got == 0


def test_log_softmax_known_values():
    np.testing.assert_allclose(log_softmax([0, 800]), [-800, 0], rtol=1e-15, atol=1e-12)
    np.testing.assert_allclose(log_softmax(np.array([0, 200], np.float32)), [-200, 0], rtol=1e-7, atol=1e-12)
    assert log_softmax([40, 0])[0] == pytest.approx(-4.248354255e-18, rel=1e-9, abs=0)  # E04.4
    np.testing.assert_allclose(log_softmax([4, 3, 3.9]), [-0.820976, -1.820976, -0.920976], atol=5e-7)  # K10
    np.testing.assert_allclose(log_softmax([10, 9, 0]), [-0.313295, -1.313295, -10.313295], atol=5e-7)  # K09


def test_log_softmax_does_not_move_with_a_shift():
    values = np.random.default_rng(2).normal(size=(5, 7))
    np.testing.assert_allclose(log_softmax(values + 1e4), log_softmax(values), rtol=0, atol=1e-11)


@pytest.mark.parametrize("axis", [axis for axis in AXES if axis != ()])
def test_log_softmax_axis(axis):
    values = np.random.default_rng(3).normal(size=(2, 3, 4)) * 5
    result = log_softmax(values, axis=axis)
    assert result.shape == values.shape
    np.testing.assert_allclose(np.exp(result).sum(axis=axis), 1, rtol=1e-12)


def test_log_softmax_axis_is_the_last_by_default():
    values = [[0.0, 1.0, 2.0], [2.0, 0.0, 0.0]]
    np.testing.assert_array_equal(log_softmax(values), [log_softmax(row) for row in values])


def test_log_softmax_of_infinities_and_nan():
    """-inf is an impossible token; a row without mass, or with a +inf or NaN, is no distribution."""
    rows = [[-INF, 0.0, 0.0], [-INF, -INF, -INF], [INF, 0.0, 0.0], [NAN, 0.0, 0.0], [-INF, 5.0, -INF]]
    half = -math.log(2)
    expected = [[-INF, half, half], [NAN] * 3, [NAN] * 3, [NAN] * 3, [-INF, 0, -INF]]
    np.testing.assert_allclose(log_softmax(rows), expected, rtol=1e-15)


def test_log_softmax_of_nothing():
    assert log_softmax(np.zeros((3, 0))).shape == (3, 0)


# --- log1mexp, log_add, safe_log -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("x", "expected"),
    [
        (-1e-10, -23.025850929990457),
        (-0.5, -0.93275212956719),
        (-50, -1.92874984796392e-22),
        (-math.log(2), -math.log(2)),
    ],
)
def test_log1mexp_known_values(x, expected):
    assert float(log1mexp(x)) == pytest.approx(expected, rel=1e-13, abs=0)


@settings(max_examples=300)
@given(st.one_of(st.floats(-5, -1e-3), st.floats(-300, -5), st.floats(-300, 0).map(lambda e: -(10.0**e))))
def test_log1mexp_against_mpmath(x):
    assert close(log1mexp(x), exact.log(-exact.expm1(exact.mpf(x))), 1e-15)


@given(
    st.one_of(st.floats(-80, -0.0009765625, width=32), st.floats(-30, 0).map(lambda e: float(np.float32(-(10.0**e)))))
)
def test_log1mexp_in_float32(x):
    result = log1mexp(np.float32(x))
    assert result.dtype == np.float32
    assert close(result, exact.log(-exact.expm1(exact.mpf(x))), 1e-6)


def test_log1mexp_at_the_ends():
    result = log1mexp([0.0, -0.0, -INF, 0.1, INF, NAN])
    np.testing.assert_equal(result, [-INF, -INF, 0.0, NAN, NAN, NAN])
    assert not np.signbit(result[2])  # it prints as 0.0


@given(logits, logits)
def test_log_add_against_mpmath(a, b):
    assert abs(exact.mpf(float(log_add(a, b))) - exact_logsumexp([a, b])) < 4e-16 * max(1, abs(a), abs(b)) + 1e-15


def test_log_add_edges_and_broadcasting():
    np.testing.assert_equal(
        log_add([-INF, -INF, INF, NAN, INF], [-INF, 2.0, INF, 1.0, -INF]), [-INF, 2.0, INF, NAN, INF]
    )
    assert float(log_add(0, -40)) == pytest.approx(4.248354255e-18, rel=1e-9, abs=0)
    assert log_add(np.zeros((2, 1)), np.zeros(3)).shape == (2, 3)


def test_safe_log():
    np.testing.assert_equal(safe_log([0.0, 1.0, -1.0, INF, NAN]), [-INF, 0.0, NAN, INF, NAN])
    assert float(safe_log(0)) == -INF
    assert float(safe_log(0.04)) == pytest.approx(-3.2188758248682006, rel=1e-15)


# --- sequences -------------------------------------------------------------------------------------------------------


def test_sequence_log_prob_known_values():
    assert float(sequence_log_prob([0.1, 0.5, 0.8])) == pytest.approx(-3.2188758248682006, rel=1e-14)
    assert float(sequence_log_prob([0.1, 0.5, 0.2])) == pytest.approx(-4.605170185988092, rel=1e-14)
    assert float(sequence_log_prob([0.1] * 1000)) == pytest.approx(-2302.5850929940457, rel=1e-13)
    assert float(sequence_log_prob([0.15] * 400)) == pytest.approx(-758.848, abs=5e-4)  # K06
    assert float(sequence_log_prob([])) == 0.0
    assert float(sequence_log_prob([0.0, 0.4, 0.8])) == -INF  # C04: later factors rescue nothing
    np.testing.assert_allclose(sequence_log_prob([[0.5, 0.5], [1, 0]], axis=1), [-2 * math.log(2), -INF])
    assert math.isnan(sequence_log_prob([0.5, NAN]))


@pytest.mark.parametrize("bad", [[-0.7, -0.4], [1.5], [0.5, -1e-9]])
def test_sequence_log_prob_takes_probabilities(bad):
    with pytest.raises(ValueError, match="between 0 and 1"):
        sequence_log_prob(bad)


@given(st.lists(st.lists(logits, min_size=4, max_size=4), min_size=1, max_size=4), st.data())
def test_nll_against_brute_force(rows, data):
    targets = data.draw(st.lists(st.integers(0, 3), min_size=len(rows), max_size=len(rows)))
    expected = [exact_logsumexp(row) - exact.mpf(row[t]) for row, t in zip(rows, targets, strict=True)]
    got = nll(rows, targets, "none")
    assert got.shape == (len(rows),)
    assert all(close(g, e, 1e-12) for g, e in zip(got, expected, strict=True))
    assert close(nll(rows, targets, "sum"), exact.fsum(expected), 1e-12)
    assert close(nll(rows, targets), exact.fsum(expected) / len(rows), 1e-12)


def test_nll_shapes_and_extremes():
    values = np.zeros((2, 3, 5))
    np.testing.assert_allclose(nll(values, np.zeros((2, 3), int), "none"), np.full((2, 3), math.log(5)))
    np.testing.assert_allclose(nll([[1000, -1000], [1000, -1000]], [0, 1], "none"), [0, 2000])
    assert float(nll([-INF, 0.0], 0, "sum")) == INF
    assert float(nll(np.zeros((0, 3)), [], "sum")) == 0.0
    assert math.isnan(nll(np.zeros((0, 3)), [], "mean"))


@pytest.mark.parametrize(
    ("targets", "reduction", "error", "message"),
    [
        ([0, 3], "sum", ValueError, r"outside 0\.\.2"),
        ([0, -100], "sum", ValueError, "masked"),
        ([0], "sum", ValueError, "targets"),
        ([0.0, 1.0], "sum", TypeError, "integer"),
        ([0, 1], "avg", ValueError, "reduction"),
    ],
)
def test_nll_errors(targets, reduction, error, message):
    with pytest.raises(error, match=message):
        nll(np.zeros((2, 3)), targets, reduction)


# --- units -----------------------------------------------------------------------------------------------------------


def test_units():
    assert float(nats_to_bits(3.5)) == pytest.approx(5.0494326431, rel=1e-10)
    assert float(nats_to_bits(-3.5)) == pytest.approx(-5.0494326431, rel=1e-10)
    assert float(bits_to_nats(8)) == pytest.approx(8 * math.log(2), rel=1e-15)  # 8 bits: one in 256
    assert float(nats_to_bits(math.log(50257))) == pytest.approx(15.617, abs=5e-4)
    assert float(perplexity(-3.5, 3)) == pytest.approx(3.2112705, rel=1e-7)
    assert float(bits_per_byte(-3.5, 11)) == pytest.approx(0.4590393, rel=1e-7)
    assert float(perplexity(7 * math.log(1 / 50257), 7)) == pytest.approx(50257)
    np.testing.assert_allclose(
        perplexity([-3.5, -7.0, -INF, 0], [3, 6, 1, 2]), [3.2112705, 3.2112705, INF, 1], rtol=1e-7
    )
    assert float(perplexity(-1e6, 1)) == INF


def test_nats_and_bits_are_inverse():
    values = np.array([-INF, -3.5, 0.0, 2.0, INF])
    np.testing.assert_allclose(bits_to_nats(nats_to_bits(values)), values, rtol=1e-15)


@pytest.mark.parametrize("function", [perplexity, bits_per_byte])
def test_perplexity_and_bits_per_byte_errors(function):
    with pytest.raises(ValueError, match="negative"):
        function(3.5, 3)
    with pytest.raises(ValueError, match="at least 1"):
        function(-3.5, 0)
    for hair in (1e-12, 9e-10):  # what rounding leaves of joint - marginal
        assert function(hair, 3) == pytest.approx(1 if function is perplexity else 0, abs=1e-9)
    with pytest.raises(ValueError, match="negative"):
        function([-1.0, 2e-9], 3)


# --- bfloat16 --------------------------------------------------------------------------------------------------------

# Every non-negative bfloat16 number, and 2**128, which stands for infinity when it comes to rounding.
BITS = np.arange(0x7F80, dtype=np.uint32) << 16
POSITIVE = [*BITS.view(np.float32).astype(np.float64).tolist(), 2.0**128]


def nearest_bfloat16(x: float) -> float:
    """By looking through all of them; the index is the bit pattern, so that "even" can be read off it."""
    if math.isnan(x) or math.isinf(x):
        return x
    i = bisect.bisect_right(POSITIVE, abs(x)) - 1
    if i < len(POSITIVE) - 1:
        below, above = Fraction(abs(x)) - Fraction(POSITIVE[i]), Fraction(POSITIVE[i + 1]) - Fraction(abs(x))
        i += above < below or (above == below and i % 2 == 1)
    return math.copysign(POSITIVE[i] if i < len(POSITIVE) - 1 else INF, x)


def around(a):
    return st.sampled_from([a, -a, math.nextafter(a, 0), math.nextafter(a, INF)])


gaps = st.integers(0, len(POSITIVE) - 2).map(lambda i: (POSITIVE[i] + POSITIVE[i + 1]) / 2)
numbers = st.one_of(
    st.floats(),
    st.floats(width=32),
    st.floats(-1e-37, 1e-37),
    st.sampled_from(POSITIVE).flatmap(around),
    gaps.flatmap(around),
)


@settings(max_examples=500)
@given(numbers)
def test_round_to_bfloat16_against_the_list_of_all_bfloat16_numbers(x):
    result, expected = round_to_bfloat16(x), nearest_bfloat16(x)
    assert result.dtype == np.float32
    np.testing.assert_equal(float(result), expected)
    assert math.isnan(x) or np.signbit(result) == (math.copysign(1, x) < 0)


def test_round_to_bfloat16_known_values():
    """Halfway cases in normal and subnormal range, the largest number and the two first ones, numerics 2."""
    step = 2.0**-7
    for x, expected in [
        (1 + step / 2, 1.0),
        (1 + 3 * step / 2, 1 + 2 * step),
        (1 + step / 2 + 2.0**-40, 1 + step),  # a float64: by way of float32 it would be 1.0
        (2.0**-134, 0.0),
        (3 * 2.0**-134, 2.0**-132),
        (math.nextafter(2.0**-134, 1), 2.0**-133),
        (2.0**128 - 2.0**119, INF),
        (math.nextafter(2.0**128 - 2.0**119, 0), 3.3895313892515355e38),
        (-1e300, -INF),
        (1e-300, 0.0),
        (0.1, 0.10009765625),
    ]:
        assert float(round_to_bfloat16(x)) == expected


def test_round_to_bfloat16_is_torch_on_float32():
    torch = pytest.importorskip("torch")
    bits = np.random.default_rng(4).integers(0, 2**32, size=500_000, dtype=np.uint32)
    bits[:100_000] = (bits[:100_000] & np.uint32(0xFFFF0000)) | np.uint32(0x8000)  # halfway cases
    values = bits.view(np.float32)
    expected = torch.from_numpy(values.copy()).to(torch.bfloat16).float().numpy()
    np.testing.assert_array_equal(round_to_bfloat16(values), expected)  # NaN equals NaN here


def test_round_to_bfloat16_keeps_shapes():
    assert round_to_bfloat16(np.zeros((2, 0, 3))).shape == (2, 0, 3)
    assert round_to_bfloat16([[1, 2]]).shape == (1, 2)


# --- underflow -------------------------------------------------------------------------------------------------------

FORMATS = ("float64", "float32", "float16", "bfloat16")
CLIFFS = {0.5: (1075, 150, 25, 134), 0.2: (463, 65, 11, 58), 0.1: (324, 46, 8, 41), 0.05: (249, 35, 6, 32)}


@pytest.mark.parametrize(("p", "dtype"), list(itertools.product(CLIFFS, FORMATS)))
def test_first_underflow(p, dtype):
    n = CLIFFS[p][FORMATS.index(dtype)]
    assert first_underflow(p, dtype) == n
    products = running_product([p] * n, dtype)
    assert products[-1] == 0 and products[-2] > 0


def test_first_underflow_of_the_vocabulary_and_of_minus_three_nats():
    assert [first_underflow(math.exp(-3), d) for d in FORMATS] == [249, 35, 6, 31]  # numerics 2
    assert [first_underflow(1 / 50257, d) for d in FORMATS] == [69, 10, 2, 9]
    assert first_underflow(0) == 1


@pytest.mark.parametrize("p", [0.51, 1, 1.5, -0.1, NAN])
def test_first_underflow_needs_a_p_that_gets_to_zero(p):
    with pytest.raises(ValueError, match="0.5"):
        first_underflow(p)


def test_running_product():
    np.testing.assert_array_equal(running_product([]), [])
    np.testing.assert_allclose(running_product([0.1, 0.5, 0.8]), [0.1, 0.05, 0.04], rtol=1e-15)
    stuck = running_product([0.9] * 7100)
    assert stuck[7049] == stuck[-1] == 2.5e-323  # numerics 2: above one half it sticks
    assert running_product([0.1], "bfloat16")[0] == 0.10009765625
    assert running_product([0.1, 0.1], "float16")[1] == float(np.float16(0.1) * np.float16(0.1))
    with pytest.raises(ValueError, match="float64, float32, float16, bfloat16"):
        running_product([0.1], "half")


@given(st.lists(st.floats(0.01, 1), min_size=1, max_size=30))
def test_running_product_in_bfloat16_rounds_every_step(probs):
    assume(math.prod(probs) > 1e-30)
    product, expected = 1.0, []
    for p in probs:
        product = nearest_bfloat16(product * nearest_bfloat16(p))
        expected.append(product)
    np.testing.assert_array_equal(running_product(probs, "bfloat16"), expected)


# --- the module ------------------------------------------------------------------------------------------------------


def test_everything_public_is_documented():
    for name in log_space.__all__:
        assert len(getattr(log_space, name).__doc__) > 40, name


def test_no_warning_even_when_numpy_is_told_to_raise():
    with warnings.catch_warnings(), np.errstate(all="raise"):
        warnings.simplefilter("error")
        values = [-INF, 800.0, -800.0]
        logsumexp(values), logsumexp([-INF, -INF]), logsumexp([]), log_softmax(values), log_softmax([-INF, -INF])
        log1mexp([0.0, -1e-320, -800.0, -INF]), log_add([-INF, 0], [-INF, -800.0]), safe_log([0, 1e-320])
        sequence_log_prob([0, 0.5]), perplexity(-1e6, 1), perplexity(-INF, 1), nats_to_bits(-INF)
        round_to_bfloat16([1e300, 1e-300, 1e-310, NAN, INF]), first_underflow(0.1, "float16"), nll([-INF, 800.0], 0)
