"""Korean: pronunciation rules and jamo. Needs the extra ``cjk``."""
