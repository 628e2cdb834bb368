"""The order of licences and consents, over all of them."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.catalog.domain.bounds import STRICTNESS, Terms, check_bounds, joint_licenses, narrowest, tighter
from services.catalog.domain.declaration import Consent, duties, licenses
from services.common.errors import Unprocessable

ALL = [*licenses(), "LicenseRef-mine", "LicenseRef-theirs"]
EVERY = [Terms(name, consent) for name, consent in itertools.product(ALL, Consent)]
terms = st.sampled_from(EVERY)


def test_it_is_an_order_on_every_pair_and_triple() -> None:
    for one, other in itertools.product(ALL, ALL):
        assert tighter(one, one)
        if tighter(one, other) and tighter(other, one):
            assert duties(one) == duties(other)
        for third in ALL:
            if tighter(one, other) and tighter(other, third):
                assert tighter(one, third)
    assert sorted(STRICTNESS.values()) == list(range(len(Consent)))


def test_no_step_gives_back_what_was_asked_for() -> None:
    for old, new in itertools.product(licenses(), licenses()):
        if tighter(new, old):
            assert duties(old) <= duties(new)
            assert licenses()[new] <= licenses()[old], "commercial use does not come back"
    for name, commercial in licenses().items():
        assert ("non-commercial" in duties(name)) != commercial


@pytest.mark.parametrize(
    ("old", "new", "fits"),
    [
        ("CC0-1.0", "CC-BY-4.0", True),
        ("CC-BY-4.0", "CC0-1.0", False),
        ("CC-BY-4.0", "CC-BY-NC-4.0", True),
        ("CC-BY-NC-4.0", "CC-BY-4.0", False),
        ("CC-BY-SA-4.0", "CC-BY-4.0", False),
        ("CC-BY-SA-4.0", "CC-BY-NC-SA-4.0", True),
        ("CC-BY-SA-4.0", "CC-BY-NC-4.0", False),
        ("CC-BY-3.0", "CC-BY-4.0", True),
        ("GPL-2.0-or-later", "GPL-3.0-only", True),
        ("GPL-2.0-only", "GPL-3.0-only", False),
        ("LGPL-3.0-or-later", "AGPL-3.0-or-later", True),
        ("CC-BY-4.0", "LicenseRef-mine", False),
        ("CC0-1.0", "LicenseRef-mine", True),
        ("LicenseRef-mine", "LicenseRef-mine", True),
        ("LicenseRef-mine", "LicenseRef-theirs", False),
        ("LicenseRef-mine", "CC-BY-NC-ND-4.0", False),
    ],
)
def test_known_pairs(old: str, new: str, fits: bool) -> None:
    assert tighter(new, old) is fits


@given(terms, terms, terms)
@settings(deadline=None)
def test_a_fork_of_a_fork_of_a_merge_is_never_looser(first: Terms, second: Terms, declared: Terms) -> None:
    bounds = narrowest([first, second])
    if not (declared.respects(first) and declared.respects(second)):
        with pytest.raises(Unprocessable, match="tightened") as refused:
            check_bounds(declared, bounds)
        assert refused.value.fields
        return
    check_bounds(declared, bounds)
    assert duties(declared.license) >= duties(first.license) | duties(second.license)
    assert STRICTNESS[declared.consent] >= max(STRICTNESS[first.consent], STRICTNESS[second.consent])


@given(st.lists(terms, max_size=5))
@settings(deadline=None)
def test_narrowing_bounds_forgets_nothing(bounds: list[Terms]) -> None:
    kept = narrowest(bounds)
    for declared in EVERY:
        assert all(declared.respects(one) for one in kept) == all(declared.respects(one) for one in bounds)


def test_licences_that_exclude_each_other_have_nothing_in_common() -> None:
    own = [Terms("LicenseRef-mine", Consent.SELF), Terms("CC-BY-4.0", Consent.SELF)]
    assert joint_licenses(own) == []
    both = [Terms("CC-BY-NC-4.0", Consent.SELF), Terms("CC-BY-SA-4.0", Consent.SELF)]
    assert joint_licenses(both) == ["CC-BY-NC-SA-3.0", "CC-BY-NC-SA-4.0"]
