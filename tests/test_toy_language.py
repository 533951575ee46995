"""toy_language against joint tables that are given beforehand, and against the numbers of the course."""

import copy
import doctest
import itertools
import math
import os
import subprocess
import sys
from decimal import Decimal
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from course_utils import toy_language
from course_utils.toy_language import (
    SequenceModel,
    ToyLanguage,
    constant_eos,
    equal_start,
    greedy_trap,
    leaky_eos,
    log_fraction,
    merged_token,
    random_language,
    spaced_words,
    the_cat_sat,
    toy_bigram,
    warm_milk,
    warm_or_plush,
)

pytestmark = pytest.mark.filterwarnings("error")
FIXTURES = [
    toy_bigram,
    the_cat_sat,
    constant_eos,
    leaky_eos,
    equal_start,
    greedy_trap,
    warm_or_plush,
    warm_milk,
    merged_token,
    spaced_words,
]

seeds = st.integers(0, 10**6)


@st.composite
def languages(draw, **fixed):
    options = {"symbols": st.integers(1, 3), "eos": st.booleans(), "order": st.sampled_from([None, 0, 1, 2])}
    options |= {"zeros": st.booleans()}
    return random_language(draw(seeds), **({name: draw(s) for name, s in options.items()} | fixed))


def words(lm, n):
    """All tuples of n ids, whether they make sense or not."""
    return itertools.product(range(lm.vocabulary_size), repeat=n)


# --- a joint table that was there first (card S0) --------------------------------------------------------------------

TABLE_WEIGHTS = dict(zip(itertools.product("ab", repeat=3), [3, 1, 4, 1, 5, 9, 2, 6], strict=True))
TABLE = {key: Fraction(weight, 31) for key, weight in TABLE_WEIGHTS.items()}


def language_of_the_table() -> ToyLanguage:
    """Conditionals by summing TABLE: Pr(next | prefix) = mass of prefix + next / mass of prefix."""

    def mass(prefix):
        return sum(p for key, p in TABLE.items() if key[: len(prefix)] == prefix)

    prefixes = [prefix for n in range(3) for prefix in itertools.product("ab", repeat=n)]
    rows = {prefix: {s: mass((*prefix, s)) / mass(prefix) for s in "ab"} for prefix in prefixes}
    return ToyLanguage.from_table(rows, eos=None)


def test_the_table_comes_back_cell_by_cell():
    lm = language_of_the_table()
    cells = {tuple(lm.symbols[i] for i in ids): p for ids, p in lm.joint_cells(3).items()}
    assert cells == TABLE
    for key, p in TABLE.items():
        assert lm.prefix_prob(key, exact=True) == p
        assert lm.log_prob_ids([[lm.bos, *lm.encode("".join(key))]])[0] == pytest.approx(math.log(p), rel=1e-14)


def test_marginal_and_conditional_of_the_table():
    lm = language_of_the_table()
    assert lm.marginal_prob("b", 3, exact=True) == Fraction(5 + 9 + 2 + 6, 31)
    assert lm.marginal_prob("ab", exact=True) == Fraction(5, 31)
    assert lm.joint_prob("a", "b", exact=True) == Fraction(5, 31)
    assert lm.conditional_prob("a", "bb", exact=True) == Fraction(1, 9)
    assert lm.conditional_prob("", "ba", exact=True) == Fraction(14, 31)
    second_is_b = lm.prob(lambda ids: ids[1] == 2, 3, exact=True)
    assert second_is_b == Fraction(4 + 1 + 2 + 6, 31)
    third_is_a = lm.prob(lambda ids: ids[2] == 1, 3, given=lambda ids: ids[1] == 2, exact=True)
    assert third_is_a == Fraction(4 + 2, 4 + 1 + 2 + 6)


def test_joint_table_is_indexed_by_ids():
    lm = language_of_the_table()
    table = lm.joint_table(3)
    assert table.shape == (3, 3, 3) and table.dtype == np.float64
    assert table[lm.bos].sum() == table[:, lm.bos].sum() == 0
    np.testing.assert_allclose(table[1:, 1:, 1:].ravel(), np.array(list(TABLE_WEIGHTS.values())) / 31, rtol=1e-15)


