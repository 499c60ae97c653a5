"""Budgets of a month, what is held of them, and what was settled about a run before it began."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Add them. An older program leaves them empty; what it spends is in the ledger, as ever."""
    op.add_column("runs", sa.Column("terms", JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False))
    op.create_table(
        "purses",
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("month", sa.Text(), nullable=False),
        sa.Column("spent_usd", sa.Numeric(20, 9), server_default="0", nullable=False),
        sa.Column("held_usd", sa.Numeric(20, 9), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("level", "owner", "month"),
    )
    op.create_table(
        "holds",
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("month", sa.Text(), nullable=False),
        sa.Column("usd", sa.Numeric(20, 9), nullable=False),
        sa.Column("owners", JSONB(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run_id"),
    )


def downgrade() -> None:
    """Drop them."""
    op.drop_table("holds")
    op.drop_table("purses")
    op.drop_column("runs", "terms")
