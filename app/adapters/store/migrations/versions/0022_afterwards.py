"""What becomes of a pull request after its run: reactions, reverts by hand; and how things stood at the last look."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision = "0022"
down_revision = "0021"

_SUMMARIES: tuple[sa.Column[Any], ...] = (
    sa.Column("commits", ARRAY(sa.Text()), nullable=True),
    sa.Column("thumbs_up", sa.Integer(), nullable=True),
    sa.Column("thumbs_down", sa.Integer(), nullable=True),
    sa.Column("polled_at", sa.DateTime(timezone=True), nullable=True),
)
_RECOVERIES: tuple[sa.Column[Any], ...] = (
    sa.Column("undelivered", sa.Integer(), nullable=True),
    sa.Column("clock_off_s", sa.Float(), nullable=True),
    sa.Column("calls_left", sa.Float(), nullable=True),
)


def upgrade() -> None:
    """Add columns that an older program leaves empty, and indexes by which what is to be deleted is found."""
    for column in _SUMMARIES:
        op.add_column("summaries", column)
    for column in _RECOVERIES:
        op.add_column("recoveries", column)
    op.create_index("deliveries_by_time", "deliveries", ["received_at"])
    op.create_index("deliveries_of_run", "deliveries", ["run_id"], postgresql_where=sa.text("run_id IS NOT NULL"))


def downgrade() -> None:
    """Drop them."""
    op.drop_index("deliveries_of_run", "deliveries")
    op.drop_index("deliveries_by_time", "deliveries")
    for table, columns in (("summaries", _SUMMARIES), ("recoveries", _RECOVERIES)):
        for column in columns:
            op.drop_column(table, column.name)
