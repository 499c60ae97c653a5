"""Which jobs are due: thousands of parked runs have one each, for hours from now."""

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Let a worker that asks for a job pass over those that are not due yet: it does so every second."""
    op.execute(
        "CREATE INDEX procrastinate_jobs_due ON procrastinate_jobs (queue_name, scheduled_at) WHERE status = 'todo'"
    )


def downgrade() -> None:
    """Drop it."""
    op.execute("DROP INDEX procrastinate_jobs_due")
