"""Check runs: ours on a commit, made once and then kept up to date."""

from collections.abc import Sequence
from functools import partial
from typing import Any, Final

from github.CheckRun import CheckRun
from github.CheckRunAnnotation import CheckRunAnnotation
from github.Repository import Repository as Remote

from app.adapters.github.client import Client
from app.adapters.github.errors import present
from app.core.errors import NotFound
from app.core.forge import Annotation, Check
from app.core.neutral import fitted

_TITLE_CHARACTERS = 250
_ANNOTATIONS: Final = 50
"""In one request: https://docs.github.com/en/rest/checks/runs#update-a-check-run"""


async def put(client: Client, app_id: int, sha: str, check: Check, *, check_id: int | None) -> int:
    """Make our check run look like `check`; answer with its id.

    With an id it is edited, and made anew if it is gone; without one it is looked for by its external id.
    """
    found = await _put(client, app_id, sha, check, check_id=check_id)
    if check.annotations and check.status == "completed":
        await _annotate(client, found, check)
    return found


async def _put(client: Client, app_id: int, sha: str, check: Check, *, check_id: int | None) -> int:
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


async def _annotate(client: Client, check_id: int, check: Check) -> None:
    """Add the annotations that are not there. An edit adds to them, so one whose answer got lost is not made again."""
    doing = f"annotate the check {check.name}"
    there = await client.read(doing, lambda remote: set(map(_place, remote.get_check_run(check_id).get_annotations())))
    lacking = [one for one in check.annotations if (one.path, one.line, one.message) not in there]
    for begin in range(0, len(lacking), _ANNOTATIONS):
        some = lacking[begin : begin + _ANNOTATIONS]
        await client.write(doing, partial(_add, check_id=check_id, check=check, annotations=some))


def _place(there: CheckRunAnnotation) -> tuple[str, int, str]:
    return there.path, there.start_line, there.message


def _add(remote: Remote, *, check_id: int, check: Check, annotations: Sequence[Annotation]) -> None:
    said = [
        {
            "path": one.path,
            "start_line": one.line,
            "end_line": one.line,
            "annotation_level": one.level,
            "title": one.title,
            "message": one.message,
        }
        for one in annotations
    ]
    remote.get_check_run(check_id).edit(output=_fields(check)["output"] | {"annotations": said})


def _find(remote: Remote, app_id: int, sha: str, check: Check) -> int | None:
    for run in remote.get_commit(sha).get_check_runs(check_name=check.name, filter="all"):
        if run.external_id == check.external_id and run.app is not None and run.app.id == app_id:
            return run.id
    return None


def _create(remote: Remote, sha: str, check: Check) -> int:
    return present(remote.create_check_run(head_sha=sha, **_fields(check)).id, int)


def _edit(run: CheckRun, check: Check) -> int:
    fields = _fields(check)
    # What an earlier end said is not to stay there.
    run.edit(**fields | {"output": {"text": "", **fields["output"]}})
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
