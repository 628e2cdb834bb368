"""Verdicts, reports and what a version stands on: values and functions, no I/O."""
