"""Many different voices in a running hub at once: each must say, sample for sample, what it says alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from bench.spoken_hub import Pulled, at_once
from services.common import rpc, settings
from services.common.database import Database
from services.common.identity import Identity, Signer
from services.common.objects import Area, ObjectStore, open_store
from services.inference import store
from services.inference.domain.voices import StoredFile
from services.inference.tests.variants import variant
from services.stubs.voicehub.inference.v1 import inference_pb2 as pb
from services.stubs.voicehub.inference.v1 import inference_pb2_grpc
from tests.e2e.house import House

TEXT = "Seven trains a day stop at the little station."


def mixing(house: House, pulled: Pulled, folder: Path, count: int) -> None:
    """Speaks with all of them twice, the first time while they are opened; prints how many said what they should."""
    bundles = [variant(pulled.bundle, folder / f"voice{number}", number) for number in range(count)]
    versions = _placed(house, pulled.version_id, bundles)
    speaker = Identity("bench", "gateway", frozenset({"read"}))
    signer = Signer(house.data / "keys", "gateway")
    with rpc.make_channel(house.services()["inference"]["address"], lambda: signer.sign(speaker)) as channel:
        stub = inference_pb2_grpc.InferenceServiceStub(channel)

        def said(number: int) -> bytes:
            utterance = pb.SynthesizeRequest(version_id=versions[number], text=TEXT, language="en", seed=number)
            asked = pb.SynthesizeStreamRequest(utterance=utterance, format="pcm")
            return b"".join(part.audio for part in stub.SynthesizeStream(asked, timeout=600))

        rounds = [at_once(count, count, said)[0] for _ in range(2)]
    alone = [pulled.open(bundle).speak(TEXT, number).pcm for number, bundle in enumerate(bundles)]
    for name, found in zip(("while they are opened", "again"), rounds, strict=True):
        equal = sum(one == reference for one, reference in zip(found, alone, strict=True))
        swapped = sum(one in alone and one != reference for one, reference in zip(found, alone, strict=True))
        print(f"{count} different voices at once, {name}: {equal} as each is alone, {swapped} as another is "
              f"({len(set(alone))} different ones)")  # fmt: skip


def _placed(house: House, version_id: str, bundles: list[Path]) -> list[str]:
    """Stores voices with the prompts of a published version beside it; answers their version ids."""
    own = settings.load("inference", {"VOICEHUB_DATA": str(house.data)})
    database, objects = Database(own.database_url), open_store(own.objects_url)
    versions = [f"{number:032x}" for number in range(len(bundles))]
    with database.write() as session:
        original = store.find(session, version_id)
        assert original is not None
        for version, bundle in zip(versions, bundles, strict=True):
            files = tuple(_stored(objects, path) for path in sorted(bundle.iterdir()))
            store.save(session, replace(original, version_id=version, bundle=files))
    database.engine.dispose()
    return versions


def _stored(objects: ObjectStore, path: Path) -> StoredFile:
    kept = objects.put(Area.SERVED, [path.read_bytes()])
    return StoredFile(path.name, kept.digest, kept.size)
