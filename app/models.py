"""Which model works in which role: by the models file of the settings, or by their short form, one setting a model."""

import os
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, Field, SecretStr, ValidationError

from app.adapters.embeddings import LiteLLMEmbedder
from app.adapters.litellm import MOST_TRIES, LiteLLMModel
from app.adapters.model_prices import Price
from app.adapters.model_profiles import profile_of
from app.core.embeddings import Embedder
from app.core.errors import SettingsError
from app.core.model import Effort, Model
from app.core.rollout import IMPLEMENT, NOBODY, REVIEW, ROLES, TRIAGE, Role
from app.core.terms import Arm
from app.settings import NONE, Settings

_TRIES_OF_TWO: Final = 2
"""Of each model where there are two: the other one is asked before a pause gets long."""
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")


class Pinned(BaseModel, frozen=True, extra="forbid"):
    """One version of a model, and how it is reached."""

    name: Annotated[str, Field(min_length=1)]
    """In litellm's form, best with the day of its version in it."""
    api_base: str = ""
    key: str = ""
    """Name of the environment variable that holds the key, never the key; empty for the provider's own variable."""
    price: tuple[float, ...] = ()
    dialect: Literal["", "edit", "apply_patch", "whole_file", "bash"] = ""
    window: int = Field(default=0, ge=0)
    effort: Effort = ""


class _File(BaseModel, frozen=True, extra="forbid"):
    models: Mapping[str, Pinned]
    roles: Mapping[str, Role]


@dataclass(frozen=True)
class Models:
    """The models of one worker, made once, and who works in which role."""

    pinned: Mapping[str, Model]
    """By their names in the file."""
    roles: Mapping[str, Role]
    """`implement` is always there; `repair` and `review` are as that one where they are not."""

    @property
    def told(self) -> str:
        """Who does the work, for the log."""
        return self.pinned[self.roles[IMPLEMENT].model].name

    def pair(self, role: str, arms: Mapping[str, Arm], *, former: str = "") -> tuple[Model, Model | None] | None:
        """Who works in a role in a run with these arms, and who goes on if need be; None if nobody does.

        `former` is who worked in the run last: one that had to change its model stays with the new one.
        """
        name = self._known(role)
        if name is None or self.roles[name].model == NOBODY:
            return None
        chosen = self.roles[name]
        arm = arms.get(name)
        first = self.pinned.get(arm.model if arm else "") or self.pinned[chosen.model]
        second = self.pinned.get(chosen.fallback)
        if second is not None and second.name == first.name:
            second = self.pinned[chosen.model] if self.pinned[chosen.model].name != first.name else None
        if any(former == other.name for other in self._firsts(arms)):
            return first, second  # a role of its own, and no change that was needed
        return in_turn(first, second, former=former)

    @property
    def at_work(self) -> Sequence[Model]:
        """Every model that may be asked to change something, each once."""
        names = [name for of, role in self.roles.items() if of not in {TRIAGE, REVIEW} for name in _named(role)]
        return [self.pinned[name] for name in dict.fromkeys(names)]

    def _known(self, role: str) -> str | None:
        if role in self.roles:
            return role
        return None if role == TRIAGE else IMPLEMENT

    def _firsts(self, arms: Mapping[str, Arm]) -> Iterator[Model]:
        for name, role in self.roles.items():
            if model := self.pinned.get(arms[name].model if name in arms else role.model):
                yield model


def _named(role: Role) -> list[str]:
    """Every model that may work in a role."""
    return [role.model, *filter(None, [role.fallback]), *(one.model for one in role.candidates)]


def in_turn(model: Model, fallback: Model | None, *, former: str) -> tuple[Model, Model | None]:
    """Who works, and who goes on if need be: a run that had to change its model stays with the new one."""
    if fallback and former == fallback.name:
        return fallback, model
    return model, fallback


def chosen_models(settings: Settings) -> Models:
    """The models of the settings. Raises SettingsError if they, or the file, cannot be used."""
    if settings.models_file is not None:
        return _of_file(settings.models_file)
    return _short(settings)


