"""Which system calls our programs need once their code is loaded: an allow-list, nothing else passes."""

from __future__ import annotations

import errno

from services.scanner.sandbox.bpf import ERRNO, Half, Rule
from services.scanner.sandbox.syscalls import number

# Own memory, own descriptors, own threads' waiting, time, and questions about oneself.
HARMLESS = [
    "read",
    "write",
    "close",
    "fstat",
    "fsync",
    "lseek",
    "mprotect",
    "munmap",
    "brk",
    "rt_sigaction",
    "rt_sigprocmask",
    "rt_sigreturn",
    "pread64",
    "readv",
    "writev",
    "poll",
    "ppoll",
    "select",
    "pselect6",
    "sched_yield",
    "mremap",
    "msync",
    "mincore",
    "madvise",
    "dup",
    "dup2",
    "dup3",
    "pause",
    "nanosleep",
    "getitimer",
    "getpid",
    "exit",
    "uname",
    "getcwd",
    "gettimeofday",
    "getrlimit",
    "getrusage",
    "sysinfo",
    "times",
    "getuid",
    "getgid",
    "geteuid",
    "getegid",
    "getppid",
    "getpgrp",
    "getpgid",
    "getsid",
    "getresuid",
    "getresgid",
    "getgroups",
    "sigaltstack",
    "arch_prctl",
    "gettid",
    "time",
    "futex",
    "sched_getaffinity",
    "sched_getparam",
    "sched_getscheduler",
    "set_tid_address",
    "clock_gettime",
    "clock_getres",
    "clock_nanosleep",
    "exit_group",
    "set_robust_list",
    "get_robust_list",
    "rseq",
    "getrandom",
    "getcpu",
    "membarrier",
    "restart_syscall",
    "stat",
    "lstat",
    "newfstatat",
    "statx",
    "access",
    "faccessat",
    "faccessat2",
    "readlink",
    "readlinkat",
    "getdents64",
    "getdents",
    "fadvise64",
    "sched_get_priority_max",
    "sched_get_priority_min",
]
# Libraries try these and live without; refused without a record. clone3 hides its flags from the filter: ENOSYS makes
# the C library fall back to clone, whose flags are checked below.
QUIET = {
    "clone3": errno.ENOSYS,
    "sched_setaffinity": errno.EPERM,
    "mbind": errno.EPERM,
    "set_mempolicy": errno.EPERM,
    "get_mempolicy": errno.EPERM,
}
_CLONE_THREAD = 0x00010000
_CLONE_NAMESPACES = 0x7E020000 | 0x00000080
_TERMINAL_QUESTIONS = (0x5401, 0x5451, 0x5450, 0x541B)  # TCGETS, FIOCLEX, FIONCLEX, FIONREAD
_DESCRIPTOR_FLAGS = (0, 1, 2, 3, 4, 1030)  # F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_DUPFD_CLOEXEC
_NAMING = (15, 16, 0x53564D41)  # PR_SET_NAME, PR_GET_NAME, PR_SET_VMA


def rules(control_descriptor: int) -> list[Rule]:
    """The allow-list; `control_descriptor` is the one socket on which one message may still be sent."""
    listed = [Rule(n) for name in HARMLESS if (n := number(name)) is not None]
    listed += [Rule(n, ERRNO | code) for name, code in QUIET.items() if (n := number(name)) is not None]
    conditions: tuple[tuple[str, int, int, tuple[int, ...], Half], ...] = (
        ("clone", 0, _CLONE_THREAD | _CLONE_NAMESPACES, (_CLONE_THREAD,), "low"),
        ("ioctl", 1, 0xFFFFFFFF, _TERMINAL_QUESTIONS, "low"),
        ("fcntl", 1, 0xFFFFFFFF, _DESCRIPTOR_FLAGS, "low"),
        ("prctl", 0, 0xFFFFFFFF, _NAMING, "low"),
        ("mmap", 1, 0xFFFFFFFF, (0,), "high"),  # below 4 GiB; the rlimit bounds the sum
        ("prlimit64", 2, 0xFFFFFFFF, (0,), "both"),  # asking only: the new limit is a null pointer, in all its 64 bits
        ("sendmsg", 0, 0xFFFFFFFF, (control_descriptor,), "low"),
    )
    for name, argument, mask, values, half in conditions:
        found = number(name)
        if found is not None:
            listed.append(Rule(found, argument=argument, mask=mask, values=values, half=half))
    return listed
