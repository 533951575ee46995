"""The filter on system calls, run instruction by instruction as the kernel of Linux runs it; then one real call."""

import platform
import struct
import subprocess
import sys

import pytest

from course_utils.staff.grading.sandbox import isolation, system_calls
from course_utils.staff.grading.sandbox.isolation import INSIDE, Unavailable, find_sandbox
from course_utils.staff.grading.sandbox.system_calls import filter_program

# What the kernel's headers call them. By machine: its number (AUDIT_ARCH_...), and those of some calls.
ALLOWED, NO_CALL, FORBIDDEN, NO_FAMILY = "allowed", "ENOSYS", "EPERM", "EAFNOSUPPORT"
RESULTS = {0x7FFF0000: ALLOWED, 0x00050000 | 38: NO_CALL, 0x00050000 | 1: FORBIDDEN, 0x00050000 | 97: NO_FAMILY}
ARCHITECTURE = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7, "i386": 0x40000003, "arm": 0x40000028}
NUMBERS = {
    "x86_64": {"read": 0, "socket": 41, "socketpair": 53, "setsockopt": 54, "clone": 56, "ptrace": 101, "mount": 165,
               "memfd_create": 319, "unshare": 272, "clone3": 435, "io_uring_setup": 425, "bpf": 321, "execve": 59,
               "fcntl": 72, "flock": 73, "io_setup": 206, "mq_open": 240, "inotify_init1": 294, "mincore": 27},
    "aarch64": {"read": 63, "socket": 198, "socketpair": 199, "setsockopt": 208, "clone": 220, "ptrace": 117,
                "mount": 40, "memfd_create": 279, "unshare": 97, "clone3": 435, "io_uring_setup": 425, "bpf": 280,
                "execve": 221, "fcntl": 25, "flock": 32, "io_setup": 0, "mq_open": 180, "inotify_init1": 26,
                "mincore": 232},
}  # fmt: skip
X32 = 0x40000000
THREAD, NEW_USER, NEW_NET = 0x003D0F00, 0x10000000, 0x40000000  # flags of clone


def run(program: bytes, architecture: int, number: int, *arguments: int) -> str:
    """What the filter says to a call: the machine of seccomp(2), as far as the program uses it."""
    seen = struct.pack("=IIQ6Q", number, architecture, 0, *arguments, *[0] * (6 - len(arguments)))
    code = list(struct.iter_unpack("=HBBI", program))
    at = held = 0
    while True:
        operation, if_true, if_false, k = code[at]
        at += 1
        match operation:
            case 0x20:
                (held,) = struct.unpack_from("=I", seen, k)
            case 0x06:
                return RESULTS[k]
            case 0x15 | 0x35 | 0x45:
                holds = {0x15: held == k, 0x35: held >= k, 0x45: bool(held & k)}[operation]
                at += if_true if holds else if_false
            case _:
                raise ValueError(f"{operation:#x} is no instruction of this machine")


CALLS = [
    ("read", (), ALLOWED),
    ("execve", (), ALLOWED),
    *((name, (), NO_CALL) for name in ("mount", "unshare", "ptrace", "memfd_create")),
    *((name, (), NO_CALL) for name in ("clone3", "io_uring_setup", "bpf")),
    *((name, (), NO_CALL) for name in ("flock", "io_setup", "mq_open", "inotify_init1", "mincore")),
    *(("fcntl", (3, command), ALLOWED) for command in (0, 1, 2, 3, 4, 6, 7, 37, 38, 1025, 1030, 1032)),
    # F_GETLK, F_OFD_GETLK, F_SETLEASE, F_NOTIFY, F_SETPIPE_SZ
    *(("fcntl", (3, command), FORBIDDEN) for command in (5, 36, 1024, 1026, 1031)),
    ("clone", (THREAD,), ALLOWED),
    ("clone", (THREAD | NEW_USER,), FORBIDDEN),
    ("clone", (NEW_NET,), FORBIDDEN),
    ("socket", (1, 1, 0), ALLOWED),  # AF_UNIX
    ("socketpair", (1, 1, 0), ALLOWED),
    ("socket", (2, 1, 0), NO_FAMILY),  # AF_INET
    ("socketpair", (2, 1, 0), NO_FAMILY),
    ("socket", (40, 1, 0), NO_FAMILY),  # AF_VSOCK: the host
    ("socket", (16, 3, 0), ALLOWED),  # AF_NETLINK, which lists interfaces
    ("socket", (16, 3, 9), NO_FAMILY),
    ("setsockopt", (3, 1, 7), FORBIDDEN),  # SOL_SOCKET, SO_SNDBUF
    ("setsockopt", (3, 1, 8), FORBIDDEN),
    ("setsockopt", (3, 1, 6), ALLOWED),
    ("setsockopt", (3, 1, 9), ALLOWED),
    ("setsockopt", (3, 6, 7), ALLOWED),
]


@pytest.mark.parametrize("machine", NUMBERS)
def test_what_is_refused(machine):
    program = filter_program(machine)
    for name, arguments, want in CALLS:
        assert run(program, ARCHITECTURE[machine], NUMBERS[machine][name], *arguments) == want, (name, arguments)


@pytest.mark.parametrize("machine", NUMBERS)
def test_a_second_architecture_is_refused_altogether(machine):
    """By its numbers another call is meant: 40 is sendfile on x86_64, mount on aarch64, and mkdir for 32 bits."""
    program = filter_program(machine)
    for other in ARCHITECTURE.keys() - {machine}:
        assert {run(program, ARCHITECTURE[other], number, 1) for number in range(480)} == {NO_CALL}
    assert {run(program, ARCHITECTURE[machine], X32 | number, 1) for number in range(600)} == {NO_CALL}


INT_80 = f"""
import ctypes, mmap, os
{(INSIDE / "launcher.py").read_text(encoding="utf-8")}
page = mmap.mmap(-1, 4096, prot=7)
page.write(bytes.fromhex("b814000000cd80c3"))  # mov eax, 20 (getpid of i386); int 0x80; ret
getpid = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))
before = getpid() == os.getpid()
filter_system_calls(bytes.fromhex({filter_program("x86_64").hex()!r}))
print(before, getpid())
"""


@pytest.mark.skipif((sys.platform, platform.machine()) != ("linux", "x86_64"), reason="in the machine's own words")
def test_a_32_bit_call_on_a_64_bit_machine():
    done = subprocess.run([sys.executable, "-c", INT_80], capture_output=True, text=True, timeout=60, check=False)
    if done.stdout.startswith("False") or done.returncode == -11:
        pytest.skip("this system knows no 32-bit calls")
    assert done.stdout.split() == ["True", "-38"], done.stderr


def test_on_an_unknown_processor_there_is_no_sandbox(monkeypatch, tmp_path):
    monkeypatch.setattr(isolation.sys, "platform", "linux")
    for machine in ("riscv64", "i686", "", "X86_64"):
        monkeypatch.setattr(system_calls.platform, "machine", lambda name=machine: name)
        with pytest.raises(Unavailable, match=rf"no filter .* {machine}.*: grade on a machine with x86_64 or aarch64$"):
            find_sandbox(tmp_path)
        with pytest.raises(Unavailable):
            isolation.Bubblewrap().rules(isolation.Limits())
