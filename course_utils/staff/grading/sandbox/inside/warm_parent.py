"""Runs in the sandbox of a warm parent (see `warm`): its text is handed to the interpreter, after that of `launcher`.

The parent never sees a submission. What a kernel is to be is written on a socket that only the forked process reads.
"""

import ctypes
import fcntl
import gc
import json
import os
import signal
import socket
import stat
import struct
import sys

LIBC = ctypes.CDLL(None, use_errno=True)
# Namespaces: of mounts, control groups, host name, System V objects, processes (those to come), network; of users.
APART = 0x20000 | 0x2000000 | 0x4000000 | 0x8000000 | 0x20000000 | 0x40000000
USERS = 0x10000000
LANGUAGE_MODEL = "course_utils.language_model"
READ_ONLY, NOSUID, NODEV, NOEXEC, REMOUNT, BIND, WITH_ALL_BELOW, PRIVATE = 1, 2, 4, 8, 0x20, 0x1000, 0x4000, 0x40000


def serve(about, confine, be_kernel):
    """Forks a kernel for each order that comes: a byte, and with it sockets, of which the first says what it is to be.

    about: {"imports": modules to import first, "orders": number of the socket on which orders come}. confine,
    be_kernel: of `launcher`.
    """
    orders = socket.socket(fileno=about["orders"])
    for name in ("ipykernel.kernelapp", "ipykernel.ipkernel", *about["imports"]):
        try:
            __import__(name)
            if name == LANGUAGE_MODEL:  # it imports what it needs when first called
                sys.modules[name].load_language_model()
        except Exception:  # then it is not done ahead, and whoever needs it is told
            pass
    gc.collect()
    gc.freeze()  # what is here now stays as it is, so that all forks share it
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # forks that end are waited for by nobody
    while True:
        byte, numbers, _, _ = socket.recv_fds(orders, 1, 16)
        if not byte:
            os._exit(0)
        if os.fork() == 0:
            orders.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            become(socket.socket(fileno=numbers[0]), confine, be_kernel)
        for number in numbers:
            os.close(number)


def become(talk, confine, be_kernel):
    """The forked process; it does not return. On `talk` it says "+" when it is apart from everything, else why not.

    What comes on `talk`: {"user_namespace": whether it needs one of its own (root does not), "writable": folders,
    "size": bytes of each, "home", "rules" (see `launcher.confine`), "connection": what is in its connection
    file, "file": where that goes, "arguments": the kernel's own}.
    """
    try:
        order = json.loads(talk.makefile("rb").readline())
        leave(order["user_namespace"])
        if os.fork():
            os._exit(0)
        settle(order)
        if order["user_namespace"]:  # and no further one in it
            write("/proc/sys/user/max_user_namespaces", "0")
        mount("none", "/proc", "", REMOUNT | BIND | READ_ONLY | NOSUID | NODEV | NOEXEC)
        keep_no_privilege(lambda: confine(order["rules"]))
        kernel = os.fork()
        if kernel:
            watch_over(kernel, talk)
        talk.close()
        seed_anew()
        sys.argv[1:] = order["arguments"]
        be_kernel()
    except BaseException as error:
        talk.sendall(f"{type(error).__name__}: {error}".encode())
    finally:
        os._exit(1)


def watch_over(kernel, talk):
    """The first process of its namespace: when it ends, all others end. It waits for the kernel, and for orphans."""
    LIBC.prctl(4, 0, 0, 0, 0)  # PR_SET_DUMPABLE: nobody looks into this process
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    talk.sendall(b"+")  # the number of this process goes with it
    while os.wait()[0] != kernel:
        pass
    os._exit(0)


def leave(user_namespace):
    """Into new namespaces. In one of users an ordinary user may do what follows; root needs none."""
    uid, gid = os.getuid(), os.getgid()
    call("unshare", APART | (USERS if user_namespace else 0))
    if user_namespace:
        for name, line in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
            write(f"/proc/self/{name}", line)


def settle(order):
    """Fresh file systems, a network of its own, and the file that the kernel reads."""
    mount("none", "/", "", WITH_ALL_BELOW | PRIVATE)
    mount("proc", "/proc", "proc", NOSUID | NODEV | NOEXEC)
    for folder in order["writable"]:
        freshen(folder, order["size"])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:  # the machine itself, as bubblewrap has it
        fcntl.ioctl(any_socket, 0x8914, struct.pack("16sh22x", b"lo", 1))  # SIOCSIFFLAGS, IFF_UP
    write(order["file"], json.dumps(order["connection"]))
    os.chdir(order["home"])


def freshen(folder, size):
    """An empty file system of a bounded size over a folder; what is mounted below it stays in its place."""
    kept = [
        (point, os.open(point, os.O_PATH), stat.S_IMODE(os.stat(os.path.dirname(point)).st_mode))
        for point in mounts_below(folder)
    ]
    mount("tmpfs", folder, "tmpfs", NOSUID | NODEV, f"size={size},mode=1777")
    for point, number, mode in kept:
        os.makedirs(os.path.dirname(point), exist_ok=True)
        os.chmod(os.path.dirname(point), mode)
        if stat.S_ISDIR(os.fstat(number).st_mode):
            os.mkdir(point)
        else:
            os.close(os.open(point, os.O_CREAT))
        mount(f"/proc/self/fd/{number}", point, "", BIND | WITH_ALL_BELOW)
        os.close(number)


def mounts_below(folder):
    """The places below a folder where something is mounted, without those that lie below another such place."""
    with open("/proc/self/mountinfo", "rb") as file:
        points = [line.split()[4].decode("unicode_escape").encode("latin-1") for line in file]
    below = sorted({p for p in map(os.fsdecode, points) if p.startswith(folder + "/")})
    return [p for p in below if not any(p.startswith(other + "/") for other in below)]


def keep_no_privilege(confine):
    """`confine`, and no privilege that this process or a later one could have again."""
    for number in range(64):
        LIBC.prctl(24, number, 0, 0, 0)  # PR_CAPBSET_DROP
    LIBC.prctl(47, 4, 0, 0, 0)  # PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL
    confine()
    call("capset", struct.pack("Ii", 0x20080522, 0), bytes(24))  # of this process: none


def seed_anew():
    """Forks share the state of random numbers."""
    for name in ("random", "numpy.random"):
        if name in sys.modules:
            sys.modules[name].seed()


def write(path, text):
    with open(path, "w") as file:
        file.write(text)


def mount(source, target, kind, flags, options=""):
    call("mount", os.fsencode(source), os.fsencode(target), kind.encode(), ctypes.c_ulong(flags), options.encode())


def call(name, *arguments):
    """A function of the C library that says -1 where it fails."""
    if getattr(LIBC, name)(*arguments):
        raise OSError(ctypes.get_errno(), f"{name}: {os.strerror(ctypes.get_errno())}")
