"""The operator of a cluster: training jobs, scans and batch workers as resources of Kubernetes."""
