"""What figures about many runs are made of: one narrow row for each run."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"

_ROW = """
INSERT INTO summaries (
    run_id, repository_id, repository, number, title, requester, blueprint, model, status, cause, asked_at, usd,
    pull_request_number, proposed_at, first_checks, rounds
)
SELECT runs.id, runs.repository_id, coalesce(runs.task#>>'{repository,full_name}', ''), runs.number,
    left(coalesce(runs.task->>'title', ''), 300), coalesce(runs.task#>>'{requester,login}', ''), runs.blueprint,
    coalesce(paid.model, ''), runs.status,
    CASE WHEN runs.status IN ('failed', 'stopped', 'refused') OR (runs.status = 'done' AND runs.error <> '') THEN
        regexp_replace(left(split_part(split_part(runs.error, E'\\n', 1), '. ', 1), 160), '`[^`]*`|[0-9]+', '…', 'g')
    ELSE '' END,
    runs.asked_at, coalesce(paid.usd, 0),
    CASE WHEN NOT coalesce((runs.task->>'is_pull_request')::boolean, false) THEN runs.pull_request_number END,
    {proposed_at}, coalesce(runs.trail->>'checks', ''), looked.rounds
FROM runs
LEFT JOIN LATERAL (
    SELECT sum(usd) AS usd, (array_agg(model ORDER BY at DESC))[1] AS model FROM ledger WHERE run_id = runs.id
) AS paid ON true
LEFT JOIN LATERAL (
    SELECT count(*) AS rounds FROM visits WHERE run_id = runs.id AND visit->>'node' = 'watch'
) AS looked ON true
"""
"""A cause is the first sentence that people were told, without its names and numbers, so that like stands with like.
`watch` is the node of `blueprints/steps/ci.py` that waits for checks; each visit saw one round of them."""

_KEEP = f"""
CREATE FUNCTION minions_summarise() RETURNS trigger LANGUAGE plpgsql AS $function$
BEGIN
    {_ROW.replace("{proposed_at}", "CASE WHEN runs.pull_request_number IS NOT NULL THEN now() END")}
    WHERE runs.id = NEW.id
    ON CONFLICT (run_id) DO UPDATE SET
        model = excluded.model, status = excluded.status, cause = excluded.cause, usd = excluded.usd,
        pull_request_number = excluded.pull_request_number,
        proposed_at = coalesce(summaries.proposed_at, excluded.proposed_at),
        first_checks = CASE WHEN summaries.first_checks <> '' THEN summaries.first_checks
            ELSE excluded.first_checks END,
        rounds = excluded.rounds;
    PERFORM pg_notify('minions_run', NEW.id::text);
    RETURN NULL;
END
$function$
"""
"""By the database itself, at the end of whatever transaction changed the run: so a save takes no more trips to it, and
programs that know nothing of this table keep it, too. Whoever looks at the run is told at the same time."""
_WHENEVER = """
CREATE CONSTRAINT TRIGGER summarise AFTER INSERT OR UPDATE OF status, revision ON runs
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION minions_summarise()
"""


def upgrade() -> None:
    """Add the table, a row for each run that there is, and what keeps them."""
    op.create_table(
        "summaries",
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("repository_id", sa.BigInteger(), nullable=False),
        sa.Column("repository", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("requester", sa.Text(), nullable=False),
        sa.Column("blueprint", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("usd", sa.Float(), nullable=False),
        sa.Column("pull_request_number", sa.Integer(), nullable=True),
        sa.Column("proposed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("first_checks", sa.Text(), server_default="", nullable=False),
        sa.Column("rounds", sa.Integer(), server_default="0", nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("merged_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("is_untouched", sa.Boolean(), nullable=True),
        sa.Column("comments", sa.Integer(), nullable=True),
        sa.Column("reverted_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run_id"),
    )
    op.create_index("summaries_by_time", "summaries", ["asked_at"])
    op.create_index("summaries_of_repository", "summaries", ["repository_id", "asked_at"])
    op.create_index(
        "summaries_of_pull_request",
        "summaries",
        ["repository_id", "pull_request_number"],
        postgresql_where=sa.text("pull_request_number IS NOT NULL"),
    )
    # When a pull request was opened is not known afterwards.
    fill = _ROW.replace("{proposed_at}", "NULL::timestamptz")
    for statement in (fill, _KEEP, _WHENEVER):
        op.execute(statement)


def downgrade() -> None:
    """Drop it."""
    op.execute("DROP TRIGGER summarise ON runs")
    op.execute("DROP FUNCTION minions_summarise")
    op.drop_table("summaries")
