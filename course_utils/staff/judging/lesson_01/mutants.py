"""Wrong answers to lesson 01 that its judge has to name, and unusual right ones that it has to accept."""

from __future__ import annotations

import math
from fractions import Fraction

import matplotlib.pyplot as plt
import numpy as np

from course_utils.staff.judging.mutants import Mutants

MUTANTS = Mutants()
wrong, right = MUTANTS.wrong, MUTANTS.right
wrong_value, right_value = MUTANTS.wrong_value, MUTANTS.right_value

# --- E01.1 ----------------------------------------------------------------------------------------------------------

wrong_value("E01.1", 0.1 + 0.5 + 0.8, "sum_for_product")
wrong_value("E01.1", 0.5 * 0.8, "first_token_dropped")
wrong_value("E01.1", (0.1 + 0.5 + 0.8) / 3, "mean_for_product")
wrong_value("E01.1", 0.1, "smallest_factor")
wrong_value("E01.1", 0.8, "last_only")
wrong_value("E01.1", 0.1 * 0.5, "last_token_dropped")
wrong_value("E01.1", 4.0, "percent", "that is a percentage; return the probability itself, a number between 0 and 1")
wrong_value("E01.1", math.log(0.04), "log_for_probability")
right_value("E01.1", 0.1 * 0.5 * 0.8, "0.04000000000000001, the product in floating point")
right_value("E01.1", Fraction(1, 25), "an exact fraction")
right_value("E01.1", np.float64(0.04), "a numpy scalar")
right_value("E01.1", np.float32(0.04), "single precision")
right_value("E01.1", np.array([0.04]), "an array of one element")

# --- E01.2 ----------------------------------------------------------------------------------------------------------


@wrong("E01.2", "sum_for_product")
def joint_prob_sum_for_product(conds):
    return sum(conds)


@wrong("E01.2", "mean_for_product")
def joint_prob_mean_for_product(conds):
    return sum(conds) / len(conds) if conds else 1.0


@wrong("E01.2", "last_only")
def joint_prob_last_only(conds):
    return conds[-1] if conds else 1.0


@wrong("E01.2", "first_token_dropped")
def joint_prob_first_token_dropped(conds):
    return math.prod(conds[1:])


@wrong("E01.2", "last_token_dropped")
def joint_prob_last_token_dropped(conds):
    return math.prod(conds[:-1])


@wrong("E01.2", "empty_product_zero")
def joint_prob_empty_product_zero(conds):
    return math.prod(conds) if conds else 0.0


@wrong("E01.2", "zero_dropped")
def joint_prob_zero_dropped(conds):
    return math.prod(c for c in conds if c > 0)


@wrong("E01.2", "smallest_factor")
def joint_prob_smallest_factor(conds):
    return min(conds, default=1.0)


@wrong("E01.2", "log_for_probability")
def joint_prob_log_for_probability(conds):
    return sum(math.log(c) if c else -math.inf for c in conds)


@wrong("E01.2", "logarithm_of_zero")
def joint_prob_logarithm_of_zero(conds):
    return math.exp(sum(math.log(c) for c in conds))


@right("E01.2", "a loop")
def joint_prob_a_loop(conds):
    product = 1.0
    for factor in conds:
        product = product * factor
    return product


@right("E01.2", "math.prod")
def joint_prob_math_prod(conds):
    return math.prod(conds)


@right("E01.2", "numpy")
def joint_prob_numpy(conds):
    return np.prod(np.array(conds))


@right("E01.2", "exp of the sum of logs, with zero handled")
def joint_prob_exp_of_the_sum_of_logs(conds):
    with np.errstate(divide="ignore"):
        return np.exp(np.log(np.array(conds, dtype=float)).sum())


@right("E01.2", "recursion over fractions")
def joint_prob_recursion_over_fractions(conds):
    return Fraction(conds[0]) * joint_prob_of_rest(conds[1:]) if conds else Fraction(1)


def joint_prob_of_rest(conds):
    return math.prod(map(Fraction, conds), start=Fraction(1))


@right("E01.2", "a torch tensor with gradient")
def joint_prob_a_torch_tensor_with_gradient(conds):
    import torch

    return torch.tensor(conds, dtype=torch.float64, requires_grad=True).prod()


# --- E01.3 ----------------------------------------------------------------------------------------------------------


def _rest(joint, prefix):
    return tuple(range(len(prefix) + 1, joint.ndim))


@wrong("E01.3", "slice_not_renormalised")
def conditional_slice_not_renormalised(joint, prefix):
    return joint.sum(axis=_rest(joint, prefix))[prefix]


@wrong("E01.3", "prefix_ignored")
def conditional_prefix_ignored(joint, prefix):
    others = tuple(axis for axis in range(joint.ndim) if axis != len(prefix))
    return joint.sum(axis=others)


