"""What of a card its maker states: needs nothing, so that a service without the libraries of training knows it, too."""

from __future__ import annotations

CREATOR_KEYS = ("gender", "age", "persona", "emotions", "styles", "timbres", "tags")
