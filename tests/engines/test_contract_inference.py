"""The contract of inference on a real Triton, and what becomes of speech when Triton is killed."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import grpc
import numpy as np
import pytest
from tritonclient.grpc import service_pb2, service_pb2_grpc

from gptsovits.runtime.sampling import Sampling
from services.common.errors import Unavailable
from services.inference.engines import Engines, open_engines
from services.inference.registry import BaseRegistry
from services.inference.shelf import OpenVoice, Shelf
from services.inference.triton import server
from tests.contract.inference_suite import (
    InferenceContract,
    ShelfContract,
    Work,
    WorkOf,
    phones_of,
    sound,
    spoken,
    until,
)
from tests.contract.inference_voices import Voices
from tests.engines.triton import Triton

AT_ONCE_SECONDS = 5.0
"""How soon one is told that Triton is away."""


@pytest.fixture(scope="module")
def engines(triton: Triton) -> Engines:
    return open_engines(triton.url)


@pytest.fixture
def work(triton: Triton) -> WorkOf:
    def of(opened: OpenVoice) -> Work:
        model = opened.engine._engine.stage1._remote.model.name  # type: ignore[attr-defined]
        return Work(counted(triton, "tokens", model), counted(triton, "cancelled", model))

    return of


@pytest.fixture
def ready(triton: Triton) -> Iterator[Callable[[], set[str]]]:
    """The models that Triton has loaded."""
    with grpc.insecure_channel(f"127.0.0.1:{triton.port}") as channel:
        stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
        asked = service_pb2.RepositoryIndexRequest(ready=True)
        yield lambda: {model.name for model in stub.RepositoryIndex(asked, wait_for_ready=True, timeout=30).models}


@pytest.fixture
def shelf(engines: Engines, voices: Voices, tmp_path: Path) -> Iterator[Shelf]:
    with closing(Shelf(voices.objects, BaseRegistry(tmp_path / "bases"), tmp_path / "voices", engines)) as shelf:
        yield shelf


def counted(triton: Triton, what: str, model: str) -> int:
    found = re.search(rf'^voicehub_stage1_{what}_total{{model="{model}"}} (\d+)', triton.metrics(), re.MULTILINE)
    return int(found[1]) if found else 0


def children(pid: int) -> list[int]:
    """The processes of its models."""
    listed = (Path(f"/proc/{pid}/task/{thread.name}/children") for thread in Path(f"/proc/{pid}/task").iterdir())
    return [int(child) for path in listed for child in path.read_text().split()]


class TestTriton(InferenceContract):
    """One Triton for all of these."""


class TestShelfOnTriton(ShelfContract):
    """Its models come and go."""

    def test_models_are_shared_unloaded_and_removed(
        self, small: Shelf, triton: Triton, voices: Voices, ready: Callable[[], set[str]]
    ) -> None:
        before = ready()
        for name in ("nano-0", "nano-1"):
            opened = small.get(voices.stored[name])
            opened.engine.decode(spoken(opened, 1), phones_of(opened.engine, 1), opened.conditioning.ge, seed=1)
        del opened
        both = ready() - before
        assert len(both) <= 4, "style, stage 1 and two decoders"
        small.get(voices.stored["nano-2"])
        gone = until(lambda: lost if (lost := both - ready()) else None)
        assert len(gone) == 1, "the decoder of the voice that left, and nothing that others need"
        assert not (triton.repository / gone.pop()).exists()

    def test_only_names_by_digest_and_our_own_code_lie_in_the_repository(
        self, small: Shelf, triton: Triton, voices: Voices
    ) -> None:
        held = small.get(voices.stored["nano-0"])
        assert len(spoken(held, 1))
        names = [path.name for path in triton.repository.iterdir()]
        assert names
        assert all(re.fullmatch("[0-9a-f]{64}", name) for name in names)
        root = Path(__file__).parents[2]
        for code in triton.repository.rglob("*.py"):
            inside = code.relative_to(triton.repository).parts[2:]
            own = [root / "gptsovits" / "serving" / f"{kind}_model.py" for kind in ("graph", "stage1")]
            original = own if inside == ("model.py",) else [root.joinpath(*inside)]
            assert code.read_text() in [path.read_text() for path in original]


def test_killed_in_the_middle_of_speech_then_started_again(
    shelf: Shelf, triton: Triton, voices: Voices, record_property: Callable[[str, object], None]
) -> None:
    voice = shelf.get(voices.stored["nano-0"])
    expected, heard = spoken(voice, 1), sound(voice, 1)
    phones = phones_of(voice.engine, 9, length=400)
    stream = voice.engine.stream_tokens(phones, None, voice.conditioning, Sampling(seed=9))
    assert len([next(stream) for _ in range(5)]) == 5
    stubs = children(triton.pid)
    assert stubs
    triton.kill()
    with pytest.raises(Unavailable, match="Triton") as broken:
        list(stream)
    assert broken.value.hint
    begin = time.monotonic()
    with pytest.raises(Unavailable, match="does not answer"):
        spoken(voice, 1)
    with pytest.raises(Unavailable, match="does not answer"):
        voice.engine.decode(expected, phones_of(voice.engine, 1), voice.conditioning.ge)
    with pytest.raises(Unavailable, match="does not answer"):
        shelf.get(voices.stored["nano-1"])
    assert time.monotonic() - begin < 3 * AT_ONCE_SECONDS
    begin = time.monotonic()
    triton.start()
    with ThreadPoolExecutor(8) as pool:  # all need the models at once, and load them once
        again = list(pool.map(lambda _: spoken(voice, 1), range(8)))
    record_property("recovery_seconds", round(time.monotonic() - begin, 1))
    for tokens in again:
        np.testing.assert_array_equal(tokens, expected)
    np.testing.assert_allclose(sound(voice, 1), heard, atol=2e-4)
    assert until(lambda: True if not any(Path(f"/proc/{stub}").exists() for stub in stubs) else None)
    assert len(spoken(shelf.get(voices.stored["nano-1"]), 1))


def test_a_load_that_takes_too_long_is_given_up_and_tried_again(
    shelf: Shelf, voices: Voices, monkeypatch: pytest.MonkeyPatch
) -> None:
    voice = shelf.get(voices.stored["nano-2"])
    with monkeypatch.context() as hasty:
        hasty.setattr(server, "LOAD_SECONDS", 0.05)
        with pytest.raises(Unavailable, match="too long to load"):
            spoken(voice, 1)
    assert len(spoken(voice, 1))


def test_a_model_that_somebody_else_unloaded_is_loaded_again(
    shelf: Shelf, triton: Triton, voices: Voices, ready: Callable[[], set[str]]
) -> None:
    voice = shelf.get(voices.stored["nano-0"])
    expected = spoken(voice, 1)
    with grpc.insecure_channel(f"127.0.0.1:{triton.port}") as channel:
        stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
        for name in ready():
            stub.RepositoryModelUnload(service_pb2.RepositoryModelUnloadRequest(model_name=name))
    until(lambda: True if not ready() else None)
    np.testing.assert_array_equal(spoken(voice, 1), expected)
