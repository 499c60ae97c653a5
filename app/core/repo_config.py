"""What a repository says about itself in `.github/minion.yml`. Reading the YAML is the caller's business."""

from collections.abc import Mapping
from dataclasses import replace
from difflib import get_close_matches
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, ValidationError, WithJsonSchema

from app.core.allowances import ALLOWANCES
from app.core.budget import Budget
from app.core.critical import CRITICAL_PATHS
from app.core.errors import ConfigError
from app.core.layout import Layout, is_folder_name
from app.core.patch import MOST_LINES
from app.core.patience import Patience
from app.core.places import MostOpen

PATH: Final = ".github/minion.yml"


def _as_list(value: Any) -> Any:
    """One command may stand alone. Lines of one block (`test: |`) stay one script."""
    return (value,) if isinstance(value, str) else tuple(value) if isinstance(value, list) else value


Line = Annotated[str, Field(min_length=1, max_length=4_000)]
Lines = Annotated[
    tuple[Line, ...],
    Field(max_length=50),
    BeforeValidator(_as_list, json_schema_input_type=Line | tuple[Line, ...]),
]
Glob = Annotated[str, Field(min_length=1, max_length=300)]
Globs = Annotated[
    tuple[Glob, ...],
    Field(max_length=50),
    BeforeValidator(_as_list, json_schema_input_type=Glob | tuple[Glob, ...]),
]


def _as_folder(said: str) -> str:
    folder = said.removeprefix("./").removesuffix("/")
    if not is_folder_name(folder):
        raise ValueError("no folder")
    return folder


Folder = Annotated[str, AfterValidator(_as_folder)]
Folders = Annotated[
    tuple[Folder, ...],
    Field(max_length=200),
    BeforeValidator(_as_list, json_schema_input_type=str | tuple[str, ...]),
]
_NO_FOLDER: Final = "must be a folder of the repository, such as `libs/parser`; globs are not known here"

LONGEST_CHECKS_S: Final = 21_600
"""GitHub Actions ends a job after six hours: https://docs.github.com/en/actions/reference/limits"""
IMAGE_NAME: Final = r"^[A-Za-z0-9][A-Za-z0-9._/:@-]*$"
"""A reference: never an option, a path, or a variable of somebody's shell."""
_NO_IMAGE: Final = "must be the name of a container image, such as `python:3.12`"
_YES_OR_NO: Final = "must be `true` or `false`"
_OWN_WORDS: Final = {
    "image": _NO_IMAGE,
    "sparse": _NO_FOLDER,
    "submodules": _YES_OR_NO,
    "docs_required": _YES_OR_NO,
    "tests_for_bugs": _YES_OR_NO,
    "suggest": "must be `failed on main`, `flaky`, or both as a list",
    "schedules": "must be a list, each entry with `cron` (five fields, the minute one number), `title`, `login` and "
    "perhaps `body` and `blueprint`",
    "tests_for_features": _YES_OR_NO,
    "rewritten_tests": "must be `report` or `stop`",
    "allow": f"must be one of {', '.join(f'`{word}`' for word in ALLOWANCES)}",
}
"""Complaints by key, where there is a better one than the value's type gives."""
Image = Annotated[str, Field(max_length=300, pattern=IMAGE_NAME)]


LICENCES: Final = (
    "0BSD",
    "Apache-2.0",
    "BlueOak-1.0.0",
    "BSD-*",
    "CC0-1.0",
    "ISC",
    "MIT",
    "MIT-0",
    "MPL-2.0",
    "PSF-2.0",
    "Python-2.0",
    "Unlicense",
    "Zlib",
)
"""Licences that ask for little more than to be named: https://spdx.org/licenses/"""


def _as_allowance(said: str) -> str:
    if said not in ALLOWANCES:
        raise ValueError("no allowance")
    return said


Allowance = Annotated[str, AfterValidator(_as_allowance)]
_WORD: Final = {"enum": list(ALLOWANCES)}
_WORDS: Final = WithJsonSchema({"anyOf": [_WORD, {"type": "array", "items": _WORD}]})
"""For editors, which want the list."""
Allowances = Annotated[
    tuple[Allowance, ...],
    Field(max_length=20),
    BeforeValidator(_as_list, json_schema_input_type=Annotated[Any, _WORDS]),
]


Suggestion = Literal["failed on main", "flaky"]
"""What an issue may be opened about that nobody asked for; a person then asks for work on it, or does not."""
Suggestions = Annotated[
    tuple[Suggestion, ...],
    Field(max_length=2),
    BeforeValidator(_as_list, json_schema_input_type=Suggestion | tuple[Suggestion, ...]),
]


