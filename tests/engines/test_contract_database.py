"""The contract of tests/contract/test_database.py, against the real engine."""

from tests.contract.test_database import *  # noqa: F403 - its tests are run again, with the fixtures of this folder
