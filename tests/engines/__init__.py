"""The engines of a cluster as real processes on the loopback: fetched, built and run by `python -m tests.engines`."""
