"""Models that were tried and get no more runs."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Add the table, and a way to the runs of a trial. An older program tries nothing."""
    op.create_table(
        "rollbacks",
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("stable", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.PrimaryKeyConstraint("role", "stable", "model", "round"),
    )
    op.create_index("runs_on_trial", "runs", ["id"], postgresql_where=sa.text("(terms -> 'arms') IS NOT NULL"))


def downgrade() -> None:
    """Drop them."""
    op.drop_index("runs_on_trial", "runs")
    op.drop_table("rollbacks")