# --- two routes to the same probability ------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(languages(), st.data())
def test_brute_force_is_the_chain_rule(lm, data):
    """Sums over cells, exactly equal to products of conditionals, whatever the tokens and the size of the table."""
    token = st.integers(0, lm.vocabulary_size - 1)
    x = data.draw(st.lists(token, max_size=2))
    y = data.draw(st.lists(token, max_size=2))
    assume((x + y)[:1] != [lm.bos])  # a leading BOS is read as the start, which is tested below
    n = len(x) + data.draw(st.integers(0, 2))
    p_x, p_xy = lm.prefix_prob(x, exact=True), lm.prefix_prob(x + y, exact=True)
    assert lm.marginal_prob(x, n, exact=True) == p_x
    assert lm.joint_prob(x, y, exact=True) == p_xy
    if p_x:
        assert lm.conditional_prob(x, y, exact=True) == p_xy / p_x
        assert lm.conditional_prob(x, y) == pytest.approx(float(p_xy / p_x), rel=1e-15)
    joint, marginal = lm.log_prob_ids([[lm.bos, *x, *y], [lm.bos, *x]])
    (conditional,) = lm.conditional_log_prob_ids([([lm.bos, *x], y)])
    assert joint == pytest.approx(log_fraction(p_xy), rel=1e-13)
    assert marginal == pytest.approx(log_fraction(p_x), rel=1e-13)
    if p_x:
        assert conditional == pytest.approx(joint - marginal, abs=1e-12)
    else:
        assert math.isnan(conditional)


@settings(max_examples=40, deadline=None)
@given(languages(), st.integers(0, 4))
def test_the_cells_of_every_length_sum_to_one(lm, n):
    cells = lm.joint_cells(n)
    assert sum(cells.values()) == 1 and min(cells.values()) > 0
    assert all(len(ids) == n and lm.bos not in ids for ids in cells)
    assert lm.joint_table(n).sum() == pytest.approx(1, abs=1e-12)


@settings(max_examples=30, deadline=None)
@given(languages(), st.integers(0, 3), st.data())
def test_continuations_split_the_mass_of_x(lm, n, data):
    """E06.3: each once, none missing, and their joint probabilities sum to that of x."""
    x = data.draw(st.lists(st.sampled_from(lm.alphabet), max_size=2))
    ways = list(lm.continuations(n))
    assert len(ways) == len(set(ways))
    assert sum(lm.prefix_prob([*x, *y], exact=True) for y in ways) == lm.prefix_prob(x, exact=True)
    assert all(lm.eos not in y[:-1] and (len(y) == n or y[-1] == lm.eos) for y in ways)


@settings(max_examples=30, deadline=None)
@given(languages(eos=True), st.integers(0, 3))
def test_complete_strings_are_what_has_ended(lm, n):
    strings = list(lm.complete_strings(n))
    assert len(strings) == len(set(strings)) == sum(len(lm.alphabet) ** k for k in range(n + 1))
    mass = sum(lm.complete_prob(s, exact=True) for s in strings)
    assert mass == lm.prob(lambda ids: lm.eos in ids, n + 1, exact=True)
    assert mass + sum(lm.prefix_prob(s, exact=True) for s in lm.sequences(n + 1)) == 1


@settings(max_examples=40, deadline=None)
@given(languages(), st.data())
def test_next_log_probs_is_a_distribution_made_of_cond(lm, data):
    context = (lm.bos, *data.draw(st.lists(st.sampled_from(lm.alphabet), max_size=4)))
    log_probs = lm.next_log_probs(context)
    assert log_probs.shape == (lm.vocabulary_size,) and log_probs.dtype == np.float64
    assert log_probs[lm.bos] == -math.inf
    exact = [lm.cond(i, context, exact=True) for i in range(lm.vocabulary_size)]
    assert sum(exact) == 1
    np.testing.assert_allclose(np.exp(log_probs), [float(p) for p in exact], rtol=1e-15)
    assert [lm.cond(i, context) for i in range(lm.vocabulary_size)] == [float(p) for p in exact]


def test_log_probabilities_never_underflow():
    lm = constant_eos(symbols="abcdefgh")
    ids = [lm.bos, *[1] * 1000]
    assert lm.log_prob_ids([ids])[0] == pytest.approx(1000 * math.log(0.9 / 8), rel=1e-13)
    assert log_fraction(lm.prefix_prob(ids, exact=True)) == pytest.approx(1000 * math.log(0.9 / 8), rel=1e-13)


