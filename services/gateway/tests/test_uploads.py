"""Resumable uploads: durable offsets, one owner, nothing past the announced size."""

from __future__ import annotations

import io
import os

import pytest
from blake3 import blake3

from services.common.errors import Conflict
from services.common.objects import Area
from services.gateway.tests.conftest import Gateway

DATA = bytes(range(256)) * 40


def _patch(gateway: Gateway, token: str, upload: str, offset: str, data: bytes) -> tuple[int, dict[str, object]]:
    headers = {"Authorization": f"Bearer {token}", "Upload-Offset": offset}
    answer = gateway.client.patch(f"/v1/uploads/{upload}", data=data, headers=headers)
    return answer.status_code, answer.get_json()


def test_pieces_become_one_object_in_quarantine(gateway: Gateway) -> None:
    token = gateway.login("anna")
    upload = gateway.json("POST", "/v1/uploads", {"filename": "录音.wav", "size": len(DATA)}, token).get_json()["id"]
    status, body = _patch(gateway, token, upload, "0", DATA[:1000])
    assert (status, body["offset"], "digest" in body) == (200, 1000, False)
    assert gateway.json("GET", f"/v1/uploads/{upload}", token=token).get_json()["offset"] == 1000
    status, body = _patch(gateway, token, upload, "1000", DATA[1000:])
    assert (status, body["digest"]) == (200, blake3(DATA).hexdigest())
    assert gateway.hub.objects.open(Area.QUARANTINE, blake3(DATA).hexdigest()).read() == DATA
    with pytest.raises(KeyError):
        gateway.hub.objects.info(Area.SERVED, blake3(DATA).hexdigest())


def test_a_wrong_offset_says_the_right_one(gateway: Gateway) -> None:
    token = gateway.login("anna")
    upload = gateway.json("POST", "/v1/uploads", {"filename": "a", "size": 10}, token).get_json()["id"]
    _patch(gateway, token, upload, "0", b"abc")
    status, body = _patch(gateway, token, upload, "5", b"fg")
    assert (status, body["reason"]) == (409, "OFFSET_MISMATCH")
    assert "3" in str(body["hint"])


def test_more_than_announced_is_refused(gateway: Gateway) -> None:
    token = gateway.login("anna")
    upload = gateway.json("POST", "/v1/uploads", {"filename": "a", "size": 4}, token).get_json()["id"]
    status, body = _patch(gateway, token, upload, "0", b"12345")
    assert (status, body["reason"]) == (400, "UPLOAD_TOO_LONG")
    assert "digest" not in gateway.json("GET", f"/v1/uploads/{upload}", token=token).get_json()


def test_uploads_of_others_do_not_exist(gateway: Gateway) -> None:
    upload = gateway.upload(gateway.login("anna"), DATA)
    bert = gateway.login("bert")
    missing = gateway.json("GET", "/v1/uploads/" + "0" * 32, token=bert)
    foreign = gateway.json("GET", f"/v1/uploads/{upload}", token=bert)
    assert foreign.status_code == missing.status_code == 404
    assert foreign.get_json() == missing.get_json()
    assert _patch(gateway, bert, upload, "0", b"x")[0] == 404


