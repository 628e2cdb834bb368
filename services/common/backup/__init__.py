"""Backup and restore of a whole hub, whatever engines it runs on: what is written by one can be read into another."""
