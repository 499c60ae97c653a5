"""What repositories want to be done by the clock."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    """Add the table. An older program leaves it as it is."""
    op.create_table(
        "schedules",
        sa.Column("repository_id", sa.BigInteger(), nullable=False),
        sa.Column("repository", postgresql.JSONB(), nullable=False),
        sa.Column("entries", postgresql.JSONB(), server_default="[]", nullable=False),
        sa.Column("is_stale", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("repository_id"),
    )


def downgrade() -> None:
    """Drop it."""
    op.drop_table("schedules")
