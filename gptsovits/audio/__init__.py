"""Signal processing without torch."""
