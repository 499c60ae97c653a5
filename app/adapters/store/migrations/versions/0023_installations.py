"""Whose an installation is, and since when GitHub says that there is none."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    """Add columns that an older program leaves empty."""
    op.add_column("installations", sa.Column("app_id", sa.Text(), nullable=True))
    op.add_column("installations", sa.Column("missing_since", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    """Drop them."""
    op.drop_column("installations", "missing_since")
    op.drop_column("installations", "app_id")