# --- beginnings, ends and the impossible -----------------------------------------------------------------------------


def test_bos_alone_and_nothing():
    lm = toy_bigram()
    assert lm.prefix_prob("") == lm.prefix_prob([]) == lm.prefix_prob([lm.bos]) == 1
    assert lm.log_prob_ids([[lm.bos]]).tolist() == [0.0]
    assert lm.conditional_log_prob_ids([([lm.bos, 1], [])]).tolist() == [0.0]
    assert lm.log_prob_ids([]).shape == lm.conditional_log_prob_ids([]).shape == (0,)
    assert lm.joint_cells(0) == {(): 1} and lm.joint_table(0) == 1
    assert lm.prefix_prob(["<s>", "a", "b"]) == lm.prefix_prob("ab") == lm.marginal_prob([0, 1, 2])


def test_eos_is_absorbing():
    lm = toy_bigram()
    assert lm.cond(lm.eos, [lm.bos, 1, lm.eos]) == 1
    assert lm.prefix_prob([1, lm.eos, lm.eos]) == lm.prefix_prob([1, lm.eos]) == lm.complete_prob("a")
    assert lm.prefix_prob([1, lm.eos, 1]) == 0
    assert lm.joint_cells(2)[1, lm.eos] == Fraction(12, 100)


def test_complete_prob_takes_the_string_with_or_without_eos():
    lm = toy_bigram()
    assert lm.complete_prob("ab") == lm.complete_prob([1, 2, lm.eos]) == pytest.approx(0.126, rel=1e-15)
    assert lm.complete_prob("") == 0  # the empty string: EOS at once
    assert constant_eos().complete_prob("") == 0.1


def test_bos_never_comes_again():
    lm = toy_bigram()
    assert lm.cond(lm.bos, [lm.bos]) == 0
    assert lm.log_prob_ids([[lm.bos, lm.bos], [lm.bos, 1, lm.bos]]).tolist() == [-math.inf, -math.inf]
    doubled = [lm.bos, lm.bos, 1]
    assert lm.prefix_prob(doubled) == lm.complete_prob(doubled) == lm.marginal_prob(doubled) == 0
    assert lm.joint_prob([], [lm.bos, 1]) == lm.conditional_prob([], [lm.bos, 1]) == 0


def impossible_start() -> ToyLanguage:
    """Card C04: factors 0.0, 0.4, 0.8."""
    rows = {"": {"a": 0.0, "b": 1.0}, "a": {"b": 0.4, "a": 0.6}, "ab": {"a": 0.8, "b": 0.2}}
    return ToyLanguage.from_table(rows, otherwise={"a": 1}, eos=None)


def test_an_impossible_start_is_not_rescued():
    lm = impossible_start()
    ids = [lm.bos, *lm.encode("aba")]
    assert lm.prefix_prob("aba") == 0
    assert lm.log_prob_ids([ids]).tolist() == [-math.inf]
    assert lm.cond("b", ("<s>", "a")) == 0.4  # the row itself is there, as in a neural network


def test_conditioning_on_the_impossible():
    lm = impossible_start()
    a, b = lm.encode("ab")
    scores = lm.conditional_log_prob_ids(
        [([lm.bos, a], [b]), ([lm.bos, a], []), ([lm.bos, b], [b]), ([lm.bos, b], [a])]
    )
    np.testing.assert_equal(scores, [math.nan, math.nan, -math.inf, 0.0])
    with pytest.raises(ValueError, match="probability 0"):
        lm.conditional_prob("a", "b")
    with pytest.raises(ValueError, match="probability 0"):
        lm.prob(lambda ids: True, 2, given=lambda ids: False)


def test_without_eos_nothing_is_complete():
    lm = random_language(1, eos=False)
    assert lm.eos is None and lm.vocabulary_size == 4
    assert list(lm.continuations(2)) == list(lm.sequences(2)) == list(itertools.product([1, 2, 3], repeat=2))
    for call in (lambda: lm.complete_prob("a"), lambda: list(lm.complete_strings(1))):
        with pytest.raises(ValueError, match="no EOS"):
            call()


# --- the languages of the course -------------------------------------------------------------------------------------


def log_prob(lm, text):
    return lm.log_prob_ids([[lm.bos, *lm.encode(text)]])[0]


