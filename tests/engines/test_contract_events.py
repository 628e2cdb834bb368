"""The contract of tests/contract/test_events.py, against the real engine."""

from tests.contract.test_events import *  # noqa: F403 - its tests are run again, with the fixtures of this folder
