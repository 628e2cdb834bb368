"""Values and rules of the gateway; no input or output here."""