def best_string(lm, n):
    return lm.decode(max(lm.complete_strings(n), key=lambda s: lm.complete_prob(s, exact=True)))


def greedy_string(lm, n):
    ids = [lm.bos]
    for _ in range(n):
        ids.append(int(np.argmax(lm.next_log_probs(ids))))
    return lm.decode(ids)


def test_toy_bigram():
    lm = toy_bigram()
    exact = [lm.prefix_prob(s, exact=True) for s in ("ab", "ba")] + [
        lm.complete_prob(s, exact=True) for s in ("ab", "ba")
    ]
    assert exact == [Fraction(42, 100), Fraction(20, 100), Fraction(126, 1000), Fraction(4, 100)]
    assert lm.symbols == ("<s>", "a", "b", "</s>")


def test_the_cat_sat():
    lm = the_cat_sat()
    assert lm.prefix_prob("the cat sat", exact=True) == lm.complete_prob("the cat sat", exact=True) == Fraction(1, 25)
    assert log_prob(lm, "the cat sat") == pytest.approx(-3.2188758248682006, rel=1e-14)
    assert [lm.cond("cat", ("<s>", "the")), lm.cond("sat", ("<s>", "the", "cat"))] == [0.5, 0.8]
    assert sum(lm.complete_prob(s, exact=True) for s in lm.sequences(3)) == 1
    assert (
        lm.next_log_probs([lm.bos, *lm.encode("the cat")]).tolist()
        != lm.next_log_probs([lm.bos, *lm.encode("a cat")]).tolist()
    )


@pytest.mark.parametrize("n", [0, 1, 5])
def test_constant_eos(n):
    lm = constant_eos()
    assert sum(lm.prefix_prob(s, exact=True) for s in lm.sequences(n)) == Fraction(9, 10) ** n
    mass = sum(lm.complete_prob(s, exact=True) for s in lm.complete_strings(n))
    assert mass == 1 - Fraction(9, 10) ** (n + 1)
    assert constant_eos(0.25, symbols="a").cond("</s>", ["<s>", "a"]) == 0.25


def test_leaky_eos():
    lm = leaky_eos("a")  # one symbol will do: the mass that ended depends on the length only
    mass = sum(lm.complete_prob(s, exact=True) for s in lm.complete_strings(9))  # EOS at one of the tokens 1 to 10
    assert mass == 1 - Fraction(12, 22)
    assert lm.cond("</s>", ["<s>"], exact=True) == Fraction(1, 4)


def test_equal_start():
    lm = equal_start()
    assert lm.next_log_probs([lm.bos])[lm.encode("A")] == lm.next_log_probs([lm.bos])[lm.encode("B")]
    assert log_prob(lm, "AC") == pytest.approx(-0.6931925795, rel=1e-9)
    assert log_prob(lm, "BC") == log_prob(lm, "BD") == pytest.approx(-1.3862943611, rel=1e-9)
    (second,) = lm.conditional_log_prob_ids([([lm.bos, *lm.encode("A")], lm.encode("C"))])
    assert second == pytest.approx(-math.log1p(math.exp(-10)), rel=1e-11)
    assert best_string(lm, 3) == "AC"


def test_greedy_trap():
    lm = greedy_trap()
    assert greedy_string(lm, 3) == "aaa" and best_string(lm, 4) == "bbb"
    assert lm.prefix_prob("aaa", exact=True) == Fraction(88, 1000)
    assert lm.prefix_prob("bbb", exact=True) == Fraction(3645, 10000)
    assert log_prob(lm, "aaa") == pytest.approx(-2.430418, abs=5e-7)
    assert log_prob(lm, "bbb") == pytest.approx(-1.009229, abs=5e-7)


def test_warm_or_plush():
    lm = warm_or_plush()
    assert log_prob(lm, "warm mat") == pytest.approx(-2.4, rel=1e-14)
    assert log_prob(lm, "plush rug") == pytest.approx(-2.3, rel=1e-14)
    assert greedy_string(lm, 2) == "warm mat" and best_string(lm, 3) == "plush rug"


def test_warm_milk():
    lm = warm_milk()
    x, y = [lm.bos, *lm.encode("Cats like")], lm.encode("warm milk")
    assert lm.log_prob_ids([x + y, x]) == pytest.approx([-4.1, -3.0], rel=1e-14)
    assert lm.conditional_log_prob_ids([(x, y)]) == pytest.approx([-1.1], rel=1e-14)


