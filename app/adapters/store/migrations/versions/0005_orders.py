"""What people tell runs, in the place of wishes that they end; runs begun again; one at work on a branch."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Make the table and take the wishes over; the old table stays, for workers that still look there."""
    op.create_table(
        "orders",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("intent", sa.Text(), nullable=False),
        sa.Column("order", postgresql.JSONB(), nullable=False),
        sa.Column("requester", postgresql.JSONB(), nullable=False),
        sa.Column("place", postgresql.JSONB(), nullable=False),
        sa.Column("task", postgresql.JSONB(), nullable=False),
        sa.Column("fate", sa.Text(), server_default="", nullable=False),
        sa.Column("given_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("run_id", "intent"),
    )
    op.add_column("runs", sa.Column("fresh_from", sa.Integer(), server_default="0", nullable=False))
    op.add_column("runs", sa.Column("last_retry", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("runs", sa.Column("branch", sa.Text(), server_default="", nullable=False))
    op.add_column("runs", sa.Column("pull_request_number", sa.Integer(), nullable=True))
    op.execute(
        "UPDATE runs SET branch = COALESCE(trail->>'branch', ''), "
        "pull_request_number = (trail->>'pull_request_number')::integer"
    )
    op.create_index(
        "runs_one_on_branch",
        "runs",
        ["repository_id", "branch"],
        unique=True,
        postgresql_where=sa.text("status IN ('running', 'waiting') AND branch <> ''"),
    )
    op.create_index("runs_of_number", "runs", ["repository_id", "number"])
    op.create_index(
        "runs_of_pull_request",
        "runs",
        ["repository_id", "pull_request_number"],
        postgresql_where=sa.text("pull_request_number IS NOT NULL"),
    )
    op.execute(
        'INSERT INTO orders (run_id, intent, "order", requester, place, task) '
        "SELECT run_id, intent, '{\"kind\": \"stop\"}', requester, 'null', 'null' FROM stops WHERE NOT is_passed_over"
    )


def downgrade() -> None:
    """Drop all of it."""
    for index in ("runs_of_pull_request", "runs_of_number", "runs_one_on_branch"):
        op.drop_index(index, "runs")
    for column in ("pull_request_number", "branch", "last_retry", "fresh_from"):
        op.drop_column("runs", column)
    op.drop_table("orders")
