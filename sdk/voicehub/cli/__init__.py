"""The commands of `voicehub`, one module each."""
