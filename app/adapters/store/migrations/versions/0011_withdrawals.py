"""Wishes that there is no work on an issue, which arrived before what asked for it."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Add the table. An older program leaves it empty."""
    op.create_table(
        "withdrawals",
        sa.Column("repository_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("intent", sa.Text(), nullable=False),
        sa.Column("requester", JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("repository_id", "number"),
    )
    op.create_index("withdrawals_at", "withdrawals", ["at"])


def downgrade() -> None:
    """Drop it."""
    op.drop_table("withdrawals")
