"""Credits: an append-only double-entry ledger, what earns them and what they pay for."""
