"""Rules of queues, quotas, fair share, retries and lifecycles: values and functions, no input, no output."""
