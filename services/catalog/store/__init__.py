"""The catalog's system of record: tables and queries."""
