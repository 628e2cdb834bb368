"""Evaluation of versions: fixed sentences, spoken by inference, judged in a worker process."""
