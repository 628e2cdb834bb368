"""Merging of weights for pull requests: the catalog asks by an event, a worker process merges, the result is pushed."""
