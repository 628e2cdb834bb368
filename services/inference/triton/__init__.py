"""Voices on NVIDIA Triton over gRPC."""
