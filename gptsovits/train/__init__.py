"""Losses, optimisers and fine-tuning of both stages (needs torch)."""
