"""The catalog: repositories of voices, their immutable versions, the people's marks on them, and search."""
