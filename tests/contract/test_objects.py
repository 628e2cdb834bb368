"""The contract of the object store, for every adapter."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from blake3 import blake3
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.common.objects import Area, ObjectStore, open_store
from tests.contract.children import child, lines_until_killed


@pytest.fixture
def store(objects_url: str) -> ObjectStore:
    return open_store(objects_url)


@given(chunks=st.lists(st.binary(max_size=300), max_size=6), offset=st.integers(0, 50))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_put_is_read_from_any_offset(store: ObjectStore, chunks: list[bytes], offset: int) -> None:
    whole = b"".join(chunks)
    info = store.put(Area.SERVED, chunks)
    assert (info.digest, info.size) == (blake3(whole).hexdigest(), len(whole))
    assert store.info(Area.SERVED, info.digest) == info
    with store.open(Area.SERVED, info.digest, min(offset, len(whole))) as stream:
        assert stream.read() == whole[min(offset, len(whole)) :]
        stream.seek(min(offset, len(whole)) // 2)
        assert stream.read(9) == whole[min(offset, len(whole)) // 2 :][:9]


def test_the_same_bytes_twice_are_one_object(store: ObjectStore) -> None:
    assert store.put(Area.SERVED, [b"a", b"b"]) == store.put(Area.SERVED, [b"ab"])
    assert len(list(store.digests(Area.SERVED))) == 1


def test_quarantine_is_never_served(store: ObjectStore) -> None:
    digest = store.put(Area.QUARANTINE, [b"hostile"]).digest
    with pytest.raises(KeyError):
        store.open(Area.SERVED, digest)
    with pytest.raises(KeyError):
        store.info(Area.SERVED, digest)
    assert list(store.digests(Area.SERVED)) == []


def test_deleted_is_gone_and_deleting_again_is_no_error(store: ObjectStore) -> None:
    digest = store.put(Area.SERVED, [b"x"]).digest
    store.delete(Area.SERVED, digest)
    store.delete(Area.SERVED, digest)
    with pytest.raises(KeyError):
        store.info(Area.SERVED, digest)


@pytest.mark.parametrize("digest", ["", "../../etc/passwd", "0" * 63, "G" * 64, "0" * 64 + "\n", "0" * 64])
def test_what_is_no_digest_or_not_there_is_a_key_error(store: ObjectStore, digest: str) -> None:
    with pytest.raises(KeyError):
        store.open(Area.SERVED, digest)
    with pytest.raises(KeyError):
        store.info(Area.SERVED, digest)
    with pytest.raises(KeyError):
        store.age(Area.SERVED, digest)


def test_only_what_was_put_long_ago_is_removed(store: ObjectStore) -> None:
    digest = store.put(Area.SERVED, [b"young"]).digest
    assert 0 <= store.age(Area.SERVED, digest) < 600
    assert not store.delete_older(Area.SERVED, digest, 3600)
    assert store.info(Area.SERVED, digest).digest == digest
    assert store.delete_older(Area.SERVED, digest, 0)
    assert store.delete_older(Area.SERVED, digest, 3600), "it is not there any more"
    assert list(store.digests(Area.SERVED)) == []


def test_a_put_that_fails_leaves_nothing(store: ObjectStore) -> None:
    def broken() -> Iterator[bytes]:
        yield b"half"
        raise OSError("the line went dead")

    with pytest.raises(OSError, match="line went dead"):
        store.put(Area.SERVED, broken())
    assert list(store.digests(Area.SERVED)) == []


def test_a_writer_killed_leaves_whole_objects_only(objects_url: str, store: ObjectStore) -> None:
    said = lines_until_killed(child("workers", "put", objects_url), 5)
    there = set(store.digests(Area.SERVED))
    assert there >= set(said)
    for digest in there:
        with store.open(Area.SERVED, digest) as stream:
            assert blake3(stream.read()).hexdigest() == digest


def test_an_unknown_scheme_is_refused() -> None:
    with pytest.raises(ValueError, match="VOICEHUB_OBJECTS_URL"):
        open_store("gopher://nowhere")
