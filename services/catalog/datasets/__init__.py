"""Datasets: a query at a pinned snapshot, with metrics, lineage and objects of every voice."""
