"""The teacher corpus of the nano base: sentences, teacher voices, audio with exact phone times."""
