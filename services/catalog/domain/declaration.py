"""The declaration: what the pusher says about the speech a voice was made from. Without it nothing is accepted."""

from __future__ import annotations

import difflib
import json
import re
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path

from services.common.errors import Unprocessable

_LICENSES = Path(__file__).with_name("licenses.json")
_OWN_LICENSE = re.compile(r"LicenseRef-[A-Za-z0-9.-]{1,64}")
MAX_SOURCE = 2000


class Consent(StrEnum):
    """Why the speaker's voice may be used."""

    SELF = "self"
    WRITTEN_PERMISSION = "written-permission"
    PUBLIC_DOMAIN = "public-domain"
    LICENSED = "licensed"


@dataclass(frozen=True)
class Declaration:
    """A complete declaration: source in words, licence as SPDX identifier, consent."""

    source: str
    license: str
    consent: Consent


@cache
def licenses() -> dict[str, bool]:
    """Known SPDX identifiers → whether they permit commercial use."""
    entries = json.loads(_LICENSES.read_text(encoding="utf-8"))["licenses"]
    return {name: bool(terms["commercial"]) for name, terms in entries.items()}


def duties(license_id: str) -> frozenset[str]:
    """What a licence asks of who passes a work on; one of one's own asks for itself."""
    return _duties().get(license_id, frozenset({license_id}))


@cache
def _duties() -> dict[str, frozenset[str]]:
    entries = json.loads(_LICENSES.read_text(encoding="utf-8"))["licenses"]
    return {name: frozenset(terms["duties"]) for name, terms in entries.items()}


def canonical_license(text: str) -> str | None:
    """The SPDX identifier in its own spelling, None if unknown; `LicenseRef-…` names a licence of one's own."""
    if _OWN_LICENSE.fullmatch(text):
        return text
    return {name.lower(): name for name in licenses()}.get(text.strip().lower())


def declare(source: str, license_id: str, consent: str) -> Declaration:
    """The checked declaration; Unprocessable, field by field, when a part is missing or unknown."""
    fields: dict[str, str] = {}
    source, known = source.strip(), canonical_license(license_id)
    if not source:
        fields["declaration.source"] = "is missing: say in words where the recordings come from"
    elif len(source) > MAX_SOURCE:
        fields["declaration.source"] = f"is longer than {MAX_SOURCE} characters"
    if known is None:
        fields["declaration.license"] = _license_problem(license_id)
    if consent not in {c.value for c in Consent}:
        fields["declaration.consent"] = f"must be one of: {', '.join(Consent)}"
    if fields or known is None:
        raise Unprocessable(
            "A voice needs a declaration of its source, licence and consent.",
            hint="Declare all three, for example source 'self-recorded', license 'CC-BY-4.0', consent 'self'.",
            reason="DECLARATION_REFUSED",
            fields=fields,
        )
    return Declaration(source, known, Consent(consent))


def _license_problem(text: str) -> str:
    if not text.strip():
        return "is missing: give an SPDX identifier such as CC-BY-4.0"
    near = difflib.get_close_matches(text.upper(), [name.upper() for name in licenses()], n=1)
    names = {name.upper(): name for name in licenses()}
    advice = f"did you mean {names[near[0]]}?" if near else "use one such as CC0-1.0, CC-BY-4.0 or LicenseRef-my-terms"
    return f"{text.strip()[:64]!r} is not a known SPDX identifier; {advice}"
