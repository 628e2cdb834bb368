"""Attack files made at test time, harmless in effect: a payload that ran would create one marker file."""
