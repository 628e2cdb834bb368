"""Images of the services, assembled without a docker daemon and without a registry: see docs/images.md."""
