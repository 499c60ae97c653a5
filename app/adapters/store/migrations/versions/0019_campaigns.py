"""Campaigns: one change in many places, with one budget and so many runs at once."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    """Add the tables. An older program leaves them empty, and neither takes their jobs nor works on their runs."""
    op.create_table(
        "campaigns",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("intent", sa.Text(), nullable=False),
        sa.Column("repository_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("task", JSONB(), nullable=False),
        sa.Column("wish", JSONB(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("error", sa.Text(), server_default="", nullable=False),
        sa.Column("budget_usd", sa.Numeric(20, 9), nullable=False),
        sa.Column("revision", sa.Integer(), server_default="0", nullable=False),
        sa.Column("comment_id", sa.BigInteger(), nullable=True),
        sa.Column("told", sa.Text(), server_default="", nullable=False),
        sa.Column("is_told", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("asked_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("intent"),
    )
    op.create_index("campaigns_of_number", "campaigns", ["repository_id", "number"])
    op.create_index("campaigns_untold", "campaigns", ["id"], postgresql_where=sa.text("NOT is_told"))
    op.create_index(
        "campaigns_one_at_work",
        "campaigns",
        ["repository_id", "number"],
        unique=True,
        postgresql_where=sa.text("stage IN ('asked', 'at work')"),
    )
    op.create_table(
        "campaign_parts",
        sa.Column("campaign_id", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("full_name", sa.Text(), nullable=False),
        sa.Column("within", sa.Text(), server_default="", nullable=False),
        sa.Column("go", sa.Integer(), server_default="0", nullable=False),
        sa.Column("request_id", sa.BigInteger(), nullable=True),
        sa.Column("former_id", sa.BigInteger(), nullable=True),
        sa.Column("is_stopped", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("reserved_usd", sa.Numeric(20, 9), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["request_id"], ["requests.id"]),
        sa.ForeignKeyConstraint(["former_id"], ["requests.id"]),
        sa.PrimaryKeyConstraint("campaign_id", "position"),
        sa.UniqueConstraint("campaign_id", "full_name", "within"),
        sa.UniqueConstraint("request_id"),
    )
    op.create_table(
        "campaign_orders",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("campaign_id", sa.BigInteger(), nullable=False),
        sa.Column("intent", sa.Text(), nullable=False),
        sa.Column("order", JSONB(), nullable=False),
        sa.Column("requester", JSONB(), nullable=False),
        sa.Column("place", JSONB(), nullable=False),
        sa.Column("is_settled", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("given_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("campaign_id", "intent"),
    )
    op.create_index(
        "runs_of_campaign",
        "runs",
        [sa.text("(task ->> 'campaign')"), "repository_id", "number"],
        postgresql_where=sa.text("(task ->> 'campaign') IS NOT NULL"),
    )


def downgrade() -> None:
    """Drop them."""
    op.drop_index("runs_of_campaign", "runs")
    op.drop_table("campaign_orders")
    op.drop_table("campaign_parts")
    op.drop_table("campaigns")
