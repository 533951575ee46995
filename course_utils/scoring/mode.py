"""What holds while a model scores: no dropout, no gradients, exact products. And what threads share.

A model, and torch's own settings, belong to every thread of the process. So a call only borrows what it changes there:
calls that run at the same time share it, and the last of them puts it back as it was, also after an error.
"""

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from .routes import input_device

MATMULS = torch.backends.cuda.matmul, torch.backends.mkldnn.matmul  # pyright: ignore[reportAttributeAccessIssue]


def make_lock() -> threading.RLock:
    """A lock that is free in a forked process, where a thread that held it would no longer be there to let go."""
    lock = threading.RLock()
    if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
        os.register_at_fork(before=lock.acquire, after_in_parent=lock.release, after_in_child=lock.release)
    return lock


Holder = tuple[int, object]  # one call: its thread, and itself


@dataclass
class Loan:
    """An attribute that calls have changed: what it was before, and which of them still need it changed."""

    thing: object
    name: str
    before: object
    holders: set[Holder]


loans: dict[tuple[int, str], Loan] = {}
lending, self_test = make_lock(), make_lock()


@contextmanager
def borrowed(wanted: Iterable[tuple[object, str, object]]) -> Iterator[None]:
    """While it holds, each (thing, name, value) wanted holds: ``thing.name == value``."""
    me = threading.get_ident(), object()
    try:
        with lending:
            for thing, name, value in wanted:
                before, key = getattr(thing, name), (id(thing), name)
                if before != value or key in loans:
                    loans.setdefault(key, Loan(thing, name, before, set())).holders.add(me)
                    setattr(thing, name, value)
        yield
    finally:
        give_back(lambda holder: holder is me)


def give_back(gone: Callable[[Holder], bool]) -> None:
    """What only calls held that are gone is again as it was before them."""
    with lending:
        for key, loan in list(loans.items()):
            loan.holders = {holder for holder in loan.holders if not gone(holder)}
            if not loan.holders:
                setattr(loan.thing, loan.name, loan.before)
                del loans[key]


if hasattr(os, "register_at_fork"):  # of all threads, a forked process has only the one that forked
    os.register_at_fork(after_in_child=lambda: give_back(lambda holder: holder[0] != threading.get_ident()))


@contextmanager
def scoring_mode(model) -> Iterator[None]:
    """While it holds: no dropout, no gradients, no autocast, no rounding of float32 factors (TF32, bfloat16).

    Gradients and autocast are the thread's own. The rest is put back, each submodule's training flag too.
    """
    evaluation = [(module, "training", False) for module in model.modules()]
    exact = [(matmul, "fp32_precision", "ieee") for matmul in MATMULS]
    device = input_device(model).type
    with borrowed([*evaluation, *exact]), torch.no_grad(), torch.autocast(device, enabled=False):
        yield
