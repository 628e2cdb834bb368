"""Records of a dataset as Parquet: one file of voices, one of their objects. Needs the extra `datasets` (pyarrow)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from voicehub.errors import Missing

ROWS = 4096
"""Of a row group: fixed, so that the same records are the same bytes."""
FIGURES = {
    "mos": "mos_dnsmos",
    "similarity": "similarity_resemblyzer",
    "word_error_rate": "word_error_rate_pocketsphinx",
    "seconds": "seconds",
}
"""Columns of metrics, by the names that the trainer gives them."""
LISTS = ("languages", "emotions", "styles", "timbres", "tags")
WORDS = ("gender", "age", "persona", "base", "description_zh", "description_en")


@dataclass(frozen=True)
class Written:
    """How many objects were listed, and by which library."""

    objects: int
    tool: str


def write(records: Sequence[Mapping[str, Any]], voices: Path, objects: Path) -> Written:
    """Writes both files.

    Raises:
        Missing: pyarrow is not installed.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise Missing(f"Parquet needs the package {error.name}.", hint="pip install 'voicehub[datasets]'") from error
    from gptsovits.whole import replacing

    options = {"compression": "zstd", "row_group_size": ROWS, "version": "2.6", "store_schema": False}
    rows = [_voice(record) for record in records]
    with replacing(voices) as beside:
        pq.write_table(pa.Table.from_pylist(rows, schema=_voices(pa)), beside, **options)
    listed = [_object(record, one) for record in records for one in record.get("objects", [])]
    with replacing(objects) as beside:
        pq.write_table(pa.Table.from_pylist(listed, schema=_objects(pa)), beside, **options)
    return Written(len(listed), f"pyarrow {pa.__version__}")


def _voice(record: Mapping[str, Any]) -> dict[str, Any]:
    card, figures = record.get("card", {}), dict(record.get("figures", {}))
    declaration = record.get("declaration", {})
    embedding = figures.pop("speaker_embedding", None)
    makers = record.get("makers", [])
    return {
        "number": record["number"],
        "owner": record["owner"],
        "name": record["name"],
        "version": record["version"],
        "author": record["author"],
        "create_time": _time(record.get("create_time")),
        "publish_time": _time(record.get("publish_time")),
        "license": declaration.get("license", ""),
        "commercial": bool(record.get("commercial")),
        "source": declaration.get("source", ""),
        "consent": declaration.get("consent", ""),
        "family": record.get("family", ""),
        **{name: [str(one) for one in card.get(name) or []] for name in LISTS},
        **{name: str(card.get(name) or "") for name in WORDS},
        "stars": record.get("stars", 0),
        "downloads": record.get("downloads", 0),
        **{name: _number(figures.get(key)) for name, key in FIGURES.items()},
        "figures": json.dumps(figures, ensure_ascii=False, sort_keys=True),
        "speaker_embedding": [float(one) for one in embedding] if isinstance(embedding, list) else None,
        "parents": list(record.get("parents", [])),
        "makers": [{"account": one["account"], "distance": int(one["distance"])} for one in makers],
    }


def _object(record: Mapping[str, Any], one: Mapping[str, Any]) -> dict[str, Any]:
    path = f"/v1/repos/{record['owner']}/{record['name']}/versions/{record['version']}/objects/{one['digest']}"
    return {"version": record["version"], "kind": one["kind"], "path": one["path"], "digest": one["digest"],
            "size": one["size"], "address": path}  # fmt: skip


def _voices(pa: Any) -> Any:
    text, texts, time = pa.string(), pa.list_(pa.string()), pa.timestamp("us", tz="UTC")
    maker = pa.struct([("account", text), ("distance", pa.int64())])
    plain = [(name, text) for name in ("owner", "name", "version", "author")]
    return pa.schema(
        [
            ("number", pa.int64()), *plain, ("create_time", time), ("publish_time", time), ("license", text),
            ("commercial", pa.bool_()), ("source", text), ("consent", text), ("family", text),
            *((name, texts) for name in LISTS), *((name, text) for name in WORDS),
            ("stars", pa.int64()), ("downloads", pa.int64()), *((name, pa.float64()) for name in FIGURES),
            ("figures", text), ("speaker_embedding", pa.list_(pa.float32())), ("parents", texts),
            ("makers", pa.list_(maker)),
        ]
    )  # fmt: skip


def _objects(pa: Any) -> Any:
    names = ("version", "kind", "path", "digest")
    return pa.schema([*((name, pa.string()) for name in names), ("size", pa.int64()), ("address", pa.string())])


def _time(value: str | None) -> datetime | None:
    return datetime.fromisoformat(value.replace("Z", "+00:00")).astimezone(UTC) if value else None


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
