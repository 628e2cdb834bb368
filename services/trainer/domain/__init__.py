"""Values and rules of training jobs; no input, no output."""
