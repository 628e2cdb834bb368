"""The story of `make demo`: one recording of real speech becomes a voice that others find and speak with."""
