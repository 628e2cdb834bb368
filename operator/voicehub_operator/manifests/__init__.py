"""Children of the operator's resources as manifests; pure functions."""
