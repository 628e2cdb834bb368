"""The services of a hub."""
