"""A catalog of its own for these tests: what they make shall not be found by the tests of search."""

from services.catalog.tests.conftest import hub

__all__ = ["hub"]
