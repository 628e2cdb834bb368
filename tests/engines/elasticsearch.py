"""Elasticsearch from its published jars, with our launcher and a module for what the distribution has beside them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from ctypes.util import find_library
from pathlib import Path
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

from tests.engines.cache import made
from tests.engines.java import java
from tests.engines.maven import LOCKS, jars
from tests.engines.ports import LOOPBACK, free_ports
from tests.engines.server import Server

VERSION = "9.5.3"
JAVA = 21
SOURCES = Path(__file__).parent / "java"
# Modules get class loaders of their own: their jars must not be on the class path as well.
NETTY = ("netty-*.jar", "transport-netty4-*.jar", "elasticsearch-ssl-config-*.jar")
SMARTCN = ("lucene-analysis-smartcn-*.jar",)
_opener = build_opener(ProxyHandler({}))


def distribution() -> Path:
    """`lib/`, `modules/` and `native/` of a node; compiled once."""
    sources = sorted(SOURCES.rglob("*.java"))
    recipe = [(LOCKS / f"{name}.jars").read_bytes() for name in ("elasticsearch", "ecj")]
    recipe += [path.read_bytes() for path in (Path(__file__), *sources)]
    return made(f"elasticsearch-{VERSION}", b"\0".join(recipe), _build)


def _build(folder: Path) -> None:
    lib, netty, hub = folder / "lib", folder / "modules" / "transport-netty4", folder / "modules" / "hub"
    shutil.copytree(jars("elasticsearch"), lib)
    for module, patterns in ((netty, NETTY), (hub, SMARTCN)):
        module.mkdir(parents=True)
        for path in [found for pattern in patterns for found in lib.glob(pattern)]:
            path.rename(module / path.name)
    _describe(netty, "org.elasticsearch.transport.netty4.Netty4Plugin")
    _describe(hub, "voicehub.engines.HubModule")
    _compile("plugin", [lib, hub], hub / "hub.jar")
    _compile("launcher", [lib], lib / "search-node.jar")
    native = folder / "native"
    native.mkdir()
    # Stored fields under `index.codec: best_compression` are packed by this library.
    if (zstd := find_library("zstd")) and (found := _library(zstd)):
        (native / "libzstd.so").symlink_to(found)


def _describe(module: Path, main: str) -> None:
    properties = {
        "name": module.name,
        "description": module.name,
        "version": VERSION,
        "elasticsearch.version": VERSION,
        "java.version": JAVA,
        "classname": main,
    }
    lines = [f"{key}={value}\n" for key, value in properties.items()]
    (module / "plugin-descriptor.properties").write_text("".join(lines))


def _compile(part: str, libraries: Sequence[Path], jar: Path) -> None:
    """Compiles one source folder with Eclipse's compiler, which needs no JDK, only a runtime."""
    (compiler,) = jars("ecj").glob("ecj-*.jar")
    classes = jar.parent / "classes"
    path = ":".join(str(found) for folder in libraries for found in sorted(folder.glob("*.jar")))
    options = ["-source", str(JAVA), "-target", str(JAVA), "-nowarn"]
    command: list[str | Path] = [java(JAVA), "-jar", compiler, *options, "-cp", path, "-d", classes, SOURCES / part]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"The {part} does not compile:\n{done.stderr[-4000:]}")
    shutil.make_archive(str(jar.with_suffix("")), "zip", classes)
    jar.with_suffix(".zip").rename(jar)
    shutil.rmtree(classes)


def _library(name: str) -> str:
    """Where the loader of this system finds a library."""
    listed = subprocess.run(["/sbin/ldconfig", "-p"], capture_output=True, text=True, check=False).stdout
    found = re.search(rf"^\s*{re.escape(name)} .*=> (\S+)$", listed, re.MULTILINE)
    return found[1] if found else ""


class Elasticsearch(Server):
    """One node, one shard copy, security off, on the loopback."""

    name, setting = "elasticsearch", "VOICEHUB_SEARCH_URL"

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        self._distribution = distribution()
        self._java = java(JAVA)
        self.port, self._transport = free_ports(2)

    @property
    def url(self) -> str:
        """The default prefix on this node."""
        return f"elasticsearch://{LOOPBACK}:{self.port}"

    @property
    def rest(self) -> str:
        """Of the REST API, without a path."""
        return f"http://{LOOPBACK}:{self.port}"

    def command(self) -> Sequence[str | Path]:
        """The JVM, with the options of the distribution that matter on a small machine."""
        config = self.home / "config"
        config.mkdir(exist_ok=True)
        (self.home / "tmp").mkdir(exist_ok=True)
        (config / "elasticsearch.yml").write_text(self._settings())
        (config / "log4j2.properties").write_text(_LOGGING)
        properties = {
            "java.io.tmpdir": self.home / "tmp",
            "es.path.home": self.home,
            "es.nativelibs.path": self._distribution / "native",
            "org.elasticsearch.nativeaccess.enableVectorLibrary": "false",  # not among the published jars
            "es.set.netty.runtime.available.processors": "false",
            "io.netty.noUnsafe": "true",
            "io.netty.noKeySetOptimization": "true",
            "io.netty.recycler.maxCapacityPerThread": 0,
            "log4j.shutdownHookEnabled": "false",
            "log4j2.disable.jmx": "true",
            "log4j2.formatMsgNoLookups": "true",
        }
        heap = os.environ.get("VOICEHUB_ELASTICSEARCH_HEAP", "512m")
        memory = (f"-Xms{heap}", f"-Xmx{heap}", "-XX:+ExitOnOutOfMemoryError", "-XX:+UseSerialGC")
        shared = ("-XX:+AutoCreateSharedArchive", f"-XX:SharedArchiveFile={self.home / 'classes.jsa'}")
        options = [*memory, *shared, "--enable-native-access=ALL-UNNAMED"]
        options += [f"-D{key}={value}" for key, value in properties.items()]
        path = f"{self._distribution / 'lib'}/*"
        return [self._java, *options, "-cp", path, "SearchNode", self.home, self._distribution / "modules"]

    def is_ready(self) -> bool:
        """Whether the cluster accepts writes."""
        try:
            with _opener.open(f"{self.rest}/_cluster/health?wait_for_status=yellow&timeout=1s", timeout=5) as answer:
                return bool(answer.status == 200)
        except (URLError, OSError):
            return False

    def _settings(self) -> str:
        settings = {
            "cluster.name": "voicehub",
            "node.name": "hub",
            "discovery.type": "single-node",
            "network.host": LOOPBACK,
            "http.port": self.port,
            "transport.port": self._transport,
            "http.type": "netty4",
            "transport.type": "netty4",
            "cluster.routing.allocation.disk.threshold_enabled": "false",  # a nearly full laptop still searches
        }
        return "".join(f"{key}: {value}\n" for key, value in settings.items())


_LOGGING = """\
status = error
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = [%d{ISO8601}][%-5p][%-25c{1.}] %m%n
rootLogger.level = info
rootLogger.appenderRef.console.ref = console
"""
