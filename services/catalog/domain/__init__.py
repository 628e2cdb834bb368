"""What the catalog knows without any I/O: values, rules and the road of a version."""