def test_spaced_words():
    lm = spaced_words()
    assert [lm.symbols[i] for i in lm.encode("the cat sat")] == ["the", " cat", " sat"]
    assert lm.encode("the ") == [*lm.encode("the"), *lm.encode(" ")]
    assert lm.encode("the ") + lm.encode("cat") != lm.encode("the cat") == lm.encode("the") + lm.encode(" cat")
    assert [lm.symbols[i] for i in lm.encode("undo")] == ["und", "o"]
    assert [lm.symbols[i] for i in lm.encode("un") + lm.encode("do")] == ["un", "do"]


def test_merged_token():
    """Numerics 19: one string, two tokenisations, and conditionals of tokens and of strings."""
    lm = merged_token()
    a, b, ab = 1, 2, 3
    assert lm.encode("ab") == [ab] and lm.encode("a") + lm.encode("b") == [a, b] and lm.encode("aab") == [a, ab]
    assert lm.decode([a, b]) == lm.decode([ab]) == "ab"
    assert lm.complete_prob([ab], exact=True) == Fraction(4, 100)
    assert lm.complete_prob([a, b], exact=True) == Fraction(6, 1000)
    assert lm.conditional_prob([a], [b]) == 0.2
    as_string = lm.prob(
        lambda ids: lm.decode(ids).startswith("ab"), 2, given=lambda ids: lm.decode(ids).startswith("a"), exact=True
    )
    assert float(as_string) == pytest.approx(0.6571, abs=5e-5)


@pytest.mark.parametrize("make", FIXTURES)
def test_fixtures(make):
    lm = make()
    assert isinstance(lm, SequenceModel)
    assert repr(lm) == f"{make.__name__}()" and make.__doc__
    assert lm.symbols[lm.bos] == "<s>" and lm.symbols[lm.eos] == "</s>"
    for n in range(4):
        assert sum(lm.joint_cells(n).values()) == 1


# --- random languages ------------------------------------------------------------------------------------------------


def test_random_language_is_the_same_everywhere():
    """A failing call that a student pastes must fail again: the row is pinned, and does not hang on the hash seed."""
    program = (
        "from course_utils.toy_language import random_language as r; print(r(7).next_log_probs([0, 1, 2]).tolist())"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in "12"
    }
    assert len(outputs) == 1
    assert [random_language(7).cond(i, [0], exact=True) * 10**6 for i in range(5)] == PINNED


PINNED = [0, 95877, 226916, 549563, 127644]  # written down once: a change would change every stored failing call


@given(seeds)
def test_random_language_depends_on_the_full_history(seed):
    lm = random_language(seed)
    contexts = [ids for n in range(4) for ids in lm.sequences(n)]
    rows = {tuple(lm.next_log_probs([lm.bos, *ids])) for ids in contexts}
    assert len(rows) == len(contexts)


@settings(max_examples=25)
@given(seeds, st.integers(0, 2))
def test_random_language_of_an_order(seed, order):
    """Equal last tokens, equal rows; another token among them, another row."""
    lm = random_language(seed, order=order)
    rows = {}
    for ids in lm.sequences(3):
        rows.setdefault(ids[3 - order :], set()).add(tuple(lm.next_log_probs([lm.bos, *ids])))
    assert all(len(found) == 1 for found in rows.values())
    assert len(set.union(*rows.values())) == 3**order


def test_random_languages_differ():
    made = [
        random_language(1),
        random_language(2),
        random_language(1, symbols=4),
        random_language(1, eos=False),
        random_language(1, order=1),
        random_language(1, zeros=True),
        random_language(1, symbols="xyz"),
    ]
    rows = [tuple(lm.next_log_probs([lm.bos, 1, 2])) for lm in made]
    assert len(set(rows)) == len(rows)


@given(seeds)
def test_random_language_is_positive_unless_asked(seed):
    lm = random_language(seed)
    assert np.isfinite(lm.next_log_probs([lm.bos, 1, 2])[1:]).all()


