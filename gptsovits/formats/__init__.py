"""File formats of voices: checkpoints, safetensors, prompts and targets. Nothing here runs code from a file."""
