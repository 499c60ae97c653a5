"""The whole of Minions with a reviewer: what is told on the pull request, and what others can check of it."""

from pathlib import Path
from typing import Any

import pytest

from tests.stories.conftest import Minions
from tests.stories.patience import ended, until

pytestmark = [pytest.mark.story, pytest.mark.timeout(600)]


async def test_a_change_is_reviewed_signed_and_checked_by_others(minions: Minions, town: Any, tmp_path: Path) -> None:
    repository = town.repository()
    ann = town.person("ann", repository)
    wish = town.wanted.issue
    number = await ann.file(wish.title, wish.body)
    await ann.label(number, "minion")
    pull, check = await ended(ann)
    for words in (
        "### Review by another model",
        "noted 1 thing, no blocker.",
        "- **minor** at `slugs.py:15`: Letters without a plain form, such as ß or ø, are dropped",
        '`slugify("Straße nach Besançon")` answers `strae-nach-besancon`.',
    ):
        assert words in pull["body"]
    assert "| Review the change | 🤖 agent | ✔️ pass" in check["output"]["summary"]
    (note,) = await until(lambda: ann.annotations(check["id"]))
    assert (note["path"], note["start_line"], note["annotation_level"]) == ("slugs.py", 15, "notice")
    assert note["title"] == "Review: minor"
    assert note["message"].startswith("Letters without a plain form, such as ß or ø, are dropped")
    path = town.stage.hub.repository(repository).path
    page, home = check["details_url"], str(tmp_path)  # as if it were somewhere else than on the server
    code, said = await minions("verify", page, "--repository", str(path), home=home)
    assert code == 0, said
    assert "✅ Signed by the server that it came from" in said
    assert "makes exactly the signed change" in said
    assert f"published {pull['head']['sha']}" in said
    file, key = tmp_path / "statement.json", tmp_path / "key.pem"
    file.write_bytes((await town.http.get(f"{page}/statement")).content)
    key.write_bytes((await town.http.get(f"{town.stage.app_url}/.well-known/minions-signing-keys.pem")).content)
    assert (await minions("verify", str(file), "--key", str(key), home=home))[0] == 0
    file.write_bytes(file.read_bytes().replace(b'"sig":"', b'"sig":"AAAA'))
    code, said = await minions("verify", str(file), "--key", str(key), home=home)
    assert (code, "❌ It is not signed by the key of" in said) == (1, True)