def with_candidate(settings: Settings, candidate: str) -> Models:
    """The models of the settings with `candidate` at the work, alone and as in a roll-out: who reviews stays.

    It is a name of the models file, or else a model in litellm's form that is reached as `MINIONS_MODEL` is. Raises
    SettingsError.
    """
    if settings.models_file is None or candidate not in _read(settings.models_file).models:
        return chosen_models(settings.with_model(candidate).model_copy(update={"fallback_model": ""}))
    known = _of_file(settings.models_file)
    others = {name: role for name, role in known.roles.items() if name in {TRIAGE, REVIEW}}
    own = {name: role.model_copy(update={"candidates": ()}) for name, role in others.items()}
    return Models(known.pinned, own | {IMPLEMENT: Role(model=candidate)})


def roles_of(settings: Settings) -> Mapping[str, Role]:
    """Who works in which role, for pages; empty where no models file is given. Raises SettingsError."""
    return _read(settings.models_file).roles if settings.models_file else {}


def secrets_of(settings: Settings) -> tuple[str, ...]:
    """The keys that the models file names, to be kept out of everything. Raises SettingsError."""
    if settings.models_file is None:
        return ()
    return tuple(filter(None, (os.environ.get(one.key, "") for one in _read(settings.models_file).models.values())))


def _of_file(file: Path) -> Models:
    said = _read(file)
    with_other = {one.model for one in said.roles.values() if one.fallback}
    with_other |= {one.fallback for one in said.roles.values() if one.fallback}
    made = {
        name: _made(
            one.name,
            api_base=one.api_base,
            key=_key(name, one),
            price=_price(f"The price of {name} in MINIONS_MODELS_FILE", one.price),
            dialect=one.dialect,
            window=one.window,
            effort=one.effort,
            most_tries=_TRIES_OF_TWO if name in with_other else MOST_TRIES,
        )
        for name, one in said.models.items()
    }
    return Models(made, said.roles)


