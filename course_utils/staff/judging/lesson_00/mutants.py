"""Wrong answers to the questions within lecture 00, and unusual right ones."""

from __future__ import annotations

import math

import numpy as np

from course_utils.staff.judging.mutants import Mutants

MUTANTS = Mutants()
wrong, right = MUTANTS.wrong, MUTANTS.right

# --- 00.a -----------------------------------------------------------------------------------------------------------


def _sum_of_logs(probabilities):
    return math.fsum(map(math.log, probabilities))


MUTANTS.common("00.a", _sum_of_logs, "bits_for_nats", "log10_for_ln", "surprisal_for_log_prob", "nothing_returned")
MUTANTS.common("00.a", _sum_of_logs, "mean_of_logs", count=len)


@wrong("00.a", "log_of_underflowed_product")
def log_score_of_the_product(probabilities):
    product = math.prod(probabilities)
    return math.log(product) if product else -math.inf


@wrong("00.a", "log_of_sum")
def log_score_of_the_sum(probabilities):
    return math.log(sum(probabilities))


@right("00.a", "numpy")
def log_score_numpy(probabilities):
    return np.log(probabilities).sum()


# --- 00.b -----------------------------------------------------------------------------------------------------------


@wrong("00.b", "token_in_its_own_context")
def context_of_with_itself(x, y, i):
    return x + y[:i]


@wrong("00.b", "x_not_in_context")
def context_of_without_x(x, y, i):
    return y[: i - 1]


@wrong("00.b", "context_is_everything")
def context_of_everything(x, y, i):
    return x + y


@right("00.b", "a loop, and a tuple")
def context_of_loop(x, y, i):
    return (*x, *(token for place, token in enumerate(y, 1) if place < i))
