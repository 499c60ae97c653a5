"""What an operator can set. Every setting is an environment variable `MINIONS_…`; the table in README.md lists them."""

import os
import re
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

import platformdirs
from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from app.core.errors import SettingsError
from app.core.model import Effort
from app.core.patience import Patience
from app.core.places import Limits, MostOpen
from app.core.repo_config import LONGEST_CHECKS_S

_GITHUB: Final = "https://github.com"
_LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR")
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost"})
NONE: Final = "none"
"""In the place of a model: nobody."""
_HOST: Final = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9.]*[A-Za-z0-9])?")


def _home() -> Path:
    return Path("/var/lib/minions") if os.geteuid() == 0 else platformdirs.user_data_path("minions")


Words = Annotated[tuple[str, ...], NoDecode]
"""A list in one variable, parted by commas."""


class Settings(BaseSettings):
    """The settings of one installation."""

    model_config = SettingsConfigDict(env_prefix="MINIONS_", extra="ignore", frozen=True, env_ignore_empty=True)

    home: Path = Field(
        default_factory=_home,
        description="Folder for mirrors, work trees and the embedded database. As root everybody must be able to "
        "enter it, because boxes run as users of their own.",
    )
    database_url: str = Field(
        default="",
        description="`postgresql://user:password@host/name` of your own PostgreSQL (15 or newer); an embedded one runs "
        "with the server where this is empty.",
    )
    host: str = Field(default="127.0.0.1", description="Address that the web server listens on.")
    port: int = Field(default=8030, ge=0, le=65535, description="Port that the web server listens on.")
    public_url: str = Field(
        default="", description="Where people and GitHub reach the web server; `http://HOST:PORT` where this is empty."
    )
    github_url: str = Field(
        default=_GITHUB, description="GitHub's pages: change it for a GitHub Enterprise Server (`https://HOST`)."
    )
    github_api_url: str = Field(
        default="", description="GitHub's REST API; found from `MINIONS_GITHUB_URL` where this is empty."
    )
    app_id: str = Field(default="", description="App ID (or client ID) of your GitHub App.")
    private_key: SecretStr = Field(default=SecretStr(""), description="Private key of the App, as PEM text.")
    private_key_file: Path | None = Field(
        default=None, description="File with the private key of the App; read again when it changes."
    )
    webhook_secrets: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        default=(), description="Webhook secret of the App; two of them, parted by a comma, while you rotate it."
    )
    client_id: str = Field(
        default="",
        description="Client ID of the App: with it and its secret, people sign in to the pages with GitHub, and see "
        "the runs of repositories that they can read. Without them, pages are open where only this machine can reach "
        "them, and closed everywhere else.",
    )
    client_secret: SecretStr = Field(
        default=SecretStr(""), description="Client secret of the App. A new one signs everybody out."
    )
    credentials: Literal["file", "page"] = Field(
        default="file",
        description="Where `/setup` puts the credentials of the App that it makes: a `file` in `MINIONS_HOME` that "
        "only this server reads, or once on the `page`, for a secret store.",
    )
    label: str = Field(default="minion", description="Label that asks for work; `LABEL:BLUEPRINT` names a blueprint.")
    allowed_bots: Annotated[tuple[int, ...], NoDecode] = Field(
        default=(), description="Numeric ids of bot accounts that may ask for work, parted by commas."
    )
    blueprints_folder: Path | None = Field(
        default=None,
        description="Folder with blueprints of your own, one folder each, as `minions new-blueprint` makes them.",
    )
    api_runs_per_hour: int = Field(
        default=60, ge=1, description="Runs that one token of the HTTP API may ask for within any 60 minutes."
    )
    slack_file: Path | None = Field(
        default=None,
        description="TOML file: who is who in Slack, and which channel is about which repository.",
    )
    slack_bot_token: SecretStr = Field(default=SecretStr(""), description="Bot token of your Slack app (`xoxb-…`).")
    slack_signing_secret: SecretStr = Field(default=SecretStr(""), description="Signing secret of your Slack app.")
    slack_api_url: str = Field(default="https://slack.com/api/", description="Slack's Web API.")
    model: str = Field(
        default="",
        description="Model that does the work, in litellm's form: `anthropic/claude-opus-4-8`, `openai/gpt-5.5`, "
        "`hosted_vllm/NAME`, …",
    )
    model_api_base: str = Field(default="", description="Address of a self-hosted model server.")
    model_api_key: SecretStr = Field(
        default=SecretStr(""), description="Key of the model's provider. It never enters a box."
    )
    model_price: Annotated[tuple[float, ...], NoDecode] = Field(
        default=(),
        description="US dollars for a million tokens read, written and read from cache, parted by commas, for a model "
        "whose price is not known.",
    )
    model_dialect: Literal["", "edit", "apply_patch", "whole_file", "bash"] = Field(
        default="",
        description="How the model changes files: `edit` (replaces passages), `apply_patch` (OpenAI's patches), "
        "`whole_file`, or `bash` (fenced blocks, for servers without tool calls); its name tells where this is empty.",
    )
    model_window: int = Field(
        default=0,
        ge=0,
        description="Tokens that the model can read, where its name does not tell. More than 128,000 are not used. "
        "Ollama is told to read so many, 32,768 where nothing is said.",
    )
    model_effort: Effort = Field(
        default="",
        description="How much a model that can reason thinks before it answers: `none`, `minimal`, `low`, `medium`, "
        "`high`, `xhigh` or `max`; as it does by itself where this is empty.",
    )
    fallback_model: str = Field(
        default="",
        description="Model that goes on with a run where the other one cannot be reached or will not answer.",
    )
    fallback_api_base: str = Field(default="", description="Address of its server, if you host it yourself.")
    fallback_api_key: SecretStr = Field(default=SecretStr(""), description="Key of its provider.")
    fallback_price: Annotated[tuple[float, ...], NoDecode] = Field(
        default=(), description="As `MINIONS_MODEL_PRICE`, for this model."
    )
    models_file: Path | None = Field(
        default=None,
        description="TOML file that says which pinned model works in which role, who goes on where it does not answer, "
        "and which ones are tried on a share of the runs; instead of all the settings of single models.",
    )
    triage_model: str = Field(
        default="",
        description="Cheap model that chooses the blueprint for an issue with the bare label, or declines it with a "
        "reason; where this is empty, such an issue gets the blueprint `fix`.",
    )
    triage_api_base: str = Field(default="", description="Address of its server, if it is self-hosted.")
    triage_api_key: SecretStr = Field(default=SecretStr(""), description="Key of its provider.")
    triage_price: Annotated[tuple[float, ...], NoDecode] = Field(
        default=(), description="As `MINIONS_MODEL_PRICE`, for `MINIONS_TRIAGE_MODEL`."
    )
    embedding_model: str = Field(
        default="",
        description="Model that makes embeddings, such as `openai/text-embedding-3-small`: with it, files of large "
        "repositories are looked for by meaning as well, and their text goes to its provider; where this is empty, by "
        "words alone. `minions eval --recall` shows the gain.",
    )
    embedding_api_base: str = Field(default="", description="Address of its server, if it is self-hosted.")
    embedding_api_key: SecretStr = Field(default=SecretStr(""), description="Key of its provider.")
    embedding_price: float = Field(
        default=0.0, ge=0, description="US dollars for a million tokens, where its price is not known."
    )
    embedding_dimensions: int = Field(
        default=512, ge=0, description="How long its vectors are to be, where it can shorten them; 0: as they are."
    )
    embedding_files: int = Field(
        default=2_000, ge=0, description="Files from which on a repository is large enough to be looked through by it."
    )
    most_turns: int = Field(
        default=200, ge=1, description="Turns of a minion in one node, whatever its blueprint or a repository says."
    )
    most_usd: float = Field(
        default=10.0,
        ge=0,
        description="US dollars of a minion in one node, whatever its blueprint or a repository says.",
    )
    most_seconds: float = Field(
        default=7_200, ge=1, description="Seconds of a minion in one node, whatever its blueprint or a repository says."
    )
    run_usd: float = Field(
        default=6.0, ge=0, description="US dollars of all minions of one run together, besides what people add to it."
    )
    run_seconds: float = Field(
        default=3_600,
        ge=1,
        description="Seconds of all minions of one run together; what tests and checks take does not count.",
    )
    repository_usd: float = Field(
        default=0.0,
        ge=0,
        description="US dollars of all runs in one repository in a calendar month (UTC); 0: any amount. Money is set "
        "aside before each call of a model, so no call goes beyond it. It holds for models whose price is known.",
    )
    requester_usd: float = Field(
        default=0.0,
        ge=0,
        description="The same for all runs that one person asks for in one organisation.",
    )
    organisation_usd: float = Field(
        default=0.0, ge=0, description="The same for all runs in one installation of the App."
    )
    month_usd: float = Field(default=0.0, ge=0, description="The same for everything that is spent here.")
    review_model: str = Field(
        default="",
        description="Model that reads each change before it is proposed, best one of another family; the one that "
        "works where this is empty, and `none` for no reviews.",
    )
    review_api_base: str = Field(default="", description="Address of its server, if it is self-hosted.")
    review_api_key: SecretStr = Field(default=SecretStr(""), description="Key of its provider.")
    review_price: Annotated[tuple[float, ...], NoDecode] = Field(
        default=(), description="As `MINIONS_MODEL_PRICE`, for `MINIONS_REVIEW_MODEL`."
    )
    concurrency: int = Field(default=4, ge=1, le=500, description="Runs that one worker advances at the same time.")
    repository_limit: int = Field(
        default=8,
        ge=0,
        description="Runs of one repository that may be at work at once, on all machines; 0: any number.",
    )
    installation_limit: int = Field(
        default=32, ge=0, description="Runs of one installation that may be at work at once; 0: any number."
    )
    requester_limit: int = Field(
        default=8,
        ge=0,
        description="Runs that one person asked for in one installation that may be at work at once; 0: any number.",
    )
    repository_pulls: int = Field(
        default=0,
        ge=0,
        description="Pull requests of minions that may wait for review in one repository, with those that runs at work "
        "are about to open. Who asks for more waits in line, and is told at which place; 0: any number.",
    )
    requester_pulls: int = Field(
        default=0,
        ge=0,
        description="The same for those that one person asked for in one installation, and so has to see reviewed.",
    )
    stale_days: float = Field(
        default=30,
        ge=0,
        description="Days without anything new by a person after which a pull request of a minion is closed, with a "
        "word a week before; never one that a person has pushed to. Its branch stays. 0: never.",
    )
    drain_s: float = Field(
        default=60.0,
        ge=0,
        description="Seconds that a worker which is told to stop waits for answers of the model and for commands; what "
        "takes longer is broken off. Whoever stops it must wait some seconds longer before killing it.",
    )
    box_memory_gib: float = Field(
        default=4.0,
        ge=0.25,
        le=1024,
        description="Memory in GiB for all processes of one command together, with what it writes to `/tmp`.",
    )
    box_cpus: float = Field(
        default=4.0, ge=0.1, le=1024, description="Processors' worth of time for one command; at most those there are."
    )
    sandbox: Literal["bubblewrap", "containers"] = Field(
        default="bubblewrap",
        description="What commands of repositories and models run in: `bubblewrap`, with this machine's programs, or "
        "`containers` of an image, by a container engine on this machine.",
    )
    container_image: str = Field(
        default="",
        description="Image for containers where a repository names none that is allowed. It must have `/bin/bash`, and "
        "be on this machine: Minions fetches none.",
    )
    container_images: Words = Field(
        default=(),
        description="Images that a repository may name, parted by commas; `*` stands for anything. Only "
        "`MINIONS_CONTAINER_IMAGE` where this is empty: who may choose an image can read what is in it.",
    )
    container_runtime: str = Field(
        default="", description="The engine's runtime, such as `runsc` (gVisor); its default where this is empty."
    )
    disk_gib: float = Field(
        default=10.0,
        ge=0,
        description="Size of a run's disk in GiB, where the server is root and may make one; 0 for no limit. It takes "
        "what is written on it.",
    )
    egress_hosts: Words = Field(
        default=(),
        description="Hosts besides the package registries that set-up commands may reach, parted by commas. They may "
        "stand at private addresses; registries may not.",
    )
    registries: Words = Field(
        default=(),
        description="Package registries that set-up commands may reach, parted by commas, instead of the public ones; "
        "`none` for none of them.",
    )
    registries_file: Path | None = Field(
        default=None,
        description="TOML file with registries that want a credential, and variables that tell tools of them. The "
        "credential never enters a box.",
    )
    mcp_file: Path | None = Field(
        default=None,
        description="TOML file with MCP servers, and which of their tools minions may use, outside of the box.",
    )
    rules_file: Path | None = Field(
        default=None,
        description="Text or Markdown file with rules for minions and reviewers in every repository, which come before "
        "the repository's own.",
    )
    progress_interval_s: float = Field(
        default=10.0, ge=0, description="Least seconds between two edits of a run's comment and check run."
    )
    write_spacing_s: float = Field(
        default=1.0,
        ge=0,
        description="Least seconds between two writes to one installation by all workers together, as GitHub asks; "
        "three times as many between two that notify people. 0 is for a GitHub on loopback: workers share no limits, "
        "and what they create is not counted.",
    )
    calls_at_once: int = Field(
        default=4,
        ge=1,
        le=100,
        description="Reads of one installation by all workers together at the same time; GitHub bans above 100.",
    )
    creations_per_hour: int = Field(
        default=500,
        ge=1,
        description="New branches, check runs, comments and pull requests in one installation within any 60 minutes, "
        "as GitHub asks. Runs that would go beyond wait.",
    )
    checks_wait_s: float = Field(
        default=3_600,
        gt=0,
        le=LONGEST_CHECKS_S,
        description="Seconds from a push until the checks of a pull request must have ended, where the repository does "
        "not say. Whatever is still running then is left to people.",
    )
    checks_start_s: float = Field(
        default=120, ge=0, le=3_600, description="Seconds from a push until the first check must have started."
    )
    checks_settle_s: float = Field(
        default=15,
        ge=0,
        le=600,
        description="Seconds without news after which checks that have all ended count as ended.",
    )
    worker_lost_after_s: float = Field(
        default=10.0, ge=1, description="Seconds of silence after which a worker's runs are taken over by another."
    )
    signing_key_file: Path | None = Field(
        default=None,
        description="File with an Ed25519 key as PEM that statements about runs are signed with; one of this machine's "
        "own in `MINIONS_HOME`, made at the first start, where this is empty.",
    )
    keep_runs_days: int = Field(
        default=0,
        ge=0,
        description="Days after which a run that has ended is deleted, with its journal, costs and figures; 0: never.",
    )
    keep_uninstalled_days: int = Field(
        default=30,
        ge=0,
        description="Days after which everything that is known of an installation is deleted once the App was "
        "uninstalled there; 0: within the hour.",
    )
    metrics_token: SecretStr = Field(
        default=SecretStr(""),
        description="Token for `/metrics` (Prometheus), sent as `Authorization: Bearer …`; without one there is none.",
    )
    traces_url: str = Field(
        default="",
        description="Where OpenTelemetry's collector takes traces by HTTP, such as `http://collector:4318/v1/traces`; "
        "wants the extra `traces`. No traces where this is empty.",
    )
    log_format: Literal["text", "json"] = Field(
        default="text", description="`text`, or `json`: one object a line, with the id of the run that it is about."
    )
    log_level: str = Field(default="INFO", description="`DEBUG`, `INFO`, `WARNING` or `ERROR`.")

    @field_validator(
        "egress_hosts",
        "registries",
        "container_images",
        "webhook_secrets",
        "allowed_bots",
        "model_price",
        "fallback_price",
        "review_price",
        "triage_price",
        mode="before",
    )
    @classmethod
    def _split(cls, value: Any) -> Any:
        if isinstance(value, str):
            return tuple(word.strip() for word in value.split(",") if word.strip())
        return value

    @field_validator("home")
    @classmethod
    def _whole(cls, value: Path) -> Path:
        """What is mounted below is known by its whole path; and no shell stands between a unit's file and us."""
        return value.expanduser().absolute()

    @field_validator("log_level")
    @classmethod
    def _known(cls, value: str) -> str:
        if value.upper() not in _LEVELS:
            raise ValueError(f"choose one of {', '.join(_LEVELS)}")
        return value.upper()

    @field_validator("egress_hosts", "registries")
    @classmethod
    def _hosts(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if any(not _HOST.fullmatch(host) for host in value):
            raise ValueError("give names of hosts such as packages.example.com, without https:// and without a path")
        return tuple(host.lower() for host in value)

    @field_validator(
        *("github_url", "github_api_url", "public_url", "traces_url"),
        *("model_api_base", "fallback_api_base", "review_api_base", "triage_api_base"),
        "embedding_api_base",
    )
    @classmethod
    def _without_slash(cls, value: str) -> str:
        if value and not value.startswith(("https://", "http://")):
            raise ValueError("give an address that begins with https://")
        return value.rstrip("/")

    @property
    def api_url(self) -> str:
        """GitHub's REST API: `/api/v3` of a GitHub Enterprise Server, its own host on github.com."""
        if self.github_api_url:
            return self.github_api_url
        return "https://api.github.com" if self.github_url == _GITHUB else f"{self.github_url}/api/v3"

    @property
    def page_url(self) -> str:
        """Where people reach this server."""
        return self.public_url or f"http://{self.host}:{self.port}"

    @property
    def signs_in(self) -> bool:
        """Whether people sign in to the pages."""
        return bool(self.client_id and self.client_secret.get_secret_value())

    @property
    def app_there(self) -> str:
        """The App and its GitHub: ids are each GitHub's own, and several count from 1."""
        return self.app_id if self.github_url == _GITHUB else f"{self.app_id}@{urlsplit(self.github_url).netloc}"

    @property
    def is_on_loopback(self) -> bool:
        """Whether only this machine can reach this server."""
        return all(urlsplit(url).hostname in _LOOPBACK for url in (self.page_url, f"http://{self.host}"))

    @property
    def secrets(self) -> tuple[str, ...]:
        """The value of every setting that is a secret, whatever it is for."""
        values = [getattr(self, name) for name in type(self).model_fields]
        single = [one for value in values for one in (value if isinstance(value, tuple) else (value,))]
        return tuple(one.get_secret_value() for one in single if isinstance(one, SecretStr))

    @property
    def patience(self) -> Patience:
        """How long is waited for checks where a repository does not say."""
        return Patience(self.checks_wait_s, self.checks_start_s, self.checks_settle_s)

    @property
    def places(self) -> Limits:
        """How many runs may be at work at once, and how many of their pull requests may wait for review."""
        return Limits(
            installation=self.installation_limit,
            repository=self.repository_limit,
            requester=self.requester_limit,
            open=MostOpen(repository=self.repository_pulls, requester=self.requester_pulls),
        )

    def with_model(self, model: str) -> "Settings":
        """The same with this model at work in every role that wants one, whatever the models file says."""
        return self.model_copy(update={"model": model, "models_file": None})

    @property
    def has_model(self) -> bool:
        """Whether they say who works."""
        return bool(self.model or self.models_file)

    def missing(self) -> list[str]:
        """What a server cannot do without and was not given, each with what to do."""
        needed = {
            "MINIONS_APP_ID": (self.app_id, "the App ID on your GitHub App's page"),
            "MINIONS_PRIVATE_KEY_FILE": (
                self.private_key_file or self.private_key.get_secret_value(),
                "the .pem file that GitHub gave you for the App",
            ),
            "MINIONS_WEBHOOK_SECRETS": (self.webhook_secrets, "the webhook secret that you gave the App"),
            "MINIONS_MODEL": (self.models_file or self.model, "a model, for example anthropic/claude-opus-4-8"),
        }
        return [f"Set {name} to {what}." for name, (value, what) in needed.items() if not value]


def load() -> Settings:
    """Read the settings from the environment. Raises SettingsError with a sentence a setting."""
    try:
        return Settings()
    except ValidationError as error:
        # Only the place and the rule are told: the value may be a secret.
        faults = [f"MINIONS_{str(fault['loc'][0]).upper()}: {fault['msg']}" for fault in error.errors()]
        raise SettingsError("Settings that cannot be used:\n  " + "\n  ".join(faults)) from None


def table() -> str:
    """Every setting as a Markdown table."""
    rows = ["| Variable | Default | What it says |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        rows.append(f"| `MINIONS_{name.upper()}` | {_default(name, field.default)} | {field.description} |")
    return "\n".join(rows)


def _default(name: str, value: object) -> str:
    if name == "home":
        return "`/var/lib/minions` as root, else the user's data folder"
    return f"`{value}`" if isinstance(value, str | int | float) and str(value) else ""
