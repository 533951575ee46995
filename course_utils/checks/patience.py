"""An end to an answer that comes to none."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Callable, Iterator

SECONDS = 30.0  # of the processor: three times what the grader gives an answer
BY_THE_CLOCK = 4  # times as many, for an answer that only waits
LOOK = 0.5  # seconds between two looks at the time


class TookTooLong(BaseException):
    """The time is over. No Exception, so that nothing that an answer catches, and no probe, takes it for its own."""


@contextlib.contextmanager
def stopped_in_time(seconds: float) -> Iterator[None]:
    """Raises TookTooLong inside after so many seconds of the processor, and again until it is obeyed.

    By a signal where there are timers and this is the main thread, which also ends a `sleep`; elsewhere by a thread
    that watches, which is obeyed at the next line of Python.
    """
    begun, last = time.process_time(), time.monotonic() + BY_THE_CLOCK * seconds

    def is_over() -> bool:
        return time.process_time() - begun > seconds or time.monotonic() > last

    timers = hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread()
    with _alarm(is_over) if timers else _watchdog(is_over):
        yield


@contextlib.contextmanager
def _alarm(is_over: Callable[[], bool]) -> Iterator[None]:
    def ring(*_: object) -> None:
        if is_over():
            raise TookTooLong

    handler = signal.signal(signal.SIGALRM, ring)
    timer = signal.setitimer(signal.ITIMER_REAL, LOOK, LOOK)
    try:
        yield
    finally:
        signal.signal(signal.SIGALRM, signal.SIG_IGN)
        signal.setitimer(signal.ITIMER_REAL, *timer)
        signal.signal(signal.SIGALRM, handler)


@contextlib.contextmanager
def _watchdog(is_over: Callable[[], bool]) -> Iterator[None]:
    import ctypes

    raise_in = ctypes.pythonapi.PyThreadState_SetAsyncExc
    watched, done = ctypes.c_ulong(threading.get_ident()), threading.Event()

    def watch() -> None:
        while not done.wait(LOOK):
            if is_over():
                raise_in(watched, ctypes.py_object(TookTooLong))

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()
        raise_in(watched, None)  # what has not arrived yet
