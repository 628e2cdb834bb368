"""VoiceHub from Python: find voices, pull them, speak with them, push and train your own.

>>> import voicehub
>>> hub = voicehub.Client("http://127.0.0.1:8484")
>>> for hit in hub.search("English male narrator").items: ...
"""

from voicehub.client import Client
from voicehub.errors import (
    Conflict,
    DigestMismatch,
    Missing,
    NotAuditionable,
    NotFound,
    NotLoggedIn,
    Quarantined,
    Refused,
    TrainingFailed,
    Unreachable,
    Unreadable,
    UsageError,
    VoiceHubError,
)
from voicehub.models import Base, Comment, Declaration, Finding, Hit, Job, Progress, Repository, SearchPage, Version
from voicehub.names import VoiceName

__all__ = [
    "Base",
    "Client",
    "Comment",
    "Conflict",
    "Declaration",
    "DigestMismatch",
    "Finding",
    "Hit",
    "Job",
    "Missing",
    "NotAuditionable",
    "NotFound",
    "NotLoggedIn",
    "Progress",
    "Quarantined",
    "Refused",
    "Repository",
    "SearchPage",
    "TrainingFailed",
    "Unreachable",
    "Unreadable",
    "UsageError",
    "Version",
    "VoiceHubError",
    "VoiceName",
]
