"""Licence and consent may be tightened by fork and merge, never loosened.

Licences are ordered by what they ask of who passes a work on: one is at least as tight as another if it asks for all
that the other asks for. That is a partial order; two licences may each ask for something the other does not. Consent is
a chain, from what anybody may use to what only the speaker gave. A licence of one's own (`LicenseRef-…`) asks for what
nobody here can compare: it follows only itself, or what asks for nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from services.catalog.domain.declaration import Consent, duties, licenses
from services.common.errors import Unprocessable

STRICTNESS: Mapping[Consent, int] = {
    Consent.PUBLIC_DOMAIN: 0,
    Consent.LICENSED: 1,
    Consent.WRITTEN_PERMISSION: 2,
    Consent.SELF: 3,
}
"""How much each consent depends on the speaker: a voice whose speaker gave it herself stays one."""


@dataclass(frozen=True)
class Terms:
    """Licence (SPDX identifier) and consent of a version."""

    license: str
    consent: Consent

    @classmethod
    def of(cls, declared: Mapping[str, str]) -> Terms:
        """The terms of a stored declaration."""
        return cls(declared["license"], Consent(declared["consent"]))

    def stored(self) -> dict[str, str]:
        """As JSON."""
        return {"license": self.license, "consent": self.consent.value}

    def respects(self, bound: Terms) -> bool:
        """Whether neither licence nor consent is looser than the bound."""
        return tighter(self.license, bound.license) and STRICTNESS[self.consent] >= STRICTNESS[bound.consent]


def tighter(license_id: str, other: str) -> bool:
    """Whether a licence asks for all that the other one asks for; equal ones do."""
    return duties(license_id) >= duties(other)


def joint_licenses(bounds: Sequence[Terms]) -> list[str]:
    """The loosest known licences that respect all bounds, by name; none where they exclude each other."""
    fit = [name for name in licenses() if all(tighter(name, bound.license) for bound in bounds)]
    return sorted(one for one in fit if not any(duties(other) < duties(one) for other in fit))


def narrowest(bounds: Iterable[Terms]) -> list[Terms]:
    """The bounds without those that another one implies, in their order."""
    kept: list[Terms] = []
    for bound in bounds:
        if not any(one.respects(bound) for one in kept):
            kept = [one for one in kept if not bound.respects(one)] + [bound]
    return kept


def check_bounds(terms: Terms, bounds: Sequence[Terms]) -> None:
    """Unprocessable, field by field, if a declaration is looser than what the version was made from."""
    fields: dict[str, str] = {}
    for bound in bounds:
        if not tighter(terms.license, bound.license):
            missing = ", ".join(sorted(duties(bound.license) - duties(terms.license)))
            fields["declaration.license"] = f"{terms.license} drops what {bound.license} asks for: {missing}"
        if STRICTNESS[terms.consent] < STRICTNESS[bound.consent]:
            fields["declaration.consent"] = f"{terms.consent} is looser than {bound.consent}, which the voice came with"
    if not fields:
        return
    fit = ", ".join(joint_licenses(bounds)[:4]) or "none that is known: the licences exclude each other"
    consent = max((bound.consent for bound in bounds), key=STRICTNESS.__getitem__)
    raise Unprocessable(
        "Licence and consent of a voice can be tightened by forks and merges, not loosened.",
        hint=f"Declare a licence that asks for as much ({fit}) and the consent {consent}.",
        reason="TERMS_LOOSENED",
        fields=fields,
    )
