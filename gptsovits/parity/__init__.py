"""Comparing the engine with recordings of the original."""
