"""Landlock (landlock(7)): from here on this thread reads the named paths and nothing else, and writes nowhere."""

from __future__ import annotations

import ctypes
import os
import stat
import struct
from collections.abc import Iterable
from pathlib import Path

from services.scanner.sandbox.job import SandboxUnavailable

# The three numbers are the same on every architecture.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION_FLAG = 1
_RULE_PATH_BENEATH = 1
_READ_FILE, _READ_DIRECTORY = 1 << 2, 1 << 3
# How many of the filesystem rights each ABI knows (13, then REFER, TRUNCATE, IOCTL_DEV).
_FILESYSTEM_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
_NETWORK_SINCE, _SCOPES_SINCE = 4, 6
_libc = ctypes.CDLL(None, use_errno=True)


def abi() -> int:
    """The Landlock ABI of this kernel; 0 without Landlock."""
    return max(0, int(_libc.syscall(_CREATE_RULESET, None, 0, _VERSION_FLAG)))


def restrict(readable: Iterable[Path]) -> int:
    """Confines this thread for good; answers the ABI. SandboxUnavailable where the kernel has no Landlock."""
    version = abi()
    if version < 1:
        raise SandboxUnavailable("this kernel has no Landlock")
    ruleset = _create(version)
    try:
        for path in readable:
            _allow_reading(ruleset, path)
        if _libc.syscall(_RESTRICT_SELF, ruleset, 0) != 0:
            raise SandboxUnavailable("landlock_restrict_self failed")
    finally:
        os.close(ruleset)
    return version


def _create(version: int) -> int:
    filesystem = (1 << _FILESYSTEM_RIGHTS.get(version, 16)) - 1
    network = 0b11 if version >= _NETWORK_SINCE else 0
    scopes = 0b11 if version >= _SCOPES_SINCE else 0
    attributes = struct.pack("<QQQ", filesystem, network, scopes)
    size = 24 if version >= _SCOPES_SINCE else 16 if version >= _NETWORK_SINCE else 8
    ruleset = int(_libc.syscall(_CREATE_RULESET, attributes, size, 0))
    if ruleset < 0:
        raise SandboxUnavailable("landlock_create_ruleset failed")
    return ruleset


def _allow_reading(ruleset: int, path: Path) -> None:
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return  # a place that is not there needs no rule
    try:
        is_folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        rights = _READ_FILE | (_READ_DIRECTORY if is_folder else 0)
        rule = struct.pack("<Qi", rights, descriptor)
        if _libc.syscall(_ADD_RULE, ruleset, _RULE_PATH_BENEATH, rule, 0) != 0:
            raise SandboxUnavailable(f"landlock_add_rule failed for {path}")
    finally:
        os.close(descriptor)