def test_random_language_with_zeros_and_an_end():
    rows = [random_language(s, zeros=True, symbols=4).next_log_probs([0, 1])[1:] for s in range(200)]
    share = np.mean([np.isinf(row[:-1]) for row in rows])
    assert 0.15 < share < 0.35 and all(np.isfinite(row[-1]) for row in rows)
    assert random_language(5, eos=False, zeros=True, symbols=1).cond("a", ["<s>"]) == 1


@pytest.mark.parametrize("symbols", [0, 27])
def test_random_language_errors(symbols):
    with pytest.raises(ValueError, match="between 1 and 26"):
        random_language(1, symbols=symbols)


REPRS = [
    random_language(7),
    random_language("x", symbols=2, eos=False, order=1, zeros=True),
    random_language(3, symbols="xyz"),
    ToyLanguage.from_table({"": {"a": 0.5, "b": "1/2"}, ("a",): {"b": 1}}, otherwise={"a": Fraction(1)}, eos="b"),
    ToyLanguage.from_table({"^": {"x": 1}}, otherwise={"x": 1}, eos=None, bos="^", separator="-"),
    ToyLanguage.bigram({"<s>": {"a": 0.5, ".": 0.5}, "a": {"a": 1}}, eos="."),
    ToyLanguage.bigram({"^": {"aa": 1}, "aa": {"aa": 1}}, eos=None, bos="^", separator="-"),
    constant_eos(Fraction(1, 3), symbols="xy"),
    constant_eos("0.2"),
    leaky_eos("a"),
]


@pytest.mark.parametrize("lm", REPRS, ids=repr)
def test_repr_makes_the_same_language(lm):
    again = eval(repr(lm), vars(toy_language))
    assert repr(again) == repr(lm)
    assert (again.symbols, again.bos, again.eos, again.separator) == (lm.symbols, lm.bos, lm.eos, lm.separator)
    for ids in lm.sequences(2):
        np.testing.assert_array_equal(again.next_log_probs([0, *ids]), lm.next_log_probs([0, *ids]))


# --- making a language -----------------------------------------------------------------------------------------------


def row_of(row, **options):
    return ToyLanguage.from_table({"": row}, eos=None, **options)


def test_exact_rows():
    thirds = row_of({"a": "1/3", "b": Fraction(1, 3), "c": Decimal("0.25"), "d": "1/12"})
    assert [thirds.cond(s, ["<s>"], exact=True) for s in "abcd"] == [Fraction(k, 12) for k in (4, 4, 3, 1)]
    tenths = row_of({"a": 0.1, "b": np.float64(0.2), "c": 0.7})
    assert tenths.cond("a", ["<s>"], exact=True) == Fraction(1, 10)  # the decimal, not the binary number next to it


def test_rows_of_floats_are_made_to_sum_to_one():
    lm = row_of(dict.fromkeys("abc", 1 / 3))
    assert lm.cond("a", ["<s>"], exact=True) == Fraction(1, 3)
    assert row_of({"a": 0.5, "b": 0.5 + 9e-13}).prefix_prob("a") == pytest.approx(0.5, rel=1e-12)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"a": 0.5, "b": 0.6}, r"after <s> sums to 1\.1"),
        ({"a": 0.5, "b": 0.5 + 2e-12}, "sums to"),
        ({"a": "1/3", "b": Fraction(1, 3)}, "sums to 2/3"),
        ({"a": Fraction(1, 2), "b": Fraction(10**15 - 1, 2 * 10**15)}, "sums to"),
        ({"a": 1.5, "b": -0.5}, "negative"),
        ({"a": math.nan}, "cannot have the probability nan"),
        ({"a": math.inf}, "cannot have the probability inf"),
        ({"a": "half"}, "cannot have the probability"),
        ({"a": None}, "cannot have the probability"),
        ({"a": 1, "<s>": 0.5}, "differ|BOS"),
        ({}, "sums to 0"),
    ],
)
def test_bad_rows(row, message):
    with pytest.raises(ValueError, match=message):
        row_of(row)
    with pytest.raises(ValueError, match=message.replace("after <s> ", "")):
        ToyLanguage.from_table({"": {"a": 0.5, "b": 0.5}}, otherwise=row, eos=None)


