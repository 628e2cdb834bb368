"""Downloads: strong ETag, Range, If-Range, 304, 416, and nothing for who may not see the version."""

from __future__ import annotations

import pytest
from blake3 import blake3
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from services.gateway.domain.ranges import Span, Unsatisfiable, holds, matches, select
from services.gateway.limits import Slots
from services.gateway.tests.conftest import Gateway
from services.gateway.tests.upstreams import BIG

DIGEST = blake3(BIG).hexdigest()
ETAG = f'"{DIGEST}"'


def _get(gateway: Gateway, name: str = "narrator", token: str = "", **headers: str) -> TestResponse:
    path = f"/v1/repos/anna/{name}/versions/main/objects/{DIGEST}"
    return gateway.json("GET", path, token=token, **headers)


def test_the_whole_object(gateway: Gateway) -> None:
    gateway.world.add_voice("anna", "narrator")
    answer = _get(gateway)
    assert (answer.status_code, answer.data) == (200, BIG)
    assert answer.headers["ETag"] == ETAG
    assert answer.headers["Content-Length"] == str(len(BIG))
    assert answer.headers["Accept-Ranges"] == "bytes"


@pytest.mark.parametrize(
    ("header", "start", "stop"),
    [
        ("bytes=0-9", 0, 10),
        ("bytes=100-", 100, len(BIG)),
        ("bytes=-5", len(BIG) - 5, len(BIG)),
        ("bytes=5-99999999", 5, len(BIG)),
    ],
)
def test_a_range(gateway: Gateway, header: str, start: int, stop: int) -> None:
    gateway.world.add_voice("anna", "narrator")
    answer = _get(gateway, Range=header, If_Range=ETAG)
    assert (answer.status_code, answer.data) == (206, BIG[start:stop])
    assert answer.headers["Content-Range"] == f"bytes {start}-{stop - 1}/{len(BIG)}"


@pytest.mark.parametrize("tag", ['"other"', f"W/{ETAG}", "Mon, 23 Nov 2026 00:00:00 GMT"])
def test_if_range_of_another_object_gives_the_whole(gateway: Gateway, tag: str) -> None:
    gateway.world.add_voice("anna", "narrator")
    answer = _get(gateway, Range="bytes=0-9", If_Range=tag)
    assert (answer.status_code, answer.data) == (200, BIG)


def test_outside_is_416(gateway: Gateway) -> None:
    gateway.world.add_voice("anna", "narrator")
    answer = _get(gateway, Range=f"bytes={len(BIG)}-")
    assert answer.status_code == 416
    assert answer.headers["Content-Range"] == f"bytes */{len(BIG)}"
    assert answer.get_json()["hint"]


def test_a_known_object_is_not_sent_again(gateway: Gateway) -> None:
    gateway.world.add_voice("anna", "narrator")
    answer = _get(gateway, If_None_Match=f'"x", {ETAG}')
    assert (answer.status_code, answer.data) == (304, b"")


def test_private_objects_look_like_missing_ones(gateway: Gateway) -> None:
    gateway.world.add_voice("anna", "secret", private=True)
    bert = gateway.login("bert")
    private, missing = _get(gateway, "secret", bert), _get(gateway, "nothing", bert)
    assert private.status_code == missing.status_code == 404
    assert private.get_json() == missing.get_json()
    assert _get(gateway, "secret", gateway.login("anna")).data == BIG


def test_head_gives_its_slot_back(gateway: Gateway) -> None:
    gateway.world.add_voice("anna", "narrator")
    for _ in range(50):  # more than there are slots
        answer = gateway.client.head(f"/v1/repos/anna/narrator/versions/main/objects/{DIGEST}")
        assert (answer.status_code, answer.headers["Content-Length"]) == (200, str(len(BIG)))
        answer.close()


def test_a_full_pool_is_said_and_search_goes_on(gateway: Gateway) -> None:
    gateway.world.add_voice("anna", "narrator")
    path, token = f"/v1/repos/anna/narrator/versions/main/objects/{DIGEST}", gateway.login("bert")
    slow = [gateway.client.get(path, buffered=False) for _ in range(10)]
    share = _get(gateway)
    assert (share.status_code, share.get_json()["reason"]) == (429, "SHARE_TAKEN")
    signed = {"Authorization": f"Bearer {token}"}
    slow += [gateway.client.get(path, headers=signed, buffered=False) for _ in range(10)]
    refused = _get(gateway, token=gateway.login("anna"))
    assert (refused.status_code, refused.get_json()["reason"]) == (503, "POOL_FULL")
    assert int(refused.headers["Retry-After"]) > 0
    assert gateway.json("GET", "/v1/search?q=x").status_code == 200
    for answer in slow:
        answer.close()
    assert _get(gateway).status_code == 200


def test_an_object_store_that_is_away_is_503(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> None:
        raise ConnectionError("the object store does not answer")  # as S3's adapter says it

    gateway.world.add_voice("anna", "narrator")
    monkeypatch.setattr(gateway.hub.objects, "open", away)
    answer = _get(gateway)
    assert (answer.status_code, answer.get_json()["reason"]) == (503, "ENGINE_AWAY")
    assert int(answer.headers["Retry-After"]) > 0


def test_a_slot_is_not_given_twice() -> None:
    slots = Slots("things", 1)
    with slots.one():
        pass
    with pytest.raises(ValueError, match="released too many"):
        slots.give()


@given(st.text(max_size=30), st.integers(1, 10_000))
def test_any_range_header_is_a_span_inside_or_nothing(header: str, size: int) -> None:
    for text in (header, f"bytes={header}"):
        try:
            span = select(text, size)
        except Unsatisfiable:
            continue
        assert span is None or 0 <= span.start < span.stop <= size


def test_conditions() -> None:
    assert select("bytes=1-2", 10) == Span(1, 3)
    assert select("bytes=1-2,4-5", 10) is None
    assert select("bytes=5-2", 10) is None
    assert holds("", '"a"')
    assert not holds('W/"a"', '"a"')
    assert matches('W/"a"', '"a"')
    assert matches("*", '"a"')
