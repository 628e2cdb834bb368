"""Objects as HTTP answers: strong ETag, one Range, If-Range, If-None-Match, 416 (RFC 9110)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO
from urllib.parse import quote

from werkzeug.datastructures import Headers
from werkzeug.wrappers import Response

from services.gateway.domain.ranges import Span, Unsatisfiable, holds, matches, select
from services.gateway.limits import Slots
from services.gateway.rest.problems import problem

BLOCK = 256 << 10
IN_MEMORY = 64 << 10  # fits a socket's buffer: such answers are quick and take no slot
YEAR = "private, max-age=31536000, immutable"


def serve(
    stream: BinaryIO,
    size: int,
    digest: str,
    media_type: str,
    filename: str,
    asked: Headers,
    slots: Slots,
    visitor: str,
) -> Response:
    """The object, the asked part of it, or 304 or 416.

    Args:
        stream: the object, seekable; closed when the answer is sent.
        asked: headers of the request.
        slots: pool that an answer larger than `IN_MEMORY` takes a slot of the visitor's from until it is sent.
    """
    etag = f'"{digest}"'
    headers = _headers(etag, filename)
    try:
        span = select(asked.get("Range", ""), size) if holds(asked.get("If-Range", ""), etag) else None
    except Unsatisfiable:
        stream.close()
        outside = {"Content-Range": f"bytes */{size}", "ETag": etag}
        return problem(416, "The range lies outside the object.", f"The object has {size} bytes.", headers=outside)
    if matches(asked.get("If-None-Match", ""), etag):
        stream.close()
        return Response(status=304, headers=headers)
    whole = Span(0, size)
    if span is not None:
        headers["Content-Range"] = f"bytes {span.start}-{span.stop - 1}/{size}"
    return _answer(stream, span or whole, 200 if span is None else 206, media_type, headers, slots, visitor)


def _answer(
    stream: BinaryIO, span: Span, status: int, media_type: str, headers: dict[str, str], slots: Slots, visitor: str
) -> Response:
    stream.seek(span.start)
    if span.size <= IN_MEMORY:
        with stream:
            return Response(stream.read(span.size), status, headers=headers, mimetype=media_type)
    try:
        slots.take(visitor)
    except BaseException:
        stream.close()
        raise
    headers["Content-Length"] = str(span.size)
    response = Response(_blocks(stream, span.size), status, headers=headers, mimetype=media_type)
    response.call_on_close(stream.close)
    response.call_on_close(lambda: slots.give(visitor))
    return response


def _blocks(stream: BinaryIO, left: int) -> Iterator[bytes]:
    while left and (block := stream.read(min(BLOCK, left))):
        left -= len(block)
        yield block


def _headers(etag: str, filename: str) -> dict[str, str]:
    plain = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "_" for c in filename) or "object"
    return {
        "ETag": etag,
        "Accept-Ranges": "bytes",
        "Cache-Control": YEAR,
        "Vary": "Authorization",
        "Content-Disposition": f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(filename, safe='')}",
        "Content-Security-Policy": "sandbox",
    }
