"""`python -m bench.many_voices [--voices 64] [--requests 1000]`: many different voices in a running hub at once.

Each must say, sample for sample, what it says alone in this process; *memory* is that of the inference service over
many requests to all of them.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench import spending
from bench.spoken_hub import Pulled, at_once, push_nano
from bench.stored_voices import placed
from services.common import rpc
from services.common.identity import Identity, Signer
from services.inference.tests.variants import variant
from services.stubs.voicehub.inference.v1 import inference_pb2 as pb
from services.stubs.voicehub.inference.v1 import inference_pb2_grpc
from tests.e2e.house import House, open_house

TEXT = "Seven trains a day stop at the little station."
SHORT = "A short one."
AT_ONCE, PATIENCE_SECONDS = 4, 600
Say = Callable[[int, str], bytes]
"""Number of the voice and a text to samples."""


def main(count: int, requests: int) -> None:
    """Prints what was found."""
    with tempfile.TemporaryDirectory() as name, open_house(Path(name)) as house:
        folder = Path(name)
        pulled = push_nano(house, folder)
        print(f"load {os.getloadavg()[0]:.1f} at the start, {os.cpu_count()} cores", flush=True)
        since = time.perf_counter()
        bundles = [variant(pulled.bundle, folder / f"voice{number}", number) for number in range(count)]
        versions = [f"{number:032x}" for number in range(count)]
        placed(house, pulled.version_id, dict(zip(versions, bundles, strict=True)))
        print(f"{count} voices made in {time.perf_counter() - since:.0f} s", flush=True)
        with _saying(house, versions) as say:
            _mixing(say, pulled, bundles)
            _memory(house, say, count, requests)
        print(f"load {os.getloadavg()[0]:.1f} at the end")


@contextmanager
def _saying(house: House, versions: Sequence[str]) -> Iterator[Say]:
    """Asks inference itself, as the gateway does: the catalog knows only one of these voices."""
    speaker = Identity("bench", "gateway", frozenset({"read"}))
    signer = Signer(house.data / "keys", "gateway")
    with rpc.make_channel(house.services()["inference"]["address"], lambda: signer.sign(speaker)) as channel:
        stub = inference_pb2_grpc.InferenceServiceStub(channel)

        def say(number: int, text: str) -> bytes:
            utterance = pb.SynthesizeRequest(version_id=versions[number], text=text, language="en", seed=number)
            asked = pb.SynthesizeStreamRequest(utterance=utterance, format="pcm")
            return b"".join(part.audio for part in stub.SynthesizeStream(asked, timeout=PATIENCE_SECONDS))

        yield say


def _mixing(say: Say, pulled: Pulled, bundles: Sequence[Path]) -> None:
    """Speaks with all of them twice, the first time while they are opened; prints how many said what they should."""
    count = len(bundles)
    rounds = [at_once(count, count, lambda number: say(number, TEXT)) for _ in range(2)]
    alone = [pulled.open(bundle).speak(TEXT, number).pcm for number, bundle in enumerate(bundles)]
    for name, (found, seconds) in zip(("while they are opened", "again"), rounds, strict=True):
        equal = sum(one == reference for one, reference in zip(found, alone, strict=True))
        swapped = sum(one in alone and one != reference for one, reference in zip(found, alone, strict=True))
        print(f"{count} different voices at once, {name}: {equal} as each is alone, {swapped} as another is "
              f"({len(set(alone))} different ones), {seconds:.0f} s", flush=True)  # fmt: skip


def _memory(house: House, say: Say, count: int, requests: int) -> None:
    pid = int(house.services()["inference"]["pid"])
    at_once(AT_ONCE, requests // 2, lambda n: say(n % count, SHORT))  # caches and pools have their size then
    before, begin = spending.resident(pid), time.perf_counter()
    at_once(AT_ONCE, requests, lambda n: say(n % count, SHORT))
    grown, seconds = (spending.resident(pid) - before) / 1e6, time.perf_counter() - begin
    each = f"{1000 * grown / requests:.2f} MB a thousand"
    print(f"{requests} requests to {count} voices in {seconds:.0f} s: inference has {before / 1e6:.0f} MB and grew by "
          f"{grown:.2f} MB ({each})")  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--voices", type=int, default=64)
    parser.add_argument("--requests", type=int, default=1000)
    given = parser.parse_args()
    main(given.voices, given.requests)