def test_rows_of_a_function_are_checked_when_they_are_asked_for():
    lm = ToyLanguage("ab", lambda context: {"a": 0.5, "b": 0.5} if not context else {"a": 0.5, "z": 0.5})
    assert lm.prefix_prob("a") == 0.5
    with pytest.raises(ValueError, match="row after <s> a.*'z' is not among the symbols"):
        lm.prefix_prob("aa")
    with pytest.raises(ValueError, match="gives BOS a probability"):
        ToyLanguage("a", lambda context: {"<s>": 1}).prefix_prob("a")


def test_bigram_rows():
    with pytest.raises(ValueError, match="no row for b"):
        ToyLanguage.bigram({"<s>": {"a": 1}, "a": {"b": 1}})
    with pytest.raises(ValueError, match="no row for <s>"):
        ToyLanguage.bigram({"a": {"a": 1}})
    with pytest.raises(ValueError, match="after <s> b sums to"):
        ToyLanguage.bigram({"<s>": {"a": 1}, "a": {"b": 1}, "b": {"b": 0.3}})


def test_a_context_without_a_row():
    lm = ToyLanguage.from_table({"": {"a": 1}})
    with pytest.raises(ValueError, match=r"no row for the context \('a',\).*otherwise="):
        lm.prefix_prob("aa")


@pytest.mark.parametrize("symbols", [("a", "a"), ("a", "<s>"), ("a", "</s>"), ("a", ""), (1, 2)])
def test_bad_symbols(symbols):
    with pytest.raises(ValueError, match="symbols"):
        ToyLanguage(symbols, lambda context: {})


# --- tokens ----------------------------------------------------------------------------------------------------------


@given(st.lists(st.integers(1, 3), max_size=6))
def test_encode_and_decode_are_inverse(ids):
    for lm in (random_language(0), ToyLanguage(("the", "cat", "sat"), lambda context: {})):
        assert lm.encode(lm.decode(ids)) == ids
        assert lm.decode([lm.bos, *ids, lm.eos]) == lm.decode(ids)


def test_separators():
    row = {"aa": 1}
    for lm in (
        ToyLanguage.bigram({"<s>": row, "aa": row}, eos=None, separator="-"),
        ToyLanguage.from_table({"": row}, otherwise=row, eos=None, separator="-"),
        ToyLanguage(["aa"], lambda context: row, separator="-"),
    ):
        assert lm.encode("aa-aa") == [1, 1] and lm.decode([1, 1]) == "aa-aa"
    assert the_cat_sat().decode([1, 3]) == "the cat" and toy_bigram().decode([1, 2]) == "ab"


def test_encode_gives_neither_bos_nor_eos():
    assert toy_bigram().encode("ab") == [1, 2]
    assert the_cat_sat().encode("") == the_cat_sat().encode("  ") == []


def test_tokens_are_ids_or_symbols_of_any_kind_of_sequence():
    lm = toy_bigram()
    forms = ["ab", [1, 2], (1, 2), ["a", "b"], ["a", 2], np.array([1, 2]), np.array([1, 2], np.uint8), iter([1, 2])]
    assert [lm.prefix_prob(tokens) for tokens in forms] == [0.42] * len(forms)
    torch = pytest.importorskip("torch")
    assert lm.prefix_prob(torch.tensor([1, 2])) == 0.42


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda lm: lm.next_log_probs([1]), ValueError, "begin with BOS"),
        (lambda lm: lm.next_log_probs([]), ValueError, "begin with BOS"),
        (lambda lm: lm.cond("b", "a"), ValueError, "begin with BOS"),
        (lambda lm: lm.log_prob_ids([[1, 2]]), ValueError, "begin with BOS"),
        (lambda lm: lm.conditional_log_prob_ids([([1], [2])]), ValueError, "begin with BOS"),
        (lambda lm: lm.log_prob_ids([[0, 4]]), ValueError, r"id 4 lies outside 0\.\.3"),
        (lambda lm: lm.log_prob_ids([[0, -1]]), ValueError, "id -1 lies outside"),
        (lambda lm: lm.conditional_log_prob_ids([([0], [9])]), ValueError, "id 9 lies outside"),
        (lambda lm: lm.cond(7, [0]), ValueError, "id 7 lies outside"),
        (lambda lm: lm.cond("c", [0]), ValueError, "'c' is not among the symbols"),
        (lambda lm: lm.cond(True, [0]), TypeError, "got True"),
        (lambda lm: lm.cond(1.0, [0]), TypeError, "id or a symbol"),
        (lambda lm: lm.log_prob_ids([0, 1]), TypeError, "a list of one sequence"),
        (lambda lm: lm.conditional_log_prob_ids(([0, 1, 2], [2])), TypeError, "list of pairs"),
        (lambda lm: lm.encode("abx"), ValueError, "'x' in 'abx'"),
        (lambda lm: lm.encode([1]), TypeError, "takes a text"),
        (lambda lm: lm.decode([5]), ValueError, "outside"),
        (lambda lm: lm.joint_cells(60), ValueError, "too many"),
        (lambda lm: lm.joint_table(18), ValueError, "too large"),
        (lambda lm: lm.joint_cells(-1), ValueError, "n is"),
        (lambda lm: lm.marginal_prob("ab", 1), ValueError, "does not hold"),
        (lambda lm: ToyLanguage.from_table({"": {"the": 1}}).encode("dog"), ValueError, "'dog' is not among"),
    ],
)
def test_errors_say_what_to_do(call, error, message):
    with pytest.raises(error, match=message):
        call(toy_bigram())


