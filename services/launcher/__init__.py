"""Starts the five services of an embedded hub and keeps them running."""
