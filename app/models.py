"""Which model works in which role, as the settings say."""

from dataclasses import dataclass
from typing import Final

from app.adapters.litellm import MOST_TRIES, LiteLLMModel
from app.adapters.model_prices import Price
from app.adapters.model_profiles import profile_of
from app.core.errors import SettingsError
from app.core.model import Model
from app.settings import NONE, Settings

_TRIES_OF_TWO: Final = 2
"""Of each model where there are two: the other one is asked before a pause gets long."""


@dataclass(frozen=True)
class Models:
    """Which model works in which role."""

    worker: Model
    fallback: Model | None
    """Who goes on where the first one does not answer."""
    reviewer: Model | None
    """None if nobody reviews."""


def chosen_model(settings: Settings) -> Model:
    """The model of the settings."""
    return LiteLLMModel(
        settings.model,
        api_base=settings.model_api_base,
        api_key=settings.model_api_key.get_secret_value(),
        price=_price("MINIONS_MODEL_PRICE", settings.model_price),
        profile=profile_of(
            settings.model, dialect=settings.model_dialect or None, window=settings.model_window or None
        ),
        most_tries=_TRIES_OF_TWO if settings.fallback_model else MOST_TRIES,
    )


def in_turn(model: Model, fallback: Model | None, *, former: str) -> tuple[Model, Model | None]:
    """Who works, and who goes on if need be: a run that had to change its model stays with the new one."""
    if fallback and former == fallback.name:
        return fallback, model
    return model, fallback


def fallback_model(settings: Settings) -> Model | None:
    """The model that goes on where the first one does not; None if there is none."""
    if not settings.fallback_model:
        return None
    if settings.fallback_model == settings.model:
        raise SettingsError("MINIONS_FALLBACK_MODEL names the same model as MINIONS_MODEL: name another one, or none.")
    return LiteLLMModel(
        settings.fallback_model,
        api_base=settings.fallback_api_base,
        api_key=settings.fallback_api_key.get_secret_value(),
        price=_price("MINIONS_FALLBACK_PRICE", settings.fallback_price),
        most_tries=_TRIES_OF_TWO,
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
    }
    return chosen_model(settings.model_copy(update=own))
