"""The networks in torch: stage 1 (text to semantic tokens) and stage 2 (tokens to wave)."""
