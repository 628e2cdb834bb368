"""The engines of a cluster as real processes on the loopback: fetched, built and started by `python -m tests.engines`."""
