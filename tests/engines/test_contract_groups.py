"""The contract of tests/contract/test_groups.py, against the real engine."""

from tests.contract.test_groups import *  # noqa: F403 - its tests are run again, with the fixtures of this folder
