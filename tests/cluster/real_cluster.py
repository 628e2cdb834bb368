"""A control plane with one real node."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.cluster.box import Box
from tests.cluster.control_plane import ControlPlane
from tests.cluster.network import Network
from tests.cluster.node import Node
from tests.cluster.plan import Plan
from tools.images.layout import Built, Layout


class RealCluster:
    """Started in the order that the cable asks for; a context manager.

    Attributes:
        control_plane: with kubectl and Helm.
        node: where its pods run.
    """

    control_plane: ControlPlane
    node: Node

    def __init__(self, home: Path) -> None:
        self._home = home
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            network = Network.take()
            stack.callback(network.release)
            box = stack.enter_context(Box(self._home, network))  # the API listens on the cable that it lays
            plan = Plan(self._home, Plan.ports_for(), network.host, network.pods, network.services)
            self.control_plane = stack.enter_context(ControlPlane(plan))
            self.node = stack.enter_context(Node(self.control_plane, box))
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def load(self, layout: Layout, images: Sequence[Built]) -> None:
        """Gives the node images."""
        self.node.containerd.load(layout, images)
