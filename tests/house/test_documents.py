"""Documents lead to what is there, and list all that there is."""

import re
from pathlib import Path
from typing import Final

import pytest

from app.core.repo_config import RepoConfig, Schedule
from app.core.wording.orders import listed_orders

pytestmark = pytest.mark.house
ROOT: Final = Path(__file__).parents[2]
DOCUMENTS: Final = sorted(
    path
    for pattern in ("*.md", "docs/*.md", "app/*.md", "manifests/*.md", "tests/README.md", "blueprints/**/README.md")
    for path in ROOT.glob(pattern)
)


def prose(document: Path) -> str:
    """Without what stands in fences."""
    return re.sub(r"(?ms)^ *```.*?^ *```", "", document.read_text("utf-8"))


def places(document: Path) -> set[str]:
    """How GitHub names its headings."""
    headings = re.findall(r"(?m)^#+ (.*)$", prose(document))
    plain = [re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading) for heading in headings]
    return {re.sub(r"[^\w -]", "", heading.strip().lower()).replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_to_a_file_and_a_heading(document: Path) -> None:
    wrong = []
    for link in re.findall(r"\]\(([^)\s]+)\)", prose(document)):
        if link.startswith("https://"):
            continue
        file, _, place = link.partition("#")
        there = document.parent / file if file else document
        if not there.exists() or (place and place not in places(there)):
            wrong.append(link)
    assert wrong == []


def test_every_key_of_a_repositorys_settings_is_documented() -> None:
    section = (ROOT / "blueprints/README.md").read_text("utf-8").split("\n## `.github/minion.yml`\n")[1]
    table = section.split("\nEach entry of `schedules`")[0]
    assert re.findall(r"(?m)^\| `([a-z_]+)` \|", table) == list(RepoConfig.model_fields)
    shown = set(re.findall(r"(?m)^ +(?:- )?([a-z]+): ", section.split("```yaml\n")[1].split("```")[0]))
    assert shown == set(Schedule.model_fields)


def test_everything_that_can_be_said_to_a_run_is_documented() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    for words, summary in listed_orders():
        assert f"`{words.split(' [')[0].partition(' +')[0]}" in readme, words
        assert summary


def test_who_reviews_reads_of_the_headings_that_a_pull_request_has() -> None:
    wording = (ROOT / "app/core/wording/pull_request.py").read_text("utf-8")
    told = (ROOT / "docs/reviewing.md").read_text("utf-8")
    named = re.findall(r"\*\*([^*]+)\*\*|\*(Risks[^*]+)\*", told)
    assert len(named) == 6
    assert [heading for pair in named for heading in pair if heading and heading not in wording] == []
