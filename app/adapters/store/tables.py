"""The tables. Changed only together with a new file in `migrations/versions/`; a test compares the two."""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

metadata = MetaData()


def _moment(name: str, *, now: bool = False) -> Column[object]:
    default = func.now() if now else None
    return Column(name, DateTime(timezone=True), nullable=not now, server_default=default)


runs = Table(
    "runs",
    metadata,
    Column("id", BigInteger, primary_key=True),
    Column("key", Text, nullable=False, unique=True),
    Column("intent", Text, nullable=False, unique=True),
    Column("installation_id", BigInteger, nullable=False),
    Column("repository_id", BigInteger, nullable=False),
    Column("number", Integer, nullable=False),
    Column("task", JSONB, nullable=False),
    Column("blueprint", Text, nullable=False),
    Column("blueprint_version", Integer, nullable=False),
    Column("status", Text, nullable=False),
    Column("at", Text, nullable=False),
    Column("state", JSONB, nullable=False),
    Column("wait", JSONB),
    Column("trail", JSONB, nullable=False),
    Column("error", Text, nullable=False, server_default=""),
    Column("tries", Integer, nullable=False, server_default="0"),
    Column("is_reported", Boolean, nullable=False, server_default=text("false")),
    Column("fresh_from", Integer, nullable=False, server_default="0"),
    Column("last_retry", BigInteger, nullable=False, server_default="0"),
    Column("branch", Text, nullable=False, server_default=""),
    Column("pull_request_number", Integer),
    Column("revision", Integer, nullable=False, server_default="0"),
    Column("stirred", Integer, nullable=False, server_default="0"),
    Column("patch", LargeBinary, nullable=False, server_default=text("''::bytea")),
    Column("rank", BigInteger, nullable=False, server_default="0"),
    Column("was_held", Boolean, nullable=False, server_default=text("false")),
    Column("terms", JSONB, nullable=False, server_default=text("'{}'::jsonb")),
    _moment("asked_at", now=True),
    _moment("begun_at"),
    _moment("ended_at"),
    _moment("parked_at"),
    _moment("edited_at"),
)

one_at_work = Index(
    "runs_one_at_work",
    runs.c.repository_id,
    runs.c.number,
    unique=True,
    postgresql_where=text("status IN ('running', 'waiting') AND number > 0"),
)
"""One active run for an issue, whoever asks and however often."""

one_on_branch = Index(
    "runs_one_on_branch",
    runs.c.repository_id,
    runs.c.branch,
    unique=True,
    postgresql_where=text("status IN ('running', 'waiting') AND branch <> ''"),
)
"""One active run for a branch: what follows up on a pull request pushes where the run that opened it did."""

Index("runs_of_number", runs.c.repository_id, runs.c.number)
Index(
    "runs_of_pull_request",
    runs.c.repository_id,
    runs.c.pull_request_number,
    postgresql_where=text("pull_request_number IS NOT NULL"),
)
Index("runs_of_repository", runs.c.repository_id, runs.c.asked_at)
Index(
    "runs_heads",
    runs.c.repository_id,
    runs.c.trail["head_sha"].astext,
    postgresql_where=text("ended_at IS NULL"),
)
"""Who works on a commit; asked for every second with all that GitHub told of checks."""
Index("runs_parked", runs.c.parked_at, postgresql_where=text("parked_at IS NOT NULL"))
Index("runs_unfinished", runs.c.id, postgresql_where=text("NOT is_reported"))
Index("runs_at_work", runs.c.installation_id, postgresql_where=text("status = 'running'"))
Index("runs_queued", runs.c.repository_id, runs.c.rank, postgresql_where=text("status = 'queued'"))
Index("runs_held", runs.c.installation_id, runs.c.rank, postgresql_where=text("was_held AND status = 'queued'"))
Index(
    "runs_without_proposal",
    runs.c.installation_id,
    postgresql_where=text("status IN ('running', 'waiting') AND pull_request_number IS NULL AND number > 0"),
)
Index("runs_on_trial", runs.c.id, postgresql_where=text("(terms -> 'arms') IS NOT NULL"))
Index(
    "runs_of_campaign",
    runs.c.task["campaign"].astext,
    runs.c.repository_id,
    runs.c.number,
    postgresql_where=text("(task ->> 'campaign') IS NOT NULL"),
)
Index("runs_begun", runs.c.rank, postgresql_where=text("begun_at IS NOT NULL"))

