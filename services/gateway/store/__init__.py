"""What the gateway remembers: accounts, tokens, uploads, idempotent answers, the audit log."""
