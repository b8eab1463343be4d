"""Alembic's entry point: runs migrations on the connection that app.sql.migration passes."""

from alembic import context

from app.sql.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table="pastiche_version",
    # SQLite cannot alter columns: Alembic then copies the table.
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
