"""How many pull requests may wait for review, and what has to be known of those that do."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0019"

_WITHOUT_ONE = "status IN ('running', 'waiting') AND pull_request_number IS NULL AND number > 0"


def upgrade() -> None:
    """Add two tables, two columns and two indexes. An older program leaves them as they are."""
    op.create_table(
        "review_limits",
        sa.Column("repository_id", sa.BigInteger(), nullable=False),
        sa.Column("in_repository", sa.Integer(), nullable=False),
        sa.Column("of_requester", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("repository_id"),
    )
    op.create_table(
        "desks",
        sa.Column("repository_id", sa.BigInteger(), nullable=False),
        sa.Column("looked_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("repository_id"),
    )
    op.add_column("summaries", sa.Column("is_ending", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.add_column("runs", sa.Column("edited_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index("runs_without_proposal", "runs", ["installation_id"], postgresql_where=sa.text(_WITHOUT_ONE))
    op.create_index(
        "summaries_open",
        "summaries",
        ["repository_id"],
        postgresql_where=sa.text("pull_request_number IS NOT NULL AND closed_at IS NULL"),
    )


def downgrade() -> None:
    """Drop them."""
    op.drop_index("summaries_open", "summaries")
    op.drop_index("runs_without_proposal", "runs")
    op.drop_column("summaries", "is_ending")
    op.drop_column("runs", "edited_at")
    op.drop_table("desks")
    op.drop_table("review_limits")