class Schedule(BaseModel, frozen=True, extra="forbid", use_attribute_docstrings=True):
    """Work that is wanted by the clock."""

    cron: Annotated[str, Field(max_length=100, pattern=r"^[0-5]?[0-9]( +[0-9A-Za-z*,/-]+){4}$")]
    """Minute, hour, day of the month, month, day of the week, in UTC. The minute is one number: at most hourly."""
    title: Annotated[str, Field(min_length=1, max_length=250)]
    """Of the issue that is opened each time."""
    body: Annotated[str, Field(max_length=20_000)] = ""
    """Its text, as a person would write it."""
    blueprint: Annotated[str, Field(min_length=1, max_length=50)] = "fix"
    """Which workflow does it, such as `fix`, `docs` or `dependency`."""
    login: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9-]{0,99}$")]
    """The GitHub account that asks: it must be allowed to write here."""


class RepoConfig(BaseModel, frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True):
    """Everything a repository can decide. None means: not said, so detect it or take the default."""

    setup: Lines | None = None
    """Commands that install what the tests need; the only ones with network, and that only to package registries."""
    lint: Lines | None = None
    """Commands that put the code in order by themselves; their failure stops nothing."""
    test: Lines | None = None
    """Commands that must succeed. An empty list says that there are none, and that this is all right."""
    autofix: Lines = ()
    """Commands that put right by themselves what checks of a pull request find, tried before a model is asked."""
    image: Image | None = None
    """The container image that commands run in, where an installation works with containers."""
    sparse: Folders = ()
    """Folders that the work tree holds, besides the files that lie directly in the root or above one of these.

    The rest is left out. None are named: the tree holds everything.
    """
    submodules: bool = False
    """Whether the work tree holds the files of submodules. They have to be public and on the same host."""
    setup_timeout_s: Annotated[float, Field(ge=1, le=3_600, strict=False)] = 1_200
    """For all set-up commands together."""
    test_timeout_s: Annotated[float, Field(ge=1, le=3_600, strict=False)] = 1_200
    """For each test command."""
    checks_wait_s: Annotated[float, Field(ge=1, le=LONGEST_CHECKS_S, strict=False)] | None = None
    """How long to wait, from the push on, until the checks of a pull request have ended."""
    checks_start_s: Annotated[float, Field(ge=0, le=3_600, strict=False)] | None = None
    """How long to wait for the first to start; if none has by then, there are none."""
    checks_settle_s: Annotated[float, Field(ge=0, le=600, strict=False)] | None = None
    """How long nothing may happen to them before they count as ended."""
    minion_turns: Annotated[int, Field(ge=1, le=1_000)] | None = None
    """Turns of a minion in one node, instead of what its blueprint says, as far as the operator allows."""
    minion_usd: Annotated[float, Field(ge=0, le=1_000, strict=False)] | None = None
    """US dollars, likewise."""
    minion_seconds: Annotated[float, Field(ge=1, le=86_400, strict=False)] | None = None
    """Seconds, likewise."""
    protected_paths: Globs = ()
    """Globs of what minions may not touch here, besides what they may touch nowhere."""
    critical_paths: Globs = CRITICAL_PATHS
    """Globs of code that triage leaves to people, until one asks for it by the name of a blueprint; `[]` for none."""
    max_changed_lines: Annotated[int, Field(ge=1, le=MOST_LINES)] = 1_500
    """Added and deleted together. Reviewers are known to skim beyond."""
    max_files: Annotated[int, Field(ge=1, le=500)] = 40
    """Files that one change may touch."""
    allow: Allowances = ()
    """What guards are to let pass here, by the words of `core/allowances.py`."""
    max_suppressions: Annotated[int, Field(ge=0, le=100)] = 0
    """Comments that silence a linter, a type checker or a measure of coverage, that one change may add."""
    docs_required: bool = False
    """Whether a change of what others use has to touch the documentation."""
    licences: Globs = LICENCES
    """SPDX identifiers of licences that a new dependency may have."""
    dependency_age_days: Annotated[int, Field(ge=0, le=3_650)] = 7
    """How long a new dependency must have been published: stolen releases were found within days."""
    tests_for_bugs: bool = True
    """Whether the change for a bug needs a test that fails without it."""
    tests_for_features: bool = True
    """Whether a change that adds something needs a test, or a command of the minion's, that fails without it."""
    rewritten_tests: Literal["report", "stop"] = "report"
    """What becomes of a change that rewrites tests which its code no longer passes as they were."""
    min_changed_coverage: Annotated[float, Field(ge=0, le=100, strict=False)] = 0
    """Per cent of the changed lines that tests must run, where the repository measures that; 0: it is only told."""

    open_pulls: Annotated[int, Field(ge=1, le=1_000)] | None = None
    """Pull requests of minions that may wait for review here, as far as the operator allows more."""
    open_pulls_per_requester: Annotated[int, Field(ge=1, le=1_000)] | None = None
    """Those that who asks for a run here may have waiting for review, wherever they are."""
    suggest: Suggestions = ()
    """What Minions may open issues about by itself; nothing starts by them."""
    schedules: Annotated[tuple[Schedule, ...], BeforeValidator(_as_list), Field(max_length=20, strict=False)] = ()
    """What is wanted by the clock; each time opens an issue."""

    @classmethod
    def parse(cls, said: object) -> "RepoConfig":
        """What the file says, already read as YAML; an empty file is None. Raises ConfigError naming the key."""
        if said is None:
            return cls()
        if not isinstance(said, Mapping):
            raise ConfigError(f"{PATH} must hold keys and values, such as `test: pytest`; it holds {_kind(said)}.")
        for key in said:
            if key not in cls.model_fields:
                raise ConfigError(f"{PATH} has an unknown key {_named(key)}.{_hint(_named(key), cls.model_fields)}")
        try:
            return cls.model_validate(dict(said))
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            complaint = _OWN_WORDS.get(str(first["loc"][0])) or _complaint(first)
            raise ConfigError(f"{PATH}: {_place(first['loc'])} {complaint}.") from None

    @property
    def layout(self) -> Layout:
        """Which files the work tree holds."""
        return Layout(folders=self.sparse, submodules=self.submodules)

    def patience(self, usual: Patience) -> Patience:
        """How long to wait for checks: as is said here, else as is usual."""
        said = {"wait_s": self.checks_wait_s, "start_s": self.checks_start_s, "settle_s": self.checks_settle_s}
        return replace(usual, **{name: seconds for name, seconds in said.items() if seconds is not None})

    def budget(self, usual: Budget) -> Budget:
        """What a minion may use in a node: as is said here, else as is usual there."""
        return usual.asked_for(turns=self.minion_turns, usd=self.minion_usd, seconds=self.minion_seconds)

    @property
    def most_open(self) -> MostOpen:
        """How many pull requests may wait for review."""
        return MostOpen(repository=self.open_pulls or 0, requester=self.open_pulls_per_requester or 0)

    def over(self, detected: "RepoConfig") -> "RepoConfig":
        """What is said here, and for commands that are not said, what was detected."""
        gaps = {key: getattr(detected, key) for key in ("setup", "lint", "test") if getattr(self, key) is None}
        return self.model_copy(update=gaps)


