"""Inference: exports of scanned voices, the bases they stand on, audition samples, and synthesis on the hub."""
