"""The JSON Schema of `.github/minion.yml`, for editors."""

from typing import Any

from app.core.repo_config import PATH, RepoConfig


def schema() -> dict[str, Any]:
    """The schema, made from what is read: keys, values, defaults, and what each is for."""
    made = RepoConfig.model_json_schema()
    for one in made["properties"].values():
        one.pop("title", None)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": PATH} | made | {"title": PATH}