@wrong(
    "E01.3", "wrong_normaliser", "the probabilities that came back do not add up to 1: divide by the mass of the prefix"
)
def conditional_wrong_normaliser(joint, prefix):
    mass = joint.sum(axis=_rest(joint, prefix))
    return mass[prefix] / mass.max()


@wrong("E01.3", "last_axis")
def conditional_last_axis(joint, prefix):
    cells = joint[prefix]
    marginal = cells.sum(axis=tuple(range(cells.ndim - 1)))
    return marginal / marginal.sum()


@wrong(
    "E01.3",
    "slice_is_joint_of_rest",
    "an array with more than one axis came back: sum over everything after the next symbol",
)
def conditional_slice_is_joint_of_rest(joint, prefix):
    return joint[prefix] / joint[prefix].sum()


@wrong("E01.3", "first_continuation_only")
def conditional_first_continuation_only(joint, prefix):
    cells = joint[prefix]
    while cells.ndim > 1:
        cells = cells[..., 0]
    return cells / cells.sum() if cells.sum() else cells


@right("E01.3", "einsum")
def conditional_einsum(joint, prefix):
    cells = joint[prefix]
    letters = "abcdefgh"[: cells.ndim]
    mass = np.einsum(f"{letters}->a", cells)
    return mass / mass.sum()


@right("E01.3", "loops over lists")
def conditional_loops_over_lists(joint, prefix):
    cells = joint
    for symbol in prefix:
        cells = cells[symbol]
    mass = [float(np.sum(cells[symbol])) for symbol in range(len(cells))]
    return [m / sum(mass) for m in mass]


@right("E01.3", "np.apply_over_axes")
def conditional_np_apply_over_axes(joint, prefix):
    cells = joint[prefix]
    mass = np.apply_over_axes(np.sum, cells, range(1, cells.ndim)).ravel() if cells.ndim > 1 else cells
    return tuple(mass / mass.sum())


@right("E01.3", "reshape to two axes")
def conditional_reshape_to_two_axes(joint, prefix):
    mass = joint[prefix].reshape(joint.shape[len(prefix)], -1).sum(1)
    return mass / mass.sum()


# --- E01.4: A and D are identities ----------------------------------------------------------------------------------


def _labels(*true):
    return {letter: letter in true for letter in "ABCDEF"}


wrong_value("E01.4", _labels("A"), "order_must_be_left_to_right")
wrong_value("E01.4", "A", "order_must_be_left_to_right")
wrong_value("E01.4", [1, 0, 1, 1, 0, 0], "markov_is_exact")
wrong_value("E01.4", _labels("A", "C", "D"), "markov_is_exact")
wrong_value("E01.4", _labels("A", "C"), "markov_is_exact")
wrong_value("E01.4", _labels("A", "C", "D", "F"), "markov_is_exact")
wrong_value("E01.4", _labels("A", "D", "F"), "markov_is_exact")
wrong_value("E01.4", _labels("A", "B", "D"), "independence_is_exact")
wrong_value("E01.4", _labels("A", "D", "E"), "sum_is_exact")
wrong_value("E01.4", _labels(), "nothing_is_exact")
right_value("E01.4", [True, False, False, True, False, False], "a list in order")
right_value("E01.4", ("yes", "no", "no", "yes", "no", "no"), "words")
right_value("E01.4", [1, 0, 0, 1, 0, 0], "zeros and ones")
right_value("E01.4", np.array([1, 0, 0, 1, 0, 0], dtype=bool), "a boolean array")
right_value("E01.4", {"A", "D"}, "the set of those that hold")
right_value("E01.4", "A, D", "a string of letters")
right_value("E01.4", {"a": True, "b": False, "c": False, "d": True, "e": False, "f": False}, "small letters")

# --- E01.5 ----------------------------------------------------------------------------------------------------------

XOR = [[[0.25, 0], [0, 0.25]], [[0, 0.25], [0.25, 0]]]
_first, _step = np.array([0.3, 0.7]), np.array([[0.2, 0.8], [0.6, 0.4]])
wrong_value("E01.5", np.einsum("a,b,c->abc", _first, [0.1, 0.9], [0.5, 0.5]), "table_is_independent")
wrong_value("E01.5", np.full((2, 2, 2), 1 / 8), "table_is_independent")
wrong_value("E01.5", np.einsum("a,ab,bc->abc", _first, _step, _step), "table_is_markov")
wrong_value("E01.5", (4 * np.array(XOR)).tolist(), "not_normalised")
wrong_value("E01.5", np.eye(8)[0].reshape(2, 2, 2), "table_is_certain")
wrong_value(
    "E01.5", np.array(XOR).ravel(), "wrong_shape", "an array of shape (8,) came back; the task asks for a 2x2x2 table"
)
right_value("E01.5", XOR, "exclusive or, as nested lists")
right_value("E01.5", np.array(XOR), "exclusive or, as an array")
right_value(
    "E01.5", [[[Fraction(1, 4), 0], [0, Fraction(1, 4)]], [[0, Fraction(1, 4)], [Fraction(1, 4), 0]]], "fractions"
)
right_value("E01.5", np.arange(1, 9).reshape(2, 2, 2) ** 2 / 204, "nothing special about it")
right_value("E01.5", [[[0.5, 0], [0, 0]], [[0, 0.5], [0, 0]]], "the third repeats the first; the second is constant")

