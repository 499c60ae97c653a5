"""Find the runs of a repository: each push to its default branch asks for them."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the index."""
    op.create_index("runs_of_repository", "runs", ["repository_id", "asked_at"])


def downgrade() -> None:
    """Drop it."""
    op.drop_index("runs_of_repository", "runs")
