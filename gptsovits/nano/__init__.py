"""The nano family: the published pipeline at a size that two processor cores can train, at 16 kHz."""
