"""Find the runs that wait at a commit, and note that something happened there."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add the columns and the indexes. A worker of the version before may go on: both columns fill themselves."""
    op.add_column("runs", sa.Column("stirred", sa.Integer(), server_default="0", nullable=False))
    op.add_column("runs", sa.Column("parked_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        "runs_heads",
        "runs",
        ["repository_id", sa.text("(trail ->> 'head_sha')")],
        unique=False,
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_index(
        "runs_parked", "runs", ["parked_at"], unique=False, postgresql_where=sa.text("parked_at IS NOT NULL")
    )
