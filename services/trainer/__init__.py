"""Recordings in, voices out: jobs, the worker that runs them, and the push of what they made."""
