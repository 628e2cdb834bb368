"""What may go wrong on the way to the API of Kubernetes."""

from __future__ import annotations

import aiohttp

from voicehub_operator.api import ApiError

REACH = (ApiError, aiohttp.ClientError, OSError, TimeoutError)
"""Refused, or not reached. All of it is tried again."""
