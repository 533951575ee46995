"""Runs in the kernel's process, before it is a kernel: its text is handed to the interpreter.

Nothing of the course can be imported there but what students may see.
"""

import os
import sys

# An editable install would find, behind the students' copy of the package, the whole package again.
sys.meta_path[:] = [finder for finder in sys.meta_path if "__editable__" not in getattr(finder, "__module__", "")]
# ipykernel would import it, which takes a fifth of a kernel's start; it does without.
sys.modules.setdefault("debugpy", None)  # pyright: ignore[reportArgumentType]


def confine(rules):
    """Puts on, for good, what binds this process and all that it starts.

    rules: {"limits": {RLIMIT_...: value}, "uid": int or null, "filter": of system calls, in hexadecimal digits}.
    """
    for name, value in rules["limits"].items():
        limit(name, value)
    if rules["uid"] is not None:
        os.setgroups([])
        os.setresgid(rules["uid"], rules["uid"], rules["uid"])
        os.setresuid(rules["uid"], rules["uid"], rules["uid"])
    if rules["filter"]:
        filter_system_calls(bytes.fromhex(rules["filter"]))


def limit(name, value):
    """One of the system's limits; not every system has every one."""
    import resource

    try:
        kind = getattr(resource, name)
        hard = resource.getrlimit(kind)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (value, value))
    except (AttributeError, ValueError, OSError):
        pass


def filter_system_calls(code):
    import ctypes

    class Program(ctypes.Structure):
        _fields_ = [("length", ctypes.c_ushort), ("code", ctypes.c_char_p)]

    prctl = ctypes.CDLL(None, use_errno=True).prctl
    prctl(38, 1, 0, 0, 0)  # PR_SET_NO_NEW_PRIVS
    if prctl(22, 2, ctypes.byref(Program(len(code) // 8, code)), 0, 0):  # PR_SET_SECCOMP, SECCOMP_MODE_FILTER
        sys.exit("the filter on system calls does not work here: " + os.strerror(ctypes.get_errno()))


def be_kernel():
    """Sockets that this process was handed are those at which the kernel listens."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(1, 9)  # PR_SET_PDEATHSIG, SIGKILL: no kernel outlives its grader
    import socket

    import zmq

    handed = {}
    for number in map(int, os.listdir("/proc/self/fd") if sys.platform == "linux" else []):
        try:
            with socket.socket(fileno=os.dup(number)) as one:
                handed["ipc://" + one.getsockname()] = number
        except (OSError, TypeError):
            pass
    bind = zmq.Socket.bind

    def bind_handed(self, address):
        if address in handed:
            self.setsockopt(zmq.USE_FD, handed[address])
        return bind(self, address)

    zmq.Socket.bind = bind_handed  # pyright: ignore[reportAttributeAccessIssue]
    # The folder that it starts in is on its path, where Jupyter has it: what a cell wrote there can be imported.
    packages = ("site-packages", "dist-packages")
    sys.path.insert(next((i for i, path in enumerate(sys.path) if path.endswith(packages)), len(sys.path)), "")
    from ipykernel.kernelapp import launch_new_instance
    from ipykernel.zmqshell import ZMQInteractiveShell

    ZMQInteractiveShell.system = ZMQInteractiveShell.system_raw  # `!ls` without a pseudo-terminal: there are none
    launch_new_instance()
