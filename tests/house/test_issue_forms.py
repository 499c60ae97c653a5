"""Our issue forms keep to GitHub's rules: one that does not is shown to nobody.

https://docs.github.com/en/communities/using-templates-to-encourage-useful-issues-and-pull-requests/syntax-for-githubs-form-schema
"""

import re
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
import yaml
from pydantic import BaseModel, Field, ValidationError, model_validator

from app.core.campaign_wish import wish_of
from app.core.forms import answered, fields
from tests.tasks import task

pytestmark = pytest.mark.house
FOLDER = Path(__file__).parents[2] / "manifests/issue-forms"
FILES = sorted(FOLDER.glob("*.y*ml"))
Text = Annotated[str, Field(min_length=1)]
Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$")]


class Part(BaseModel, extra="forbid", strict=True):
    """GitHub refuses keys that it does not know."""


class Required(Part):
    required: bool = False


class Asked(Part):
    label: Text
    description: str = ""
    placeholder: str = ""
    value: str = ""


class Shown(Part):
    value: Text


class Written(Asked):
    render: str = ""


class Choice(Part):
    label: Text
    description: str = ""
    multiple: bool = False
    options: list[Text] = Field(min_length=1)
    default: int = 0


class Box(Part):
    label: Text
    required: bool = False


class Boxes(Part):
    label: Text
    description: str = ""
    options: list[Box] = Field(min_length=1)


class Markdown(Part):
    type: Literal["markdown"]
    attributes: Shown


class TextArea(Part):
    type: Literal["textarea"]
    id: Id | None = None
    attributes: Written
    validations: Required = Required()


class Input(Part):
    type: Literal["input"]
    id: Id | None = None
    attributes: Asked
    validations: Required = Required()


class Dropdown(Part):
    type: Literal["dropdown"]
    id: Id | None = None
    attributes: Choice
    validations: Required = Required()


class Checkboxes(Part):
    type: Literal["checkboxes"]
    id: Id | None = None
    attributes: Boxes
    validations: Required = Required()


Element = Annotated[Markdown | TextArea | Input | Dropdown | Checkboxes, Field(discriminator="type")]


class Form(Part):
    name: Text
    description: Text
    title: str = ""
    labels: list[Text] = []
    assignees: list[Text] = []
    projects: list[Text] = []
    type: str = ""
    body: list[Element] = Field(min_length=1)

    @model_validator(mode="after")
    def _as_a_whole(self) -> "Form":
        asked = [one for one in self.body if not isinstance(one, Markdown)]
        ids = [one.id for one in asked if one.id]
        labels = [re.sub(r"\W", "", one.attributes.label.lower()) for one in asked]
        if not asked or len(set(ids)) < len(ids) or len(set(labels)) < len(labels):
            raise ValueError("a form asks for something, and for nothing twice")
        for one in asked:
            if isinstance(one, Dropdown):
                options = one.attributes.options
                if len(set(options)) < len(options) or "none" in {each.lower() for each in options}:
                    raise ValueError("options are there once, and `None` is GitHub's own")
        return self


def read(file: Path) -> dict[str, Any]:
    said: dict[str, Any] = yaml.safe_load(file.read_text("utf-8"))
    return said


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_form_is_one_that_github_takes(file: Path) -> None:
    form = Form.model_validate(read(file))
    assert "minion" not in form.labels, "anybody can fill in a form, and who labels must be allowed to write"


def test_there_is_one_for_defects_one_for_features_and_one_for_migrations() -> None:
    assert [file.name for file in FILES] == ["bug.yml", "feature.yml", "migration.yml"]
    assert len({read(file)["name"] for file in FILES}) == len(FILES)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_what_is_filled_in_is_read_again(file: Path) -> None:
    """As GitHub writes it down: a heading a field, in order."""
    labels = [one["attributes"]["label"] for one in read(file)["body"] if one["type"] != "markdown"]
    body = "\n\n".join(f"### {label}\n\nThis and that" for label in labels)
    assert [one.label for one in fields(body)] == labels


@pytest.mark.parametrize(
    "wrong",
    [
        {"body": []},
        {"body": [{"type": "markdown", "attributes": {"value": "Hello"}}]},
        {"body": [{"type": "input", "attributes": {}}]},
        {"body": [{"type": "slider", "attributes": {"label": "x"}}]},
        {"body": [{"type": "input", "id": "a b", "attributes": {"label": "x"}}]},
        {"body": 2 * [{"type": "input", "attributes": {"label": "x"}}]},
        {"body": [{"type": "dropdown", "attributes": {"label": "x", "options": ["None"]}}]},
        {"name": ""},
        {"lables": ["bug"]},
    ],
)
def test_these_rules_refuse_what_github_refuses(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Form.model_validate(read(FILES[0]) | wrong)


def test_what_is_filled_in_for_a_migration_is_a_campaign() -> None:
    said = {"Repositories": "octo/cat\nocto/dog", "Parts": "_No response_", "Limit": "2", "Budget": "$20"}
    asked = [one["attributes"]["label"] for one in read(FOLDER / "migration.yml")["body"] if "id" in one]
    body = "\n\n".join(f"### {label}\n\n{said.get(label, 'Use httpx.')}" for label in asked)
    wish = wish_of(task(body=answered(body)))
    assert wish is not None
    assert (wish.repositories, wish.parts, wish.limit, wish.budget_usd, wish.fault) == (
        ("octo/cat", "octo/dog"),
        (),
        2,
        20.0,
        "",
    )
