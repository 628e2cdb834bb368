"""The programs of a Kubernetes cluster, built from Go modules: `python -m tests.cluster.builds [NAME…]`.

Kubernetes, etcd, CoreDNS and the pause program come from the module in `kubernetes/` beside this file, whose go.mod
and go.sum are their lock; `python -m tests.cluster.builds lock` writes both anew. On two idle cores all of it takes a
quarter of an hour, the second time nothing.
"""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.engines.golang import build, go, module, stamps
from tools.cache import made, root

KUBERNETES = "1.34.4"
COREDNS = "1.12.4"
SOURCE = Path(__file__).parent / "kubernetes"
CONTROL = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy", "kubelet", "kubectl")
"""Names by which the one executable with all of them is called."""
GO, ETCD, CARRIED = r"(?m)^go \S+", r"go\.etcd\.io/etcd/server/v3 v\S+", r"(k8s\.io/\S+) => \./staging"


@dataclass(frozen=True)
class Program:
    """One program of a module from the proxy.

    Attributes:
        name: of the program.
        module: path of its module.
        version: without its `v`.
        digest: of the module, as go.sum has it.
        package: below the module.
        values: variables that the linker sets.
    """

    name: str
    module: str
    version: str
    digest: str
    package: str
    values: Mapping[str, str]

    def path(self) -> Path:
        """The program, built once; RuntimeError if Go cannot bring it."""

        def make(folder: Path) -> None:
            source = module(self.module, f"v{self.version}", self.digest)
            build(source, self.package, folder / self.name, f"-ldflags={stamps(self.values)}")

        recipe = repr(self).encode()
        return made(f"{self.name}-{self.version}", recipe, make, place="cluster") / self.name


def _kubernetes_version(client: str) -> Mapping[str, str]:
    """What a client says it was made for."""
    major, minor, _ = client.split(".")
    places = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
    values = {"gitVersion": f"v{client}", "gitMajor": major, "gitMinor": minor, "gitTreeState": "clean"}
    return {f"{place}.{name}": value for place in places for name, value in values.items()}


_HELM = "helm.sh/helm/v3"
HELM = Program(
    "helm",
    _HELM,
    "3.22.0",
    "h1:n1if5iQgHYsujPAcO5oonH/KiSNUmqmUF0iGVjSF3AU=",
    "./cmd/helm",
    {
        f"{_HELM}/internal/version.version": "v3.22.0",
        f"{_HELM}/pkg/chartutil.k8sVersionMajor": "1",
        f"{_HELM}/pkg/chartutil.k8sVersionMinor": "34",
        f"{_HELM}/pkg/lint/rules.k8sVersionMajor": "1",
        f"{_HELM}/pkg/lint/rules.k8sVersionMinor": "34",
    },
)
KWOK = Program(
    "kwok",
    "sigs.k8s.io/kwok",
    "0.8.0",
    "h1:OTIOTwgROqPMovcTwxICx2eYQ4AwLpSx5EpjbDKF4SQ=",
    "./cmd/kwok",
    {"sigs.k8s.io/kwok/pkg/consts.Version": "v0.8.0"},
)


def helm() -> Path:
    """Helm, which knows the version of Kubernetes that the tests run."""
    return HELM.path()


def kwok() -> Path:
    """kwok, which plays nodes."""
    return KWOK.path()


def kubernetes() -> Path:
    """The folder with the programs of `CONTROL`, `coredns` and `pause`."""
    files = sorted(path for path in SOURCE.rglob("*") if path.is_file())
    recipe = b"\0".join(path.name.encode() + b"\0" + path.read_bytes() for path in files)
    return made(f"kubernetes-{KUBERNETES}", recipe, _make_kubernetes, place="cluster")


def _make_kubernetes(folder: Path) -> None:
    build(SOURCE, "./control", folder / "control", f"-ldflags={stamps(_kubernetes_version(KUBERNETES))}")
    for name in CONTROL:
        (folder / name).symlink_to("control")
    build(SOURCE, "./dns", folder / "coredns", f"-ldflags={stamps({})}")
    build(SOURCE, "./pause", folder / "pause", f"-ldflags={stamps({})}")


def write_lock() -> None:
    """go.mod and go.sum of `kubernetes/`: the versions above, and those modules that Kubernetes carries with it."""
    path, version = "k8s.io/kubernetes", f"v{KUBERNETES}"
    download = json.loads(go(["mod", "download", "-json", f"{path}@{version}"], root()))
    text = Path(download["GoMod"]).read_text()
    needed = (f"{path} {version}", f"github.com/coredns/coredns v{COREDNS}", *re.findall(ETCD, text))
    carried = [f"{name} => {name} v0{version.removeprefix('v1')}" for name in re.findall(CARRIED, text)]
    head = f"module voicehub/tests/cluster/kubernetes\n\n{re.findall(GO, text)[0]}\n"
    (SOURCE / "go.mod").write_text(f"{head}\n{_block('require', needed)}\n{_block('replace', carried)}")
    (SOURCE / "go.sum").unlink(missing_ok=True)
    go(["mod", "tidy"], SOURCE)


def _block(verb: str, lines: Iterable[str]) -> str:
    return "\n\t".join([f"{verb} (", *lines]) + "\n)\n"


PROGRAMS: Mapping[str, Callable[[], Path]] = {"helm": helm, "kwok": kwok, "kubernetes": kubernetes}


def main(names: Sequence[str]) -> int:
    """Builds the named programs, or all, and says where they are."""
    if list(names) == ["lock"]:
        write_lock()
        return 0
    if unknown := set(names) - set(PROGRAMS):
        print(f"Unknown: {', '.join(sorted(unknown))}; there are: {', '.join(PROGRAMS)}, lock.", file=sys.stderr)
        return 2
    for name in names or PROGRAMS:
        begin = time.monotonic()
        print(f"{name}: {PROGRAMS[name]()} ({time.monotonic() - begin:.0f} s)", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