# --- copies, and what is handed out ----------------------------------------------------------------------------------


def test_what_is_handed_out_may_be_changed():
    lm = toy_bigram()
    lm.next_log_probs([0])[:] = 7
    lm.joint_cells(2).clear()
    assert lm.next_log_probs([0])[1] == pytest.approx(math.log(0.6))
    assert len(lm.joint_cells(2)) == 6


def test_changing_the_table_afterwards_changes_nothing():
    start, table = {"a": 0.5, "b": 0.5}, {}
    table[""] = start
    lm = ToyLanguage.from_table(table, otherwise=start, eos=None)
    bigram = ToyLanguage.bigram({"<s>": start, "a": start, "b": start}, eos=None)
    start["a"], start["b"] = 0.9, 0.1
    assert lm.prefix_prob("aa") == bigram.prefix_prob("aaa") * 2 == 0.25


def test_deepcopy():
    lm = random_language(3)
    lm.joint_cells(2)
    twin = copy.deepcopy(lm)
    assert twin.prefix_prob("abc") == lm.prefix_prob("abc") and repr(twin) == repr(lm)


# --- log_fraction, the module ----------------------------------------------------------------------------------------


@settings(max_examples=300)
@given(st.integers(1, 10**30), st.integers(1, 10**30), st.integers(0, 1000))
def test_log_fraction_against_mpmath(p, q, tens):
    fraction = Fraction(p, q) / 10**tens
    exact = mpmath.mp.clone()
    exact.dps = 60
    reference = exact.log(p) - exact.log(q) - tens * exact.log(10)
    assert abs(exact.mpf(log_fraction(fraction)) - reference) <= 5e-16 * abs(reference) + exact.mpf("1e-13") * (
        tens > 250
    )


def test_log_fraction_near_one_and_at_zero():
    tiny = Fraction(1, 10**25)
    assert log_fraction(1 - tiny) == pytest.approx(-1e-25, rel=1e-14, abs=0)
    assert log_fraction(Fraction(0)) == -math.inf and log_fraction(Fraction(1)) == 0
    with pytest.raises(ValueError):
        log_fraction(Fraction(-1, 2))


def test_examples_in_the_docstrings():
    assert doctest.testmod(toy_language).failed == 0
    assert doctest.testmod(toy_language).attempted >= 3


def test_the_imports_are_light():
    """Neither torch nor matplotlib nor scipy comes along."""
    program = "import sys, course_utils.toy_language, course_utils.log_space; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not {"torch", "transformers", "matplotlib", "scipy", "mpmath"} & set(done.stdout.split())


def test_the_product_of_position_marginals_sums_to_one_and_is_wrong():
    """Card Q21, on which a check of normalisation alone would be fooled."""
    lm = random_language(11, eos=False)
    first, second = ([lm.prob(lambda ids, i=i, k=k: ids[i] == k, 2, exact=True) for k in lm.alphabet] for i in (0, 1))
    flawed = {
        (j, k): p * q for j, p in zip(lm.alphabet, first, strict=True) for k, q in zip(lm.alphabet, second, strict=True)
    }
    joint = lm.joint_cells(2)
    assert sum(flawed.values()) == sum(joint.values()) == 1
    assert max(abs(flawed[ids] - p) for ids, p in joint.items()) > Fraction(1, 100)
