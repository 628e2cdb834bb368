"""Free ports of the loopback, from below the range that the kernel gives to clients.

A client that tries again and again to reach a port of that range while its server is down can get the port for itself.
"""

from __future__ import annotations

import random
import socket

LOOPBACK = "127.0.0.1"
LOWEST, HIGHEST = 15_000, 32_000


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now, all different."""
    held: list[socket.socket] = []
    try:
        while len(held) < count:
            probe = socket.socket()
            try:
                probe.bind((LOOPBACK, random.randint(LOWEST, HIGHEST)))
            except OSError:
                probe.close()
                continue
            held.append(probe)
        return [int(probe.getsockname()[1]) for probe in held]
    finally:
        for probe in held:
            probe.close()


def answers(port: int) -> bool:
    """Whether somebody listens there."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((LOOPBACK, port)) == 0
