"""What every score is held against: float64, one sequence, the full log-softmax, tokens found by hand."""

import math

from . import families


def nats(ids, first: int, family: str = "gpt2") -> float:
    """log Pr(ids[first:] | ids[:first]) by definition."""
    return math.fsum(families.reference(families.exact(family), list(ids))[first - 1 :].tolist())


def joined(tokenizer, x: str, y: str, *, lead=()) -> tuple[list[int], int]:
    """(ids of the joint text after ``lead``, how many of them y is conditioned on): longest common prefix, by hand."""
    joint = [*lead, *tokenizer(x + y, add_special_tokens=False).input_ids]
    alone = [*lead, *tokenizer(x, add_special_tokens=False).input_ids] if x else [*lead]
    n = 0
    while n < min(len(joint), len(alone)) and joint[n] == alone[n]:
        n += 1
    return joint, n


def conditional(tokenizer, x: str, y: str, *, lead=(), family: str = "gpt2") -> float:
    """log Pr(y | x), y being what the joint text has after the ids that it shares with x."""
    joint, n = joined(tokenizer, x, y, lead=lead)
    return nats(joint, n, family)
