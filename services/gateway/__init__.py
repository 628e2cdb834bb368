"""The public face of the hub: accounts, tokens, uploads, downloads and the REST API over the other services."""
