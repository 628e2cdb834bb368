"""The object store: immutable bytes, addressed by their BLAKE3-256 digest."""

from services.common.objects.port import Area, ObjectInfo, ObjectStore, is_digest, open_store

__all__ = ["Area", "ObjectInfo", "ObjectStore", "is_digest", "open_store"]
