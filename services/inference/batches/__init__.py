"""Batch synthesis: a list of lines × voices → objects, a manifest and one zip, in shards over the event bus."""
