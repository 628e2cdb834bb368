"""Speech of a version that is withdrawn, or withheld, while it is spoken."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import pytest
from sqlalchemy.orm import Session

from services.common.database import Database
from services.common.errors import Unprocessable, from_rpc
from services.common.migrations import upgrade
from services.inference import store, sweeping
from services.inference.domain.fairness import Capacity
from services.inference.domain.prompts import with_prompt
from services.inference.known import KnownVoices
from services.inference.sweeping import Sweeper
from services.inference.tests.speaking import MIGRATIONS, Speaking, export_nano, speaking
from services.stubs.voicehub.inference.v1 import inference_pb2 as pb

LONG = "The tide was coming in, and nobody had seen the boat. " * 24
Part = pb.SynthesizeStreamResponse


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Speaking]:
    folder = tmp_path_factory.mktemp("hub")
    with speaking(export_nano(folder / "nano"), folder, Capacity(workers=2)) as running:
        yield running


def stream(hub: Speaking, version: str, delivery: str) -> Iterator[Part]:
    way = pb.SynthesizeStreamRequest.Delivery.Value(f"DELIVERY_{delivery}")
    utterance = pb.SynthesizeRequest(version_id=version, text=LONG, language="en")
    asked = pb.SynthesizeStreamRequest(utterance=utterance, format="pcm", delivery=way)
    return iter(hub.as_account("a").SynthesizeStream(asked, timeout=120))


@pytest.mark.parametrize("way", [store.withdraw, lambda session, version: store.withhold(session, version, True)])
@pytest.mark.parametrize("delivery", ["CHUNKS", "PIECES"])
def test_a_stream_is_broken_off_and_that_of_another_version_is_not(
    hub: Speaking, way: Callable[[Session, str], None], delivery: str
) -> None:
    fallen, other = (hub.place(hub.bundle, digit * 32) for digit in "bc")
    with hub.database.write() as session:
        store.withhold(session, fallen, False)
    falling, going_on = stream(hub, fallen, delivery), stream(hub, other, delivery)
    said = [next(falling), next(falling)]  # what it is, and the first sound
    with hub.database.write() as session:
        way(session, fallen)
    with pytest.raises(grpc.RpcError) as caught:
        said.extend(falling)
    assert from_rpc(caught.value).reason == "NO_VOICE"
    whole = list(going_on)
    assert whole[-1].WhichOneof("part") == "facts"
    assert len(said) < len(whole) / 2


@pytest.mark.parametrize("way", [store.withdraw, lambda session, version: store.withhold(session, version, True)])
def test_of_a_voice_that_fell_nothing_is_kept_open_once_nobody_speaks_with_it(
    hub: Speaking, way: Callable[[Session, str], None]
) -> None:
    fallen, other = (hub.place(hub.bundle, digit * 32) for digit in "de")
    with hub.database.write() as session:
        store.withhold(session, fallen, False)
    with hub.database.read() as session:
        voices = [store.find(session, version) for version in (fallen, other)]
    low, kept = (voice for voice in voices if voice is not None)
    held = [hub.shelf.get(voice) for voice in (low, with_prompt(low, "high"), kept)]
    sweeper, names = Sweeper(hub.database, hub.shelf), {fallen, f"{fallen}.1", other}
    sweeper.look()
    with hub.database.write() as session:
        way(session, fallen)
    sweeper.look()
    assert names <= set(hub.shelf.voices)
    del held[0]
    sweeper.look()
    assert names & set(hub.shelf.voices) == {f"{fallen}.1", other}
    held.clear()
    sweeper.look()
    assert names & set(hub.shelf.voices) == {other}
    assert not list(hub.shelf._folder.glob(f"{fallen}*"))
    assert len(list(hub.shelf._folder.glob(f"{other}*"))) == 1


def test_a_sweeper_looks_by_itself(hub: Speaking, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeping, "SWEEP_SECONDS", 0.01)
    fallen = hub.place(hub.bundle, "f" * 32)
    with hub.database.read() as session:
        voice = store.find(session, fallen)
    assert voice is not None
    hub.shelf.get(voice)
    with hub.database.write() as session:
        store.withdraw(session, fallen)
    sweeper, end = Sweeper(hub.database, hub.shelf), time.monotonic() + 10
    sweeper.start()
    while fallen in hub.shelf.voices:
        assert time.monotonic() < end
        time.sleep(0.01)
    sweeper.stop()


def test_a_database_that_is_away_silences_nobody(tmp_path: Path) -> None:
    KnownVoices(Database("postgresql+psycopg://nobody@127.0.0.1:1/nothing")).check("v")
    with pytest.raises(Unprocessable):  # the control: one that answers, but knows of no such version
        KnownVoices(empty(tmp_path)).check("v")


def empty(folder: Path) -> Database:
    database = Database(f"sqlite:///{folder}/inference.sqlite")
    upgrade(database, MIGRATIONS)
    return database