def _read(file: Path) -> _File:
    try:
        said = _File.model_validate(tomllib.loads(file.read_text(encoding="utf-8")))
    except ValidationError as error:
        # Only the place and the rule are told: the value may be a key that somebody wrote there.
        faults = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
        raise SettingsError(f"MINIONS_MODELS_FILE cannot be used: {faults}") from None
    except OSError as error:
        raise SettingsError(f"MINIONS_MODELS_FILE cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"MINIONS_MODELS_FILE is no TOML: {error}") from None
    if fault := next(_faults(said), ""):
        raise SettingsError(f"MINIONS_MODELS_FILE cannot be used: {fault}")
    return said


def _faults(said: _File) -> Iterator[str]:
    if IMPLEMENT not in said.roles:
        yield "it says nobody for the role implement: add [roles.implement] with a model."
    if unknown_roles := sorted(said.roles.keys() - set(ROLES)):
        yield f"there is no role {unknown_roles[0]!r}; there are {', '.join(ROLES)}."
    if unnamed := [name for name, one in said.models.items() if one.key and not _VARIABLE.fullmatch(one.key)]:
        yield f"key of {unnamed[0]} must be the name of an environment variable, and never the key itself."
    for name, role in said.roles.items():
        if role.model == NOBODY:
            if name not in {TRIAGE, REVIEW} or role.fallback or role.candidates:
                yield f"somebody has to work as {name}: only triage and review may be {NOBODY!r}, and then alone."
            continue
        named = _named(role)
        if unknown := [one for one in named if one not in said.models]:
            yield f"the role {name} names {unknown[0]!r}, and there is no [models.{unknown[0]}]."
            continue
        others = [said.models[one].name for one in named[1:]]
        if said.models[role.model].name in others:
            yield f"the role {name} names the same model twice: fallback and candidates must be others."
        if sum(one.share for one in role.candidates) > 1:
            yield f"the shares of the candidates of {name} are more than 1 together."


def _key(name: str, one: Pinned) -> str:
    if one.key and not os.environ.get(one.key):
        raise SettingsError(f"MINIONS_MODELS_FILE: the key of {name} is wanted in the variable {one.key}: set it.")
    return os.environ.get(one.key, "") if one.key else ""


def _short(settings: Settings) -> Models:
    """One setting a model."""
    made = {"model": chosen_model(settings)}
    if fallback := fallback_model(settings):
        made["fallback"] = fallback
    roles = {IMPLEMENT: Role(model="model", fallback="fallback" if fallback else "")}
    if settings.review_model == NONE:
        roles[REVIEW] = Role(model=NOBODY)
    elif settings.review_model and (reviewer := chosen_reviewer(settings)):
        made["review"], roles[REVIEW] = reviewer, Role(model="review")
    if settings.triage_model:
        made["triage"], roles[TRIAGE] = _triage_model(settings), Role(model="triage")
    return Models(made, roles)


def _made(
    name: str,
    *,
    api_base: str,
    key: str | SecretStr,
    price: Price | None,
    dialect: Literal["", "edit", "apply_patch", "whole_file", "bash"] = "",
    window: int = 0,
    effort: Effort = "",
    most_tries: int,
) -> Model:
    return LiteLLMModel(
        name,
        api_base=api_base,
        api_key=key.get_secret_value() if isinstance(key, SecretStr) else key,
        price=price,
        profile=profile_of(name, dialect=dialect or None, window=window or None, effort=effort),
        most_tries=most_tries,
    )


def chosen_model(settings: Settings) -> Model:
    """The model of the settings."""
    return _made(
        settings.model,
        api_base=settings.model_api_base,
        key=settings.model_api_key,
        price=_price("MINIONS_MODEL_PRICE", settings.model_price),
        dialect=settings.model_dialect,
        window=settings.model_window,
        effort=settings.model_effort,
        most_tries=_TRIES_OF_TWO if settings.fallback_model else MOST_TRIES,
    )


def fallback_model(settings: Settings) -> Model | None:
    """The model that goes on where the first one does not; None if there is none."""
    if not settings.fallback_model:
        return None
    if settings.fallback_model == settings.model:
        raise SettingsError("MINIONS_FALLBACK_MODEL names the same model as MINIONS_MODEL: name another one, or none.")
    return _made(
        settings.fallback_model,
        api_base=settings.fallback_api_base,
        key=settings.fallback_api_key,
        price=_price("MINIONS_FALLBACK_PRICE", settings.fallback_price),
        most_tries=_TRIES_OF_TWO,
    )


def _triage_model(settings: Settings) -> Model:
    return _made(
        settings.triage_model,
        api_base=settings.triage_api_base,
        key=settings.triage_api_key,
        price=_price("MINIONS_TRIAGE_PRICE", settings.triage_price),
        most_tries=_TRIES_OF_TWO,
    )


def embedder(settings: Settings) -> Embedder | None:
    """The model that makes vectors of texts; None if there is none."""
    if not settings.embedding_model:
        return None
    return LiteLLMEmbedder(
        settings.embedding_model,
        api_base=settings.embedding_api_base,
        api_key=settings.embedding_api_key.get_secret_value(),
        dimensions=settings.embedding_dimensions,
        usd=settings.embedding_price,
    )


def _price(name: str, said: tuple[float, ...]) -> Price | None:
    if not said:
        return None
    if len(said) not in {2, 3}:
        raise SettingsError(f"{name} takes two or three numbers: dollars for a million tokens, as 1.25,10.")
    return Price(input=said[0], output=said[1], cached=said[2] if len(said) == 3 else None)


def chosen_reviewer(settings: Settings) -> Model | None:
    """The model that reviews: the one that works, unless the settings say another, or none."""
    if settings.review_model == NONE:
        return None
    if not settings.review_model:
        return chosen_model(settings)
    own = {
        "model": settings.review_model,
        "model_api_base": settings.review_api_base,
        "model_api_key": settings.review_api_key,
        "model_price": settings.review_price,
        "model_dialect": "",
        "model_window": 0,
        "model_effort": "",
    }
    return chosen_model(settings.model_copy(update=own))
