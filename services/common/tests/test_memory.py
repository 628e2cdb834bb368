"""Threads share their heaps, and a process keeps what it frees."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import sys, threading
from services.common.memory import share_arenas
if sys.argv[1] == "shared":
    assert share_arenas()
barrier = threading.Barrier(24)
def work():
    kept = [bytes(600) for _ in range(1000)]
    barrier.wait()
threads = [threading.Thread(target=work) for _ in range(24)]
for one in threads: one.start()
for one in threads: one.join()
import ctypes, os, tempfile
libc = ctypes.CDLL(None)
libc.fopen.restype, libc.malloc_info.argtypes = ctypes.c_void_p, [ctypes.c_int, ctypes.c_void_p]
libc.fclose.argtypes = [ctypes.c_void_p]
path = tempfile.mktemp()
file = libc.fopen(path.encode(), b"w")
libc.malloc_info(0, file)
libc.fclose(file)
print(open(path).read().count("<heap nr="))
os.remove(path)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="malloc_info is glibc's")
def test_many_threads_have_few_heaps() -> None:
    def heaps(way: str) -> int:
        done = subprocess.run([sys.executable, "-c", PROGRAM, way], capture_output=True, text=True, check=True)
        return int(done.stdout)

    assert heaps("own") > 4
    assert heaps("shared") == 1


ROUNDS = """
import resource, sys
from services.common.memory import keep_freed
if sys.argv[1] == "kept":
    assert keep_freed()
def once():
    return [bytearray(3 << 20) for _ in range(8)]
once()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    once()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="it is glibc that gives memory back")
def test_what_was_freed_is_there_for_the_next_request() -> None:
    def faults(way: str) -> int:
        done = subprocess.run([sys.executable, "-c", ROUNDS, way], capture_output=True, text=True, check=True)
        return int(done.stdout)

    pages = 20 * 8 * (3 << 20) // 4096
    assert faults("given back") > pages / 2
    assert faults("kept") < pages / 20
