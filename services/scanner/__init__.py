"""The scanner: verdicts over uploaded files, rebuilding, and the behaviour test of exports."""
