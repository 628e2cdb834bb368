"""What a permitted constructor raises when its arguments are odd."""

from __future__ import annotations


class Mismatch(Exception):
    """Arguments that no saved model has."""
