"""Search: words become structured filters and free text; the index is a projection of the catalog's tables."""
