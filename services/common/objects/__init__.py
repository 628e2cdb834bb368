"""The object store: immutable bytes, addressed by their BLAKE3-256 digest."""

from services.common.objects.port import Area, ObjectInfo, ObjectStore, open_store

__all__ = ["Area", "ObjectInfo", "ObjectStore", "open_store"]