# --- E01.6 ----------------------------------------------------------------------------------------------------------

wrong_value("E01.6", (0.42, 0.42), "order_is_symmetric")
wrong_value("E01.6", (0.7, 0.5), "first_factor_missing")
wrong_value("E01.6", (0.2, 0.42), "swapped")
wrong_value("E01.6", (0.126, 0.04), "complete_for_prefix")
wrong_value(
    "E01.6",
    (0.24, 0.24),
    "independence_is_exact",
    "that multiplies Pr(a) by Pr(b); the second symbol depends on the first",
)
right_value("E01.6", [0.42, 0.2], "a list")
right_value("E01.6", np.array([0.6 * 0.7, 0.4 * 0.5]), "an array")
right_value("E01.6", (Fraction(21, 50), Fraction(1, 5)), "fractions")
right_value("E01.6", {"ab": 0.42, "ba": 0.2}, "a dict")

# --- E01.7 ----------------------------------------------------------------------------------------------------------


@wrong("E01.7", "unnormalised_bars")
def plot_leaves_unnormalised_bars(leaves):
    _, ax = plt.subplots()
    ax.bar(list(leaves), [100 * p for p in leaves.values()])
    return ax


@wrong("E01.7", "zero_leaves_missing")
def plot_leaves_zero_leaves_missing(leaves):
    _, ax = plt.subplots()
    possible = {leaf: p for leaf, p in leaves.items() if p > 0}
    ax.bar(list(possible), list(possible.values()))
    return ax


@wrong(
    "E01.7",
    "sorted_apart",
    "the bars have the right heights at the wrong names: sort strings and probabilities together",
)
def plot_leaves_sorted_apart(leaves):
    _, ax = plt.subplots()
    ax.bar(list(leaves), sorted(leaves.values()))
    return ax


@wrong("E01.7", "labels_missing")
def plot_leaves_labels_missing(leaves):
    _, ax = plt.subplots()
    ax.bar(range(len(leaves)), list(leaves.values()))
    return ax


@wrong("E01.7", "lines_for_bars", "there are no bars on the Axes: use ax.bar or ax.barh")
def plot_leaves_lines_for_bars(leaves):
    _, ax = plt.subplots()
    ax.plot(list(leaves), list(leaves.values()))
    return ax


@wrong("E01.7", "nothing_returned", "nothing came back: end with return ax")
def plot_leaves_nothing_returned(leaves):
    _, ax = plt.subplots()
    ax.bar(list(leaves), list(leaves.values()))


