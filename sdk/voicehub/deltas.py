"""Updates: where an earlier version is in the cache, changed tensors come as deltas from it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from voicehub.cache import Cache
from voicehub.decoding import decode
from voicehub.downloads import Patches, Wanted
from voicehub.errors import NotFound
from voicehub.models import Page, TensorDelta, Version
from voicehub.names import VoiceName
from voicehub.transport import Transport

MOST_ASKED = 3
"""Versions in the cache that the hub is asked about."""


def with_deltas(
    transport: Transport, cache: Cache, name: VoiceName, version: Version, wanted: Sequence[Wanted]
) -> list[Wanted]:
    """The same objects, those with a delta from what is here marked; whole ones remain where there is none."""
    tensors = {tensor.digest for tensor in version.tensors}
    digests = tensors & {w.object.digest for w in wanted}
    missing = {digest for digest in digests if not cache.blob(digest).is_file()}
    patches: dict[str, Patches] = {}
    for have in _candidates(cache, name, version) if missing else ():
        patches |= _patches(transport, cache, f"{name.path}/versions/{version.id}/deltas", have, missing - set(patches))
        if patches.keys() >= missing:
            break
    return [replace(w, patches=patches.get(w.object.digest)) for w in wanted]


def _candidates(cache: Cache, name: VoiceName, version: Version) -> Iterator[str]:
    """Versions in the cache that may be ancestors: parents first, then others of the voice, newest first."""
    held = [(voice, one) for voice, one in cache.versions() if one.id != version.id and one.tensors]
    parents = [one.id for _, one in held if one.id in version.parents]
    same = [one for voice, one in held if (voice.owner, voice.name) == (name.owner, name.name)]
    newest = sorted(same, key=lambda one: str(one.create_time), reverse=True)
    yield from list(dict.fromkeys([*parents, *(one.id for one in newest)]))[:MOST_ASKED]


def _patches(transport: Transport, cache: Cache, path: str, have: str, missing: set[str]) -> dict[str, Patches]:
    try:
        page = decode(Page, transport.json("GET", path, params={"have": have}))
    except NotFound:  # a hub that has no deltas
        return {}
    found = (decode(TensorDelta, item) for item in page.items)
    return {
        delta.digest: Patches(
            tuple(Wanted(step.object, f"{path}/{have}/{step.object.digest}") for step in delta.steps),
            delta.steps[0].base,
        )
        for delta in found
        if delta.digest in missing and delta.steps and cache.blob(delta.steps[0].base).is_file()
    }
