"""Alembic environment: the connection is handed over by `services.common.migrations`."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
with context.begin_transaction():
    context.run_migrations()
