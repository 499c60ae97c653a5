"""Change settings: files stay of their format and as their schema says, and keep what stands in them for people."""

import posixpath
import re
from collections.abc import Iterator
from typing import ClassVar, Final, Literal

from app.core.blueprint import Blueprint, agent, step
from app.core.budget import Budget
from app.core.guards import Finding, Weight
from app.core.patch import Change as FileState
from app.core.redaction import Redactor
from app.core.schema import Mismatch
from app.core.world import World
from blueprints.config.formats import (
    MOST_CHARACTERS,
    Unreadable,
    flat,
    is_plain,
    is_settings,
    lost_comments,
    moved,
    plain,
    read,
    rewritten,
    schema_of,
)
from blueprints.steps.change import Untested
from blueprints.steps.ci import watch
from blueprints.steps.delivery import explain
from blueprints.steps.gates import checked, lint
from blueprints.steps.leftovers import change_of
from blueprints.steps.preparation import prepare
from blueprints.steps.texts import text_now
from blueprints.steps.ways import to_a_pull_request
from blueprints.steps.work import Worked, implemented

SETTINGS: Final = "settings files"
"""The check of the files, as people read it."""
_MOST_FILES: Final = 100
_NAMES: Final = re.compile(r"[\w./-]{1,200}\.(?:ya?ml|toml|json)\b")


class Config(Untested):
    """A change of settings under way."""

    demands: ClassVar[str] = (
        "Changed YAML, TOML and JSON is parsed: no key may be there twice, and where a file names a JSON Schema of "
        "this repository, or its tool's schema is known (compose, dependabot, Read the Docs and others), it has to be "
        "as that says. Comments beside settings that did not change stay, keys stay in their order, and lines that say "
        "the same look the same."
    )
    told_of_tool: bool = False
    """Whether it was told what a tool's schema does not allow, which happens once: those are not always right."""


@agent("Change the settings", prompt="implement.md", budget=Budget(turns=60, usd=2.0), role="implement")
async def implement(config: Config, world: World) -> Worked:
    """Let a minion change the settings that the issue is about."""
    return await implemented(config, world)


@step("Check the settings")
async def check(config: Config, world: World) -> Literal["pass", "mend", "stop"]:
    """Parse each changed file, hold it against its schema, and see that it keeps comments, order and layout."""
    patch, by_tool = await change_of(config, world.workspace), list[Finding]()
    there = [file for file in patch.files if file.change is not FileState.DELETED and is_settings(file.path)]
    found = [] if any(is_settings(file.path) for file in patch.files) else list(_untouched(config))
    for file in there[:_MOST_FILES]:
        text = await text_now(world.workspace, file.path)
        if len(text) > MOST_CHARACTERS:
            continue
        before = await world.workspace.show(file.path)
        try:
            value = read(file.path, text)
        except Unreadable as error:
            if before is None or _is_readable(file.path, before):  # templates never were
                found.append(_to_mend(file.path, f"It cannot be read any more: {error}. Correct it."))
            continue
        if before is not None:
            found += _kept(file.path, before.decode(errors="replace"), text)
        found += await _as_its_schema_says(world, file.path, text, value)
        by_tool += await _as_its_tool_says(world, file.path, before, value)
    if config.told_of_tool:
        by_tool = [one.model_copy(update={"weight": Weight.REMARK}) for one in by_tool]
    config.told_of_tool = config.told_of_tool or any(one.weight is Weight.MEND for one in by_tool)
    return checked(config, SETTINGS, [*found, *by_tool])


def _untouched(config: Config) -> Iterator[Finding]:
    """What is said of a change of no settings file: it is wrong where the issue names one, and else may be right."""
    named = [name for name in _NAMES.findall(f"{config.task.title}\n{config.task.body}") if is_settings(name)]
    if named:
        yield _to_mend("", f"The issue names `{named[0]}`, and no settings file is changed. Do what it asks for.")
    else:
        sentence = "No YAML, TOML or JSON is changed. See whether the settings are where the change is."
        yield Finding(guard=SETTINGS, sentence=sentence, weight=Weight.REMARK)


def _is_readable(path: str, data: bytes) -> bool:
    try:
        read(path, data.decode(errors="replace"))
    except Unreadable:
        return False
    return True


