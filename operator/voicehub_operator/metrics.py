"""What Prometheus sees of the operator."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

_FAST = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_WAITS = (0.1, 0.5, 1.0, 2.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 14400.0, 86400.0)

DEPTH = Gauge("voicehub_operator_queue_depth", "Jobs that wait for GPUs.", ["queue"])
OLDEST = Gauge("voicehub_operator_queue_oldest_seconds", "How long the one waits that waits longest.", ["queue"])
WAIT = Histogram("voicehub_operator_queue_wait_seconds", "From waiting to GPUs.", ["queue"], buckets=_WAITS)
GPUS = Gauge("voicehub_operator_gpus_in_use", "GPUs given out.", ["queue"])
QUOTA = Gauge("voicehub_operator_gpus_quota", "GPUs of the queue.", ["queue"])
PASS = Histogram("voicehub_operator_pass_seconds", "One pass of the scheduler.", buckets=_FAST)
RECONCILE = Histogram("voicehub_operator_reconcile_seconds", "The work on one resource.", ["kind"], buckets=_FAST)
ENDED = Counter("voicehub_operator_trainings_ended", "Trainings that ended.", ["queue", "phase"])
ATTEMPTS = Counter("voicehub_operator_attempts", "Jobs made.", ["queue"])
ERRORS = Counter("voicehub_operator_errors", "What went wrong.", ["where"])
REQUESTS = Histogram("voicehub_operator_api_seconds", "Requests to the API of Kubernetes.", ["verb"], buckets=_FAST)
LEADER = Gauge("voicehub_operator_leader", "1 while this replica acts.")
LAG = Gauge("voicehub_operator_batch_lag", "Messages that wait for workers.", ["batch"])
WORKERS = Gauge("voicehub_operator_batch_workers", "Workers asked for.", ["batch"])