def test_a_torn_connection_keeps_what_arrived(gateway: Gateway) -> None:
    gateway.login("anna")
    upload = gateway.hub.uploads.begin("anna", "a.wav", 10)

    class Torn(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            data = super().read(4 if self.tell() == 0 else 0)
            if not data:
                raise ConnectionResetError
            return data

    with pytest.raises(ConnectionResetError):
        gateway.hub.uploads.append("anna", upload.id, 0, Torn(b"abcdefghij"))
    assert gateway.hub.uploads.get("anna", upload.id).offset == 4
    done = gateway.hub.uploads.append("anna", upload.id, 4, io.BytesIO(b"efghij"))
    assert done.digest == blake3(b"abcdefghij").hexdigest()


def test_a_crash_before_the_digest_is_mended_by_asking(gateway: Gateway) -> None:
    gateway.login("anna")
    upload = gateway.hub.uploads.begin("anna", "a.wav", 3)
    gateway.hub.uploads._path(upload.id).write_bytes(b"abc")  # the last bytes are durable, then the power fails
    gateway.hub.uploads._rows.advance(upload, 3)
    assert gateway.hub.uploads.get("anna", upload.id).digest == blake3(b"abc").hexdigest()


@pytest.mark.parametrize("kept", [b"", b"ab"])
def test_bytes_that_are_not_there_any_more_are_asked_for_again(gateway: Gateway, kept: bytes) -> None:
    token = gateway.login("anna")
    upload = gateway.json("POST", "/v1/uploads", {"filename": "a", "size": 6}, token).get_json()["id"]
    path = gateway.hub.uploads._path(upload)
    for sent in ("abc", "abcdef"):  # on its way, and about to be finished
        path.write_bytes(sent.encode())
        gateway.hub.uploads._rows.advance(gateway.hub.uploads._rows.get("anna", upload), len(sent))
        if kept:
            path.write_bytes(kept)
        else:
            path.unlink()  # as a hub has it that was restored
        status, body = _patch(gateway, token, upload, str(len(sent)), b"def"[: 6 - len(sent)])
        assert (status, body["reason"]) == (409, "OFFSET_MISMATCH")
        shown = gateway.json("GET", f"/v1/uploads/{upload}", token=token).get_json()
        assert shown["offset"] == len(kept)
    assert _patch(gateway, token, upload, str(len(kept)), b"abcdef"[len(kept) :])[0] == 200
    assert gateway.hub.objects.open(Area.QUARANTINE, blake3(b"abcdef").hexdigest()).read() == b"abcdef"


def test_what_a_crash_left_of_forgotten_uploads_goes(gateway: Gateway) -> None:
    gateway.login("anna")
    old, fresh = (gateway.hub.uploads._path(name * 32) for name in "af")
    for path in (old, fresh):
        path.write_bytes(b"her voice")
    os.utime(old, (0, 0))
    gateway.hub.uploads.begin("anna", "a.wav", 3)
    assert (old.exists(), fresh.exists()) == (False, True)


def test_a_full_disk_is_no_mistake_of_the_hub(gateway: Gateway) -> None:
    token = gateway.login("anna")
    upload = gateway.json("POST", "/v1/uploads", {"filename": "a", "size": 3}, token).get_json()["id"]
    gateway.hub.uploads._path(upload).symlink_to("/dev/full")
    status, body = _patch(gateway, token, upload, "0", b"abc")
    assert (status, body["reason"]) == (503, "ENGINE_AWAY")
    gateway.hub.uploads._path(upload).unlink()
    assert _patch(gateway, token, upload, "0", b"abc")[0] == 200


def test_one_visitor_cannot_keep_all_slots(gateway: Gateway) -> None:
    token, slots = gateway.login("anna"), gateway.hub.limits.uploads
    upload = gateway.json("POST", "/v1/uploads", {"filename": "a", "size": 3}, token).get_json()["id"]
    part = {"offset": 0, "digest": "0" * 64, "start": 0, "size": 3}
    for _ in range(slots.each):
        slots.take("anna")
    assert _patch(gateway, token, upload, "0", b"abc")[1]["reason"] == "SHARE_TAKEN"
    assert _copy(gateway, token, upload, **part)[1]["reason"] == "SHARE_TAKEN"
    assert gateway.upload(gateway.login("bert"), b"abc")
    slots.give("anna")
    assert _patch(gateway, token, upload, "0", b"abc")[0] == 200


def test_two_writers_do_not_mix(gateway: Gateway) -> None:
    gateway.login("anna")
    upload = gateway.hub.uploads.begin("anna", "a.wav", 6)

    class Meanwhile(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            with pytest.raises(Conflict):
                gateway.hub.uploads.append("anna", upload.id, 0, io.BytesIO(b"zzzzzz"))
            return super().read(size)

    done = gateway.hub.uploads.append("anna", upload.id, 0, Meanwhile(b"abcdef"))
    assert done.digest == blake3(b"abcdef").hexdigest()


def _copy(gateway: Gateway, token: str, upload: str, **part: object) -> tuple[int, dict[str, object]]:
    answer = gateway.json("POST", f"/v1/uploads/{upload}/copies", part, token)
    return answer.status_code, answer.get_json()


def test_what_one_gave_before_needs_no_sending(gateway: Gateway) -> None:
    token = gateway.login("anna")
    gateway.upload(token, DATA)
    known, wanted = blake3(DATA).hexdigest(), DATA[100:900] + b"new" + DATA[5000:]
    upload = gateway.json("POST", "/v1/uploads", {"filename": "b", "size": len(wanted)}, token).get_json()["id"]
    assert _copy(gateway, token, upload, offset=0, digest=known, start=100, size=800)[1]["offset"] == 800
    assert _copy(gateway, token, upload, offset=0, digest=known, start=0, size=9)[0] == 409
    assert _patch(gateway, token, upload, "800", b"new")[1]["offset"] == 803
    status, body = _copy(gateway, token, upload, offset=803, digest=known, start=5000, size=len(DATA) - 5000)
    assert (status, body["digest"]) == (200, blake3(wanted).hexdigest())
    assert gateway.hub.objects.open(Area.QUARANTINE, str(body["digest"])).read() == wanted


def test_what_others_gave_is_not_known_to_exist(gateway: Gateway) -> None:
    gateway.upload(gateway.login("anna"), DATA)
    bert = gateway.login("bert")
    upload = gateway.json("POST", "/v1/uploads", {"filename": "b", "size": len(DATA)}, bert).get_json()["id"]
    foreign = _copy(gateway, bert, upload, offset=0, digest=blake3(DATA).hexdigest(), start=0, size=len(DATA))
    missing = _copy(gateway, bert, upload, offset=0, digest="0" * 64, start=0, size=len(DATA))
    assert foreign == missing
    assert foreign[0] == 404


def test_a_copy_brings_no_more_than_was_announced(gateway: Gateway) -> None:
    token = gateway.login("anna")
    gateway.upload(token, DATA)
    known = blake3(DATA).hexdigest()
    upload = gateway.json("POST", "/v1/uploads", {"filename": "b", "size": 10}, token).get_json()["id"]
    assert _copy(gateway, token, upload, offset=0, digest=known, start=0, size=11)[1]["reason"] == "UPLOAD_TOO_LONG"
    for start in (len(DATA) - 4, len(DATA) + 99):
        assert _copy(gateway, token, upload, offset=0, digest=known, start=start, size=10)[0] == 400
