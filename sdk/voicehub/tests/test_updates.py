"""An update of a voice that is here: changed tensors come as deltas, and whole where a delta is of no use."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from blake3 import blake3

from gptsovits.formats.delta import encode
from voicehub.cache import Cache
from voicehub.models import Tensor, Version
from voicehub.names import VoiceName
from voicehub.pulling import pull
from voicehub.tests.hub import Hub
from voicehub.transport import Transport

NAME = VoiceName("ann", "voice")
OLD, NEW = "1" * 32, "2" * 32
DELTAS = f"/v1/repos/ann/voice/versions/{NEW}/deltas"


class Voice:
    """Two versions on a hub, the second a small step from the first, and the delta between them."""

    def __init__(self, hub: Hub) -> None:
        draw = np.random.default_rng(2)
        base = (draw.standard_normal(40_000) * 0.05).astype(np.float16)
        tuned = (base + 1e-4 * draw.standard_normal(base.size)).astype(np.float16)
        self.old, self.new, self.same = base.tobytes(), tuned.tobytes(), bytes(1000)
        self.delta = encode(self.old, self.new, "float16")
        self.hub, self.digest = hub, hub.add(self.delta)
        self.offer(self.digest)

    def offer(self, delta: str) -> None:
        step = {"base": blake3(self.old).hexdigest(), "result": blake3(self.new).hexdigest()}
        step |= {"object": {"digest": delta, "size": len(self.hub.objects[delta])}}  # type: ignore[dict-item]
        self.hub.json[DELTAS] = {"items": [{"digest": step["result"], "steps": [step]}]}

    def version(self, identifier: str) -> Version:
        contents = {"s2/dec.a": self.old if identifier == OLD else self.new, "s2/dec.b": self.same}
        tensors = tuple(
            Tensor(name, "float16", self.hub.add(data), (len(data) // 2,), len(data)) for name, data in contents.items()
        )
        parents = (OLD,) if identifier == NEW else ()
        return Version(identifier, "ann", "voice", state="published", tensors=tensors, parents=parents)

    def pull(self, cache: Cache, identifier: str) -> int:
        before = self.hub.sent_bytes
        done = pull(Transport(self.hub.url), cache, NAME, self.version(identifier), [], "safetensors")
        assert done.received == self.hub.sent_since(before, done.received)
        assert cache.blob(blake3(self.new if identifier == NEW else self.old).hexdigest()).is_file()
        return done.received


@pytest.fixture
def voice(hub: Hub) -> Voice:
    return Voice(hub)


def test_a_changed_tensor_comes_as_its_delta_and_nothing_else(voice: Voice, tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    assert voice.pull(cache, OLD) == len(voice.old) + len(voice.same)
    assert voice.pull(cache, NEW) == len(voice.delta) < 0.5 * len(voice.new)
    assert cache.blob(blake3(voice.new).hexdigest()).read_bytes() == voice.new
    assert not list((tmp_path / "deltas").iterdir())
    asked = next(path for _, path, _ in voice.hub.requests if path.startswith(DELTAS))
    assert asked == f"{DELTAS}?have={OLD}"


def test_without_the_old_version_the_whole_tensor_comes(voice: Voice, tmp_path: Path) -> None:
    assert voice.pull(Cache(tmp_path), NEW) == len(voice.new) + len(voice.same)


@pytest.mark.parametrize("hostile", [b"VHDELTA1" + bytes(200), b"", b"nonsense" * 40])
def test_a_delta_that_is_of_no_use_is_replaced_by_the_whole(voice: Voice, tmp_path: Path, hostile: bytes) -> None:
    cache = Cache(tmp_path)
    voice.pull(cache, OLD)
    voice.offer(voice.hub.add(hostile))
    voice.pull(cache, NEW)
    assert cache.blob(blake3(voice.new).hexdigest()).read_bytes() == voice.new


def test_another_tensor_than_promised_is_not_believed(voice: Voice, tmp_path: Path) -> None:
    """A delta that is whole and right in itself, but makes something else."""
    cache = Cache(tmp_path)
    voice.pull(cache, OLD)
    voice.offer(voice.hub.add(encode(voice.old, bytes(len(voice.old)), "float16")))
    voice.pull(cache, NEW)
    assert cache.blob(blake3(voice.new).hexdigest()).read_bytes() == voice.new


def test_a_base_that_was_damaged_on_the_disk_does_no_harm(voice: Voice, tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    voice.pull(cache, OLD)
    cache.blob(blake3(voice.old).hexdigest()).write_bytes(bytes(len(voice.old)))
    assert voice.pull(cache, NEW) == len(voice.delta) + len(voice.new)
