"""A filter on the system calls of a student's kernel, for what namespaces and limits leave open.

Refused are calls that open new namespaces or mounts (inside a namespace of its own a process could mount a file system
without a size), that hold memory which no limit counts (attributes of files, large buffers of sockets), that look into
other processes, and all sockets but those within the sandbox. Others are refused since their use by one student is felt
or seen by another: they count for the whole machine (asynchronous input and output, message queues, watches on files),
or go by files that all see (locks, leases, what is in memory of them).

What is refused fails with an error, as on a system that does not have the call; so does every call by the numbers of
another architecture (32-bit, x32). Where the numbers of a processor's calls are not known here, there is no filter, and
so no sandbox.
"""

from __future__ import annotations

import platform
import struct

PERMISSION, NO_SUCH_CALL, NO_SUCH_FAMILY = 1, 38, 97  # EPERM, ENOSYS, EAFNOSUPPORT
ALLOW, ERROR = 0x7FFF0000, 0x00050000
LOAD, EQUAL, AT_LEAST, ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06  # instructions of the kernel's filter machine
# Where they stand in what the filter is shown.
CALL, MACHINE, FIRST_ARGUMENT, SECOND_ARGUMENT, THIRD_ARGUMENT = 0, 4, 16, 24, 32
NEW_NAMESPACES = 0x7E020000  # the flags of clone that ask for one
UNIX = 1
NETLINK = 16  # with protocol 0 only: it lists the network's interfaces
SOCKETS, BUFFERS = 1, (7, 8)  # SOL_SOCKET; SO_SNDBUF, SO_RCVBUF
MACHINES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}

# Names and numbers: of x86_64, of aarch64.
REFUSED = {
    "unshare": (272, 97), "setns": (308, 268), "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41),
    "chroot": (161, 51), "open_tree": (428, 428), "move_mount": (429, 429), "fsopen": (430, 430),
    "fsconfig": (431, 431), "fsmount": (432, 432), "fspick": (433, 433), "mount_setattr": (442, 442),
    "memfd_create": (319, 279), "memfd_secret": (447, 447), "shmget": (29, 194), "msgget": (68, 186),
    "semget": (64, 190), "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271),
    "kcmp": (312, 272), "pidfd_getfd": (438, 438), "add_key": (248, 217), "request_key": (249, 218),
    "keyctl": (250, 219), "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425), "io_uring_enter": (426, 426), "io_uring_register": (427, 427),
    "open_by_handle_at": (304, 265), "name_to_handle_at": (303, 264), "quotactl": (179, 60), "acct": (163, 89),
    "swapon": (167, 224), "syslog": (103, 116), "kexec_load": (246, 104), "init_module": (175, 105),
    "finit_module": (313, 273), "clone3": (435, 435), "setxattr": (188, 5),
    "lsetxattr": (189, 6), "fsetxattr": (190, 7), "setxattrat": (463, 463),
    "io_setup": (206, 0), "mq_open": (240, 180), "inotify_init": (253, 26), "inotify_init1": (294, 26),
    "fanotify_init": (300, 262), "flock": (73, 32), "mincore": (27, 232), "cachestat": (451, 451),
}  # fmt: skip
CLONE, SOCKET, SOCKET_PAIR, SET_OPTION = (56, 220), (41, 198), (53, 199), (54, 208)
FCNTL = (72, 25)
# F_GETLK, F_OFD_GETLK (locks of others), F_SETLEASE, F_NOTIFY, F_SETPIPE_SZ (memory that counts for an account)
FCNTL_REFUSED = (5, 36, 1024, 1026, 1031)


class Unavailable(RuntimeError):
    """This machine cannot give the isolation that was asked for: what is in the way, and the remedy."""

    def __init__(self, finding: str, remedy: str) -> None:
        super().__init__(f"{finding}: {remedy}")
        self.finding, self.remedy = finding, remedy


def filter_program(machine: str = "") -> bytes:
    """The filter for a machine's architecture (this one's), as `prctl(PR_SET_SECCOMP, ...)` takes it.

    Raises Unavailable for one that is not known.
    """
    machine = machine or platform.machine()
    if machine not in MACHINES:
        raise Unavailable(
            f"the sandbox has no filter on system calls for the processor {machine or 'of this machine'}",
            f"grade on a machine with {' or '.join(MACHINES)}",
        )
    which = list(MACHINES).index(machine)
    code = [
        (LOAD, 0, 0, MACHINE), (EQUAL, 1, 0, MACHINES[machine]), _error(NO_SUCH_CALL),
        (LOAD, 0, 0, CALL), (AT_LEAST, 0, 1, 0x40000000), _error(NO_SUCH_CALL),  # calls of another calling convention
    ]  # fmt: skip
    for numbers in REFUSED.values():
        code += [(EQUAL, 0, 1, numbers[which]), _error(NO_SUCH_CALL)]
    code += [
        (EQUAL, 0, 4, CLONE[which]), (LOAD, 0, 0, FIRST_ARGUMENT), (ANY_BIT, 0, 1, NEW_NAMESPACES), _error(PERMISSION),
        (RETURN, 0, 0, ALLOW),
    ]  # fmt: skip
    refused = [(EQUAL, len(FCNTL_REFUSED) - i, 0, command) for i, command in enumerate(FCNTL_REFUSED)]
    code += [
        (EQUAL, 0, len(refused) + 3, FCNTL[which]), (LOAD, 0, 0, SECOND_ARGUMENT), *refused,
        (RETURN, 0, 0, ALLOW), _error(PERMISSION),
    ]  # fmt: skip
    code += [
        (EQUAL, 0, 7, SET_OPTION[which]), (LOAD, 0, 0, SECOND_ARGUMENT), (EQUAL, 0, 4, SOCKETS),
        (LOAD, 0, 0, THIRD_ARGUMENT), (EQUAL, 1, 0, BUFFERS[0]), (EQUAL, 0, 1, BUFFERS[1]), _error(PERMISSION),
        (RETURN, 0, 0, ALLOW),
    ]  # fmt: skip
    code += [(EQUAL, 2, 0, SOCKET[which]), (EQUAL, 1, 0, SOCKET_PAIR[which]), (RETURN, 0, 0, ALLOW)]
    code += [(LOAD, 0, 0, FIRST_ARGUMENT), (EQUAL, 0, 1, UNIX), (RETURN, 0, 0, ALLOW)]
    code += [(EQUAL, 1, 0, NETLINK), _error(NO_SUCH_FAMILY), (LOAD, 0, 0, THIRD_ARGUMENT)]
    code += [(EQUAL, 0, 1, 0), (RETURN, 0, 0, ALLOW), _error(NO_SUCH_FAMILY)]
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in code)


def _error(number: int) -> tuple[int, int, int, int]:
    return RETURN, 0, 0, ERROR | number
