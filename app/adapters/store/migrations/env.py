"""Alembic runs this. The connection is given by `schema.py`: there is no alembic.ini to keep in step."""

from alembic import context

from app.adapters.store.tables import metadata


def compared(name: str | None, kind: str, _parents: object) -> bool:
    """Leave the queue's own tables alone: Procrastinate owns them."""
    return not (kind == "table" and name is not None and name.startswith("procrastinate_"))


context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, include_name=compared)
with context.begin_transaction():
    context.run_migrations()