visits = Table(
    "visits",
    metadata,
    Column("run_id", BigInteger, ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("visit", JSONB, nullable=False),
)

stops = Table(
    "stops",
    metadata,
    Column("id", BigInteger, primary_key=True),
    Column("run_id", BigInteger, ForeignKey("runs.id", ondelete="CASCADE"), nullable=False),
    Column("intent", Text, nullable=False),
    Column("requester", JSONB, nullable=False),
    Column("comment_id", BigInteger),
    Column("is_passed_over", Boolean, nullable=False, server_default=text("false")),
    UniqueConstraint("run_id", "intent"),
)
"""Of older programs, which may still be at work during an upgrade: wishes that a run ends. Nothing is added here."""

orders = Table(
    "orders",
    metadata,
    Column("id", BigInteger, primary_key=True),
    Column("run_id", BigInteger, ForeignKey("runs.id", ondelete="CASCADE"), nullable=False),
    Column("intent", Text, nullable=False),
    Column("order", JSONB, nullable=False),
    Column("requester", JSONB, nullable=False),
    Column("place", JSONB, nullable=False),
    Column("task", JSONB, nullable=False),
    Column("fate", Text, nullable=False, server_default=""),
    _moment("given_at", now=True),
    UniqueConstraint("run_id", "intent"),
)
"""What runs were told; `fate` is empty until the run's worker has settled it: `heeded` or `passed over`."""

withdrawals = Table(
    "withdrawals",
    metadata,
    Column("repository_id", BigInteger, primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("intent", Text, nullable=False),
    Column("requester", JSONB, nullable=False),
)
"""That somebody wants no work on an issue, where there was none: what asks for it may arrive later."""
Index("withdrawals_at", withdrawals.c.at)

journal = Table(
    "journal",
    metadata,
    Column("run_id", BigInteger, ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    Column("visit", Integer, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("entry", JSON, nullable=False),  # not JSONB, which forgets the order of keys: messages are replayed verbatim
    _moment("at", now=True),
)

ledger = Table(
    "ledger",
    metadata,
    Column("run_id", BigInteger, ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    Column("visit", Integer, primary_key=True),
    Column("turn", Integer, primary_key=True),
    Column("model", Text, nullable=False),
    Column("input_tokens", Integer, nullable=False),
    Column("output_tokens", Integer, nullable=False),
    Column("cached_tokens", Integer, nullable=False),
    Column("usd", Float, nullable=False),
    _moment("at", now=True),
)

Index("ledger_at", ledger.c.at, postgresql_using="brin")
purses = Table(
    "purses",
    metadata,
    Column("level", Text, primary_key=True),
    Column("owner", Text, primary_key=True),
    Column("month", Text, primary_key=True),
    Column("spent_usd", Numeric(20, 9, asdecimal=False), nullable=False, server_default="0"),
    Column("held_usd", Numeric(20, 9, asdecimal=False), nullable=False, server_default="0"),
)
"""What was spent in a month (`2026-11`, UTC) at a level (`core/purse.py`), and what is held for calls under way."""

holds = Table(
    "holds",
    metadata,
    Column("run_id", BigInteger, ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    Column("month", Text, nullable=False),
    Column("usd", Numeric(20, 9, asdecimal=False), nullable=False),
    Column("owners", JSONB, nullable=False),
    _moment("made_at", now=True),
)
"""What a run holds for the call that it is making, and of whose purses."""

rollbacks = Table(
    "rollbacks",
    metadata,
    Column("role", Text, primary_key=True),
    Column("stable", Text, primary_key=True),
    Column("model", Text, primary_key=True),
    Column("round", Integer, primary_key=True),
    Column("why", Text, nullable=False),
    _moment("at", now=True),
)
"""Models that were tried in a role beside a stable one, did worse, and get no more runs."""

deliveries = Table(
    "deliveries",
    metadata,
    Column("app_id", Text, primary_key=True),
    Column("guid", Text, primary_key=True),
    Column("event", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("run_id", BigInteger, ForeignKey("runs.id", ondelete="SET NULL")),
    _moment("received_at", now=True),
)
Index("deliveries_by_time", deliveries.c.received_at)
Index("deliveries_of_run", deliveries.c.run_id, postgresql_where=text("run_id IS NOT NULL"))

installations = Table(
    "installations",
    metadata,
    Column("id", BigInteger, primary_key=True),
    Column("account", Text, nullable=False),
    Column("state", Text, nullable=False),
    _moment("changed_at", now=True),
    Column("app_id", Text, nullable=True),
    _moment("missing_since"),
)
"""`app_id` is of the App for which GitHub listed it, with its host where that is not github.com, and `missing_since` of
when it first said that there is none."""

floor = Table(
    "floor",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("oldest", Text, nullable=False),
    CheckConstraint("id = 1", name="floor_has_one_row"),
)
"""The oldest program that can work with these tables, by the number of the newest migration that it knows.

A migration that only adds what an older program leaves at its default does not touch it; every other one sets it to its
own number, so that older programs are refused at their start.
"""

statements = Table(
    "statements",
    metadata,
    Column("run_id", BigInteger, ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    Column("head_sha", Text, primary_key=True),
    Column("envelope", Text, nullable=False),
    _moment("made_at", now=True),
)
"""What was signed about each commit that a run published, as JSON, to the byte."""

signing_keys = Table(
    "signing_keys",
    metadata,
    Column("id", Text, primary_key=True),
    Column("pem", Text, nullable=False),
    _moment("made_at", now=True),
)
"""Public keys of the machines that sign, or ever did; private ones stay where they were made."""

summaries = Table(
    "summaries",
    metadata,
    Column("run_id", BigInteger, ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    Column("repository_id", BigInteger, nullable=False),
    Column("repository", Text, nullable=False),
    Column("number", Integer, nullable=False),
    Column("title", Text, nullable=False),
    Column("requester", Text, nullable=False),
    Column("blueprint", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("cause", Text, nullable=False),
    Column("asked_at", DateTime(timezone=True), nullable=False),
    Column("usd", Float, nullable=False),
    Column("pull_request_number", Integer),
    _moment("proposed_at"),
    Column("first_checks", Text, nullable=False, server_default=""),
    Column("rounds", Integer, nullable=False, server_default="0"),
    _moment("closed_at"),
    _moment("merged_at"),
    Column("is_untouched", Boolean),
    Column("comments", Integer),
    _moment("reverted_at"),
    Column("commits", ARRAY(Text)),
    Column("thumbs_up", Integer),
    Column("thumbs_down", Integer),
    _moment("polled_at"),
    Column("is_ending", Boolean, nullable=False, server_default=text("false")),
)
"""What figures about many runs are made of: one narrow row for each run, where `runs` has its words and its change.

`pull_request_number` is that of a pull request which the run opened; what came of it is told by GitHub later. `commits`
are those that a revert by hand may name. The reactions of people are asked for, last at `polled_at`. `is_ending`: it is
being closed, because nobody looked at it; said before anything is done."""
Index("summaries_by_time", summaries.c.asked_at)
Index("summaries_of_repository", summaries.c.repository_id, summaries.c.asked_at)
Index(
    "summaries_of_pull_request",
    summaries.c.repository_id,
    summaries.c.pull_request_number,
    postgresql_where=text("pull_request_number IS NOT NULL"),
)
Index(
    "summaries_open",
    summaries.c.repository_id,
    postgresql_where=text("pull_request_number IS NOT NULL AND closed_at IS NULL"),
)

review_limits = Table(
    "review_limits",
    metadata,
    Column("repository_id", BigInteger, primary_key=True, autoincrement=False),
    Column("in_repository", Integer, nullable=False),
    Column("of_requester", Integer, nullable=False),
)
"""How many pull requests may wait for review, where a repository says so itself; 0: any number."""

desks = Table(
    "desks",
    metadata,
    Column("repository_id", BigInteger, primary_key=True, autoincrement=False),
    _moment("looked_at", now=True),
)
"""When the pull requests of minions that wait for review in a repository were looked up last."""

sessions = Table(
    "sessions",
    metadata,
    Column("id", Text, primary_key=True),
    Column("session", JSONB, nullable=False),
    Column("ends_at", DateTime(timezone=True), nullable=False),
)
"""Who signed in to the pages; `id` is a digest of the word that their browser holds."""
Index("sessions_by_end", sessions.c.ends_at)

recoveries = Table(
    "recoveries",
    metadata,
    Column("app_id", Text, primary_key=True),
    Column("looked_at", DateTime(timezone=True), nullable=False),
    Column("undelivered", Integer),
    Column("clock_off_s", Float),
    Column("calls_left", Float),
)
"""Up to when all that GitHub told an App was looked after, and how things stood then (`core/vitals.py`)."""

paces = Table(
    "paces",
    metadata,
    Column("app_id", Text, primary_key=True),
    Column("installation_id", BigInteger, primary_key=True),
    _moment("next_write_at"),
    _moment("next_notification_at"),
    _moment("stopped_until"),
    Column("creations", ARRAY(DateTime(timezone=True)), nullable=False, server_default="{}"),
    prefixes=["UNLOGGED"],
)
"""When an installation may be written to again; `creations` are the newest, oldest first. Without a log on disk: a call
must not wait for it, and after a crash of the database GitHub says stop once more, and that is all."""

places = Table(
    "places",
    metadata,
    Column("app_id", Text, primary_key=True),
    Column("installation_id", BigInteger, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("holder", Text, nullable=False),
    Column("lapses_at", DateTime(timezone=True), nullable=False),
    prefixes=["UNLOGGED"],
)
"""Calls under way at an installation, at most as many as there are numbers. A place that lapsed is free."""

api_tokens = Table(
    "api_tokens",
    metadata,
    Column("id", BigInteger, primary_key=True),
    Column("name", Text, nullable=False),
    Column("login", Text, nullable=False),
    Column("repositories", ARRAY(Text), nullable=False),
    Column("digest", Text, nullable=False, unique=True),
    _moment("created_at", now=True),
    _moment("used_at"),
    _moment("revoked_at"),
)
"""Tokens of the HTTP API, by their SHA-256; those that were revoked stay, for what was asked for with them."""

Index("api_tokens_in_use", api_tokens.c.name, unique=True, postgresql_where=text("revoked_at IS NULL"))

requests = Table(
    "requests",
    metadata,
    Column("id", BigInteger, primary_key=True),
    Column("key", Text, nullable=False, unique=True),
    Column("intent", Text, nullable=False, unique=True),
    Column("door", Text, nullable=False),
    Column("token_id", BigInteger, ForeignKey("api_tokens.id")),
    Column("wanted", JSONB, nullable=False),
    Column("repository", JSONB),
    Column("number", Integer, nullable=False, server_default="0"),
    Column("error", Text, nullable=False, server_default=""),
    Column("told", Text, nullable=False, server_default=""),
    Column("is_told", Boolean, nullable=False, server_default=text("false")),
    _moment("asked_at", now=True),
)
"""What was asked for elsewhere than on GitHub. The run of one has the intent `request/ID`."""

Index("requests_of_token", requests.c.token_id, requests.c.id, postgresql_where=text("token_id IS NOT NULL"))
Index("requests_untold", requests.c.door, requests.c.id, postgresql_where=text("NOT is_told"))

schedules = Table(
    "schedules",
    metadata,
    Column("repository_id", BigInteger, primary_key=True, autoincrement=False),
    Column("repository", JSONB, nullable=False),
    Column("entries", JSONB, nullable=False, server_default="[]"),
    Column("is_stale", Boolean, nullable=False, server_default=text("true")),
    _moment("read_at"),
)
"""What each repository wants to be done by the clock, and whether its file has to be read again."""

campaigns = Table(
    "campaigns",
    metadata,
    Column("id", BigInteger, primary_key=True),
    Column("intent", Text, nullable=False, unique=True),
    Column("repository_id", BigInteger, nullable=False),
    Column("number", Integer, nullable=False),
    Column("task", JSONB, nullable=False),
    Column("wish", JSONB, nullable=False),
    Column("stage", Text, nullable=False),
    Column("error", Text, nullable=False, server_default=""),
    Column("budget_usd", Numeric(20, 9, asdecimal=False), nullable=False),
    Column("revision", Integer, nullable=False, server_default="0"),
    Column("comment_id", BigInteger),
    Column("told", Text, nullable=False, server_default=""),
    Column("is_told", Boolean, nullable=False, server_default=text("false")),
    _moment("told_at"),
    _moment("asked_at", now=True),
)
"""One change in many places. What is spent of its budget is in `purses`, at the level `campaign`."""
Index("campaigns_of_number", campaigns.c.repository_id, campaigns.c.number)
Index("campaigns_untold", campaigns.c.id, postgresql_where=text("NOT is_told"))
Index(
    "campaigns_one_at_work",
    campaigns.c.repository_id,
    campaigns.c.number,
    unique=True,
    postgresql_where=text("stage IN ('asked', 'at work')"),
)

campaign_parts = Table(
    "campaign_parts",
    metadata,
    Column("campaign_id", BigInteger, ForeignKey("campaigns.id", ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("full_name", Text, nullable=False),
    Column("within", Text, nullable=False, server_default=""),
    Column("go", Integer, nullable=False, server_default="0"),
    Column("request_id", BigInteger, ForeignKey("requests.id"), unique=True),
    Column("former_id", BigInteger, ForeignKey("requests.id")),
    Column("is_stopped", Boolean, nullable=False, server_default=text("false")),
    Column("reserved_usd", Numeric(20, 9, asdecimal=False), nullable=False, server_default="0"),
    UniqueConstraint("campaign_id", "full_name", "within"),
)
"""Where a campaign works. `request_id` is that of the newest go, once it has begun; `former_id` of the one before."""

campaign_orders = Table(
    "campaign_orders",
    metadata,
    Column("id", BigInteger, primary_key=True),
    Column("campaign_id", BigInteger, ForeignKey("campaigns.id", ondelete="CASCADE"), nullable=False),
    Column("intent", Text, nullable=False),
    Column("order", JSONB, nullable=False),
    Column("requester", JSONB, nullable=False),
    Column("place", JSONB, nullable=False),
    Column("is_settled", Boolean, nullable=False, server_default=text("false")),
    _moment("given_at", now=True),
    UniqueConstraint("campaign_id", "intent"),
)
"""What campaigns were told."""