@right("E01.7", "horizontal, sorted by probability, in colours")
def plot_leaves_horizontal_sorted_by_probability(leaves):
    order = sorted(leaves, key=leaves.get)
    _, ax = plt.subplots()
    ax.barh(order, [leaves[leaf] for leaf in order], color=["tab:red", "tab:blue"] * (len(order) // 2))
    return ax


@right("E01.7", "pyplot, and the current Axes")
def plot_leaves_pyplot_and_the_current_axes(leaves):
    plt.figure(figsize=(8, 2))
    plt.bar(leaves.keys(), leaves.values(), width=0.4)
    plt.xticks(rotation=90)
    return plt.gca()


@right("E01.7", "numbers on the axis, strings as tick labels")
def plot_leaves_numbers_on_the_axis_strings(leaves):
    _, ax = plt.subplots()
    ax.bar(np.arange(len(leaves)), list(leaves.values()))
    ax.set_xticks(np.arange(len(leaves)), list(leaves))
    ax.set_title("leaves")
    return ax


@right("E01.7", "one call of bar for each leaf; the figure comes back")
def plot_leaves_one_call_of_bar_for_each_leaf(leaves):
    fig, ax = plt.subplots()
    for leaf, probability in leaves.items():
        ax.bar(leaf, probability)
    return fig


# --- 01.a, within the lecture ---------------------------------------------------------------------------------------


@wrong("01.a", "one_step_too_few", "one factor is missing: the first k factors are factors[:k]")
def left_after_one_too_few(factors, k):
    return math.prod(factors[: max(k - 1, 0)])


@wrong("01.a", "complete_for_prefix", "that is the product of all factors: stop after the first k of them")
def left_after_all(factors, k):
    return math.prod(factors)


@wrong("01.a", "sum_for_product")
def left_after_sum(factors, k):
    return sum(factors[:k])


@wrong("01.a", "last_only")
def left_after_last(factors, k):
    return factors[k - 1] if k else 1.0


@wrong("01.a", "first_token_dropped", "that leaves out the first k factors; they are the ones to multiply")
def left_after_rest(factors, k):
    return math.prod(factors[k:])


@right("01.a", "a loop")
def left_after_loop(factors, k):
    left = 1.0
    for factor in factors[:k]:
        left *= factor
    return left


# --- 01.b -----------------------------------------------------------------------------------------------------------


@wrong("01.b", "quotient_upside_down", "that is the ratio the other way round: the first model goes above the line")
def ratio_upside_down(p, q):
    return math.prod(q) / math.prod(p)


@wrong("01.b", "sum_for_product")
def ratio_of_sums(p, q):
    return sum(p) / sum(q)


@wrong("01.b", "last_only")
def ratio_of_last(p, q):
    return p[-1] / q[-1]


@wrong("01.b", "logs_subtracted", "that is a difference; how many times as probable is a quotient")
def ratio_difference(p, q):
    return math.prod(p) - math.prod(q)


@right("01.b", "step by step, through logarithms")
def ratio_by_logs(p, q):
    return np.exp(np.log(p).sum() - np.log(q).sum())


# --- 01.c -----------------------------------------------------------------------------------------------------------


@wrong("01.c", "branches_added")
def count_leaves_added(symbols, length):
    return symbols * length


@wrong("01.c", "base_and_exponent_swapped")
def count_leaves_swapped(symbols, length):
    return length**symbols


@wrong("01.c", "inner_nodes_counted")
def count_leaves_and_nodes(symbols, length):
    return sum(symbols**n for n in range(1, length + 1))


@right("01.c", "by listing them")
def count_leaves_listed(symbols, length):
    return np.ones([symbols] * min(length, 5)).size * symbols ** max(length - 5, 0)


# --- 01.d -----------------------------------------------------------------------------------------------------------


@wrong("01.d", "slice_not_renormalised")
def first_given_second_not_renormalised(pairs, second):
    return pairs[:, second]


@wrong("01.d", "prefix_ignored", "that is Pr(first), as if nothing were known of the second symbol")
def first_given_second_ignored(pairs, second):
    return pairs.sum(axis=1)


@wrong("01.d", "wrong_normaliser", "each row was divided by its sum: that is Pr(second | first), the other question")
def first_given_second_other_way(pairs, second):
    return pairs[:, second] / pairs.sum(axis=1)


@right("01.d", "by Bayes' rule")
def first_given_second_bayes(pairs, second):
    prior = pairs.sum(axis=1)
    likelihood = pairs[:, second] / prior
    return prior * likelihood / (prior @ likelihood)


# --- 01.e -----------------------------------------------------------------------------------------------------------


@wrong("01.e", "gap_of_sums")
def largest_gap_of_sums(theirs, ours):
    return abs(sum(theirs.values()) - sum(ours.values()))


@wrong("01.e", "gap_with_sign")
def largest_gap_signed(theirs, ours):
    return max(theirs[s] - ours[s] for s in ours)


@wrong("01.e", "mean_for_product", "that is the mean gap; one wrong string among many right ones should show")
def largest_gap_mean(theirs, ours):
    return sum(abs(theirs[s] - ours[s]) for s in ours) / len(ours)


@right("01.e", "numpy")
def largest_gap_numpy(theirs, ours):
    return np.abs(np.array([theirs[s] for s in ours]) - np.array(list(ours.values()))).max()


# --- 01.f -----------------------------------------------------------------------------------------------------------


@wrong("01.f", "eos_not_scored", "that is the probability that a string starts so: this one has to end, too")
def exactly_without_end(after, string):
    path = ["⟨s⟩", *string]
    return math.prod(after[a][b] for a, b in zip(path, path[1:], strict=False))


@wrong("01.f", "first_factor_missing")
def exactly_without_start(after, string):
    path = [*string, "end"]
    return math.prod(after[a][b] for a, b in zip(path, path[1:], strict=False))


@wrong("01.f", "sum_for_product")
def exactly_added(after, string):
    path = ["⟨s⟩", *string, "end"]
    return sum(after[a][b] for a, b in zip(path, path[1:], strict=False))


@right("01.f", "a recursion")
def exactly_recursive(after, string, state="⟨s⟩"):
    rest = after[state].get(string[0] if string else "end", 0)
    return rest * (exactly_recursive(after, string[1:], string[0]) if string else 1)


# --- automatic mutants that are no mistakes -------------------------------------------------------------------------

MUTANTS.equivalent = {}