def _to_mend(path: str, sentence: str) -> Finding:
    return Finding(guard=SETTINGS, sentence=Redactor().redact(sentence), path=path, weight=Weight.MEND)


def _kept(path: str, before: str, after: str) -> Iterator[Finding]:
    """What stood there for people and went. Nothing of a file that could not be read before."""
    try:
        old, new = read(path, before), read(path, after)
        lost = lost_comments(path, before, after)
    except Unreadable:
        return
    if is_plain(path, before) and not is_plain(path, after):
        yield _to_mend(
            path, "It has comments or a comma too many now, which not every reader of JSON takes. Take them out."
        )
    for comment in lost[:10]:
        yield _to_mend(path, f"The comment `{comment[:200]}` is gone, and what it is about is not. Bring it back.")
    for place in list(moved(old, new))[:10]:
        yield _to_mend(path, f"The keys of {place[:200]} come in another order than before. Bring them back into it.")
    told, tells = dict(flat(old)), dict(flat(new))
    changed = sum(told.get(key, flat) != tells.get(key, flat) for key in told.keys() | tells.keys())
    if count := rewritten(before, after, changed):
        yield _to_mend(path, f"{count} lines say the same as before and look otherwise. Leave them as they were.")


async def _as_its_schema_says(world: World, path: str, text: str, value: object) -> list[Finding]:
    named = schema_of(path, text, value)
    if "://" in named and (world.schemas is None or world.schemas.known(path) is None):
        sentence = f"Its schema is elsewhere (`{named[:200]}`), where nothing is fetched from: it was parsed, no more."
        return [Finding(guard=SETTINGS, sentence=sentence, path=path, weight=Weight.REMARK)]
    if not named or "://" in named or world.schemas is None:
        return []
    at = posixpath.normpath(posixpath.join(posixpath.dirname(path), named.partition("#")[0]))
    if at.startswith("..") or at == ".":
        return []
    documents = _each(path, value)
    try:
        schema = read("schema.json", await text_now(world.workspace, at))
    except Unreadable as error:
        return [_to_mend(path, f"Its schema `{at[:200]}` cannot be read: {error}. Correct where it is, or the schema.")]
    found = []
    for document in documents:
        said = await world.schemas.mismatches(schema, plain(document))
        if said is None:
            sentence = f"It was not held against its schema `{at[:200]}`, which cannot be used by itself."
            return [Finding(guard=SETTINGS, sentence=sentence, path=path, weight=Weight.REMARK)]
        sentence = f"Its schema `{at[:200]}` does not allow this"
        found += [_to_mend(path, f"{sentence}{_at(one)}: {one.message}") for one in said]
    return found


async def _as_its_tool_says(world: World, path: str, before: bytes | None, value: object) -> list[Finding]:
    """What a well-known schema does not allow and did not complain of before: some are stricter than their tool."""
    if world.schemas is None or (known := world.schemas.known(path)) is None:
        return []
    name, schema = known
    old = _documents(path, before) if before is not None else []
    said = [await world.schemas.mismatches(schema, plain(one)) for one in [*old, *_each(path, value)]]
    if any(one is None for one in said):
        sentence = f"It was not held against the schema of {name}, which cannot be used by itself."
        return [Finding(guard=SETTINGS, sentence=sentence, path=path, weight=Weight.REMARK)]
    was = {(one.at, one.message) for each in said[: len(old)] for one in each or ()}
    return [
        _to_mend(path, f"The schema of {name} does not allow this{_at(one)}: {one.message}")
        for each in said[len(old) :]
        for one in each or ()
        if (one.at, one.message) not in was
    ]


def _documents(path: str, data: bytes) -> list[object]:
    try:
        return _each(path, read(path, data.decode(errors="replace")))
    except Unreadable:
        return []


def _each(path: str, value: object) -> list[object]:
    return value if isinstance(value, list) and not path.endswith(("json", "json5")) else [value]


def _at(one: Mismatch) -> str:
    return f" at `{one.at[:200]}`" if one.at else ""


BLUEPRINT: Final[Blueprint[Config]] = Blueprint(
    name="config",
    summary="Change settings in YAML, TOML and JSON, with comments, order and schemas kept",
    state=Config,
    start=prepare,
    checks=watch,
    edges={
        prepare: {"ready": implement, "cannot": explain},
        implement: {"changed": lint, "gave up": explain},
        **to_a_pull_request(checks=[check]),
    },
)
