"""The order in which runs begin, who waits for a place, and how old a program may be."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Add columns that an older program leaves at their defaults, and the table that says which program is too old."""
    op.add_column("runs", sa.Column("rank", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("runs", sa.Column("was_held", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.add_column("runs", sa.Column("begun_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index("runs_at_work", "runs", ["installation_id"], postgresql_where=sa.text("status = 'running'"))
    op.create_index("runs_queued", "runs", ["repository_id", "rank"], postgresql_where=sa.text("status = 'queued'"))
    op.create_index(
        "runs_held", "runs", ["installation_id", "rank"], postgresql_where=sa.text("was_held AND status = 'queued'")
    )
    op.create_index("runs_begun", "runs", ["rank"], postgresql_where=sa.text("begun_at IS NOT NULL"))
    floor = op.create_table(
        "floor",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("oldest", sa.Text(), nullable=False),
        sa.CheckConstraint("id = 1", name="floor_has_one_row"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.bulk_insert(floor, [{"id": 1, "oldest": "0006"}])


def downgrade() -> None:
    """Drop them."""
    op.drop_table("floor")
    for index in ("runs_begun", "runs_held", "runs_queued", "runs_at_work"):
        op.drop_index(index, "runs")
    for column in ("begun_at", "was_held", "rank"):
        op.drop_column("runs", column)
