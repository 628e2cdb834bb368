"""Search by sound and the alarm of protected voices, as the API says them."""

from __future__ import annotations

import io

import pytest

from services.gateway.limits import CLIPS
from services.gateway.routes.sound import CLIP_LIMIT
from services.gateway.tests.conftest import Gateway
from services.gateway.tests.upstreams import wav
from services.stubs.voicehub.catalog.v1 import catalog_pb2 as catalog


def test_a_clip_finds_voices(gateway: Gateway) -> None:
    gateway.world.add_voice("ann", "narrator")
    token = gateway.login("bob")
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/octet-stream"}
    answer = gateway.client.post("/v1/search/sound?q=lang:en&size=5", data=wav(), headers=headers)
    assert answer.status_code == 200, answer.text
    body = answer.get_json()
    assert [hit["repository"]["name"] for hit in body["items"]] == ["narrator"]
    assert body["seconds"] == 2.5
    (asked,) = [one for one in gateway.world.requests if isinstance(one, catalog.SearchBySoundRequest)]
    assert list(asked.embedding) == pytest.approx([0.6, 0.8])
    assert (asked.query, asked.size) == ("lang:en", 5)


@pytest.mark.parametrize(("clip", "status"), [(b"", 422), (b"not audio", 422), (bytes(13 << 20), 413)])
def test_what_is_no_clip_is_refused(gateway: Gateway, clip: bytes, status: int) -> None:
    headers = {"Authorization": f"Bearer {gateway.login('bob')}"}
    answer = gateway.client.post("/v1/search/sound", data=clip, headers=headers)
    assert answer.status_code == status
    assert answer.get_json()["hint"]
    assert gateway.client.post("/v1/search/sound", data=wav()).status_code == 401


def test_a_clip_without_a_stated_length_is_not_cut_off(gateway: Gateway) -> None:
    headers = {"Authorization": f"Bearer {gateway.login('bob')}", "Transfer-Encoding": "chunked"}
    chunked = {"wsgi.input_terminated": True}  # as gunicorn says of a body in chunks
    for extra, status in ((0, 422), (1, 413)):
        body = io.BytesIO(bytes(CLIP_LIMIT + extra))
        answer = gateway.client.post("/v1/search/sound", input_stream=body, headers=headers, environ_overrides=chunked)
        assert answer.status_code == status


def test_few_clips_are_measured_at_once(gateway: Gateway) -> None:
    gateway.world.add_voice("ann", "narrator")
    headers = {"Authorization": f"Bearer {gateway.login('bob')}"}
    slots = gateway.hub.limits.clips
    for _ in range(CLIPS):
        slots.take()
    refused = gateway.client.post("/v1/search/sound", data=wav(), headers=headers)
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "5")
    for _ in range(CLIPS):
        slots.give()
    assert gateway.client.post("/v1/search/sound", data=wav(), headers=headers).status_code == 200


def test_protection_and_what_came_too_close(gateway: Gateway) -> None:
    gateway.world.add_voice("ann", "narrator")
    token, path = gateway.login("ann"), "/v1/repos/ann/narrator"
    for method, protected in (("PUT", True), ("DELETE", False)):
        answer = gateway.json(method, f"{path}/protection", token=token)
        assert answer.get_json()["protected"] is protected
    (one,) = gateway.json("GET", f"{path}/likenesses", token=token).get_json()["items"]
    assert (one["name"], one["protected_name"], one["similarity"]) == ("twin", "narrator", 0.91)
