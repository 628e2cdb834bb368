"""What is not the API itself: health, metrics, the document, the page."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flask import Blueprint, request, send_file
from prometheus_client import REGISTRY
from prometheus_client.exposition import choose_encoder
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from services.gateway.hub import Hub

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self' blob:;"
    " connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
MEDIA_TYPES: Mapping[str, str] = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


def blueprint(hub: Hub, document: Mapping[str, Any]) -> Blueprint:
    """Health, metrics, document and page."""
    system = Blueprint("system", __name__)
    text = json.dumps(document, ensure_ascii=False)
    files = page_files(hub.page)

    @system.get("/healthz")
    def healthz() -> Response:
        """Alive; and which services answer."""
        body = {"status": "ok", "services": hub.clients.health()}
        return Response(json.dumps(body), mimetype="application/json")

    @system.get("/metrics")
    def metrics() -> Response:
        """Prometheus text, or OpenMetrics for who asks for it."""
        if not hub.public_metrics:
            raise NotFound
        encode, media_type = choose_encoder(request.headers.get("Accept", ""))
        return Response(encode(REGISTRY), content_type=media_type)

    @system.get("/openapi.json")
    def openapi() -> Response:
        """The OpenAPI 3.1 document."""
        return Response(text, mimetype="application/json")

    @system.get("/", defaults={"path": "index.html"})
    @system.get("/page/<path:path>")
    def page(path: str) -> Response:
        """The web page: only files that were there at start, by their exact names."""
        if path not in files:
            raise NotFound
        response = send_file(files[path], mimetype=MEDIA_TYPES[files[path].suffix], conditional=True, max_age=0)
        response.headers["Content-Security-Policy"] = POLICY
        return response

    return system


def page_files(folder: Path) -> dict[str, Path]:
    """The files of the page by their path in the address."""
    found = (path for path in sorted(folder.rglob("*")) if path.is_file() and path.suffix in MEDIA_TYPES)
    return {path.relative_to(folder).as_posix(): path for path in found}
