"""Many voices speak at once, and each says what it says alone."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from services.common.objects import open_store
from services.inference.domain.fairness import Capacity
from services.inference.domain.prompts import with_prompt
from services.inference.registry import BaseRegistry
from services.inference.shelf import Shelf
from services.inference.tests.speaking import VERSION, Speaking, export_nano, speaking
from services.inference.tests.variants import variant
from services.stubs.voicehub.inference.v1 import inference_pb2 as pb

VOICES, EACH = 6, 2
TEXT = "The tide was coming in."


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Speaking]:
    folder = tmp_path_factory.mktemp("hub")
    with speaking(export_nano(folder / "nano"), folder, Capacity(workers=8, places=32, per_account=32)) as running:
        yield running


def test_each_of_several_voices_says_what_it_says_alone(hub: Speaking, tmp_path: Path) -> None:
    versions = [hub.place(variant(hub.bundle, tmp_path / f"{n}", n), f"{n:032x}") for n in range(VOICES)]
    stub = hub.as_account("a")

    def said(number: int) -> bytes:
        utterance = pb.SynthesizeRequest(version_id=versions[number % VOICES], text=TEXT, language="en", seed=7)
        asked = pb.SynthesizeStreamRequest(utterance=utterance, format="pcm")
        return b"".join(part.audio for part in stub.SynthesizeStream(asked, timeout=120))

    alone = [said(number) for number in range(VOICES)]
    assert len(set(alone)) == VOICES
    with ThreadPoolExecutor(VOICES * EACH) as pool:
        found = list(pool.map(said, range(VOICES * EACH)))
    strange = [number for number, one in enumerate(found) if one != alone[number % VOICES]]
    assert len(strange) <= 1, strange  # a token may flip where a step is shared (decision 0007), 3e-5 of them
    assert not [number for number in strange if found[number] in alone]


def test_the_prompts_of_a_voice_take_its_room_on_the_disk_once(hub: Speaking, tmp_path: Path) -> None:
    shelf = Shelf(open_store(f"file://{hub.objects}"), BaseRegistry(tmp_path / "bases"), tmp_path / "voices")
    held = [shelf.get(with_prompt(hub.voice, name)) for name in ("low", "high")]
    graphs = [path.stat() for path in (tmp_path / "voices").glob("*/bundle/*.onnx")]
    assert len(graphs) == 2 * len({graph.st_ino for graph in graphs})
    del held[0]
    shelf.drop({VERSION})
    assert len(list((tmp_path / "voices").iterdir())) == 1
    assert shelf.get(with_prompt(hub.voice, "low")).engine.facts.sample_rate > 0
    shelf.close()
