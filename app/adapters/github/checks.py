"""Check runs: ours on a commit, made once and then kept up to date."""

from typing import Any

from github.CheckRun import CheckRun
from github.Repository import Repository as Remote

from app.adapters.github.client import Client
from app.adapters.github.errors import present
from app.core.errors import NotFound
from app.core.forge import Check
from app.core.neutral import fitted

_TITLE_CHARACTERS = 250


async def put(client: Client, app_id: int, sha: str, check: Check, *, check_id: int | None) -> int:
    """Make our check run look like `check`; answer with its id.

    With an id it is edited, and made anew if it is gone; without one it is looked for by its external id.
    """
    doing = f"report the check {check.name}"
    if check_id is not None:
        known = check_id
        try:
            return await client.overwrite(doing, lambda remote: _edit(remote.get_check_run(known), check))
        except NotFound:
            pass

    made: list[int] = []

    async def create() -> int:
        made.append(await client.write(doing, lambda remote: _create(remote, sha, check)))
        return made[0]

    async def find() -> int | None:
        return await client.read(doing, lambda remote: _find(remote, app_id, sha, check))

    found = await client.find_or_create(find, create)
    if not made:
        await client.overwrite(doing, lambda remote: _edit(remote.get_check_run(found), check))
    return found


def _find(remote: Remote, app_id: int, sha: str, check: Check) -> int | None:
    for run in remote.get_commit(sha).get_check_runs(check_name=check.name, filter="all"):
        if run.external_id == check.external_id and run.app is not None and run.app.id == app_id:
            return run.id
    return None


def _create(remote: Remote, sha: str, check: Check) -> int:
    return present(remote.create_check_run(head_sha=sha, **_fields(check)).id, int)


def _edit(run: CheckRun, check: Check) -> int:
    run.edit(**_fields(check))
    return present(run.id, int)


def _fields(check: Check) -> dict[str, Any]:
    """Texts are cut to what GitHub takes: https://docs.github.com/en/rest/checks/runs#create-a-check-run."""
    output = {"title": check.title[:_TITLE_CHARACTERS], "summary": fitted(check.summary)}
    if check.text:
        output["text"] = fitted(check.text)
    fields: dict[str, Any] = {
        "name": check.name,
        "external_id": check.external_id,
        "status": check.status,
        "output": output,
    }
    if check.details_url:
        fields["details_url"] = check.details_url
    if check.conclusion:
        fields["conclusion"] = check.conclusion
    if check.status == "completed":
        fields["actions"] = [button.model_dump() for button in check.buttons]
    return fields
