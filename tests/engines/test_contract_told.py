"""The contract of tests/contract/test_told.py, against the real engine."""

from tests.contract.test_told import *  # noqa: F403 - its tests are run again, with the fixtures of this folder