def _named(key: object) -> str:
    try:
        return repr(key)[:80]
    except ValueError:  # a number that Python refuses to write out
        return _kind(key)


def _hint(key: str, known: Mapping[str, object]) -> str:
    near = get_close_matches(key, known, n=1)
    return f" Did you mean `{near[0]}`?" if near else f" Known keys: {', '.join(f'`{name}`' for name in known)}."


def _place(where: tuple[int | str, ...]) -> str:
    key, *inside = where
    numbers = [part for part in inside if isinstance(part, int)]
    return f"`{key}`, entry {numbers[0] + 1}," if numbers else f"`{key}`"


def _complaint(error: Any) -> str:
    match error["type"]:
        case "string_type" | "tuple_type":
            return f"must be a command or a list of commands, not {_kind(error['input'])}"
        case "string_too_short":
            return "is empty"
        case "greater_than_equal":
            return f"must be at least {error['ctx']['ge']:g}"
        case "less_than_equal":
            return f"must be at most {error['ctx']['le']:g}"
        case "int_type" | "float_type" | "float_parsing":
            is_broken = isinstance(error["input"], float)  # where a whole one is wanted
            return "must be a whole number" if is_broken else f"must be a number, not {_kind(error['input'])}"
        case _:
            return f"cannot be used: {error['msg']}"


def _kind(value: object) -> str:
    names = {dict: "keys and values", list: "a list", str: "text", bool: "yes or no", type(None): "nothing"}
    return names.get(type(value), "a number" if isinstance(value, int | float) else type(value).__name__)
