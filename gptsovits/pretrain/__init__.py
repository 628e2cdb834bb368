"""Training of the nano base from the teacher corpus, in legs that resume."""
