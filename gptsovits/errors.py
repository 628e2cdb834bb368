"""Errors of the engine: one sentence each that says what is wrong and what to do."""

from __future__ import annotations

import pickle


class VoiceError(Exception):
    """The voice, or what was given with it, cannot be used."""


class UnsupportedVoice(VoiceError):
    """The voice is recognised, but this engine does not speak its version."""


class BrokenVoice(VoiceError):
    """Tensors or files of the voice do not fit together."""


class MissingInput(VoiceError):
    """Something that the voice needs was not given."""


UNREADABLE = (RuntimeError, EOFError, ValueError, LookupError, pickle.UnpicklingError)
"""What torch raises for a file that is not whole."""
