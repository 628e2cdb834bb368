"""Voices as Elasticsearch documents, and the mapping they need."""

from __future__ import annotations

from typing import Any

from services.catalog.search.lexicon import Lexicon
from services.catalog.search.port import Change
from services.catalog.search.ranking import standing
from services.catalog.search.record import SearchRecord, facets_of, text_of, title_of

Body = dict[str, Any]
LAYOUT = 4
POSITION = " position"
"""Id of the document that keeps the index's position in the log, which nobody sees. No voice has an id that begins with
a space: those of the hub are letters and digits, those of a judged set lose theirs."""
SETTINGS: Body = {
    "number_of_shards": 1,
    "auto_expand_replicas": "0-1",
    "refresh_interval": "-1",
    # Embeddings of a thousand lengths are more fields than a mapping takes; of the next one the voice is kept without.
    "mapping.total_fields.ignore_dynamic_beyond_limit": True,
}
_NUMBERS = ("stars", "mos", "downloads", "created", "standing", "rank")
_KEYWORDS = ("id", "owner", "label", "name", "family", "facets", "principals")


def mapping(stamp: str) -> Body:
    """Stems are split at spaces; vectors are kept as they are, in a field for each length."""
    text = {"type": "text", "analyzer": "whitespace", "norms": False}
    vector = {"type": "dense_vector", "similarity": "cosine", "index_options": {"type": "flat"}}
    return {
        "_meta": {"stamp": stamp},
        "dynamic": False,
        "dynamic_templates": [{"vectors": {"path_match": "vectors.*", "mapping": vector}}],
        "properties": {
            **dict.fromkeys(("title", "body"), text),
            **{name: {"type": "keyword"} for name in _KEYWORDS},
            **{name: {"type": "double"} for name in _NUMBERS},
            "private": {"type": "boolean"},
            "vectors": {"type": "object", "dynamic": True},
        },
    }


def vector_field(length: int) -> str:
    """The field of the vectors of one length."""
    return f"vectors.of_{length}"


def document(change: Change, lexicon: Lexicon) -> Body:
    """What the engine keeps of a change.

    Of a voice that is gone it keeps a mark that nobody sees, so that no older change brings the voice back.
    """
    if change.record is None:
        return {"private": True}
    return _entry(change.record, lexicon)


def _entry(record: SearchRecord, lexicon: Lexicon) -> Body:
    worth = standing(record)
    entry: Body = {
        "id": record.id,
        "owner": record.owner,
        "label": f"{record.owner}/{record.name}",
        "name": record.name,
        "family": record.family or record.id,
        "private": record.private,
        "principals": list(record.principals),
        "title": title_of(record),
        "body": text_of(record),
        "facets": [f"{facet.key}:{facet.value}" for facet in sorted(facets_of(record, lexicon))],
        "stars": record.stars,
        "mos": record.mos,
        "downloads": record.downloads,
        "created": record.created.timestamp(),
        "standing": worth,
        "rank": max(worth + 1, 0.0),  # the engine adds no negative numbers
    }
    if record.embedding:
        entry["vectors"] = {f"of_{len(record.embedding)}": list(record.embedding)}
    return entry
