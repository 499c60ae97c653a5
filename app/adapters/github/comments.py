"""Comments: ours on an issue, found again by its id or its marker, and edited in place."""

from github.Repository import Repository as Remote

from app.adapters.github.client import Client
from app.adapters.github.errors import Gone, present
from app.core.errors import NotFound
from app.core.neutral import fitted


def marked(text: str, marker: str) -> str:
    """`text`, cut to what GitHub takes, with the marker by which it is found again."""
    body = fitted(text)
    if marker in body:
        return body
    # In front: an open tag or fence at the end of the text would take it in.
    return fitted(f"{marker}\n{text.replace(marker, '')}")


async def put(client: Client, login: str, number: int, marker: str, text: str, *, comment_id: int | None) -> int:
    """Make the comment by `login` that carries `marker` say `text`; answer with its id. A deleted one is made again."""
    doing = f"comment on #{number}"
    body = marked(text, marker)
    if comment_id is not None:
        known = comment_id
        try:
            return await client.overwrite(doing, lambda remote: _edit(remote, number, known, body))
        except (NotFound, Gone):
            pass

    made: list[int] = []

    async def create() -> int:
        made.append(await client.write(doing, lambda remote: _create(remote, number, body), notifies=True))
        return made[0]

    async def find() -> int | None:
        return await client.read(doing, lambda remote: _find(remote, login, number, marker))

    found = await client.find_or_create(find, create)
    if not made:
        await client.overwrite(doing, lambda remote: _edit(remote, number, found, body))
    return found


def _find(remote: Remote, login: str, number: int, marker: str) -> int | None:
    """Whoever quotes our comment quotes the marker, too, so the author counts as well."""
    for comment in remote.get_issue(number).get_comments():
        if marker in (comment.body or "") and comment.user is not None and comment.user.login == login:
            return comment.id
    return None


def _create(remote: Remote, number: int, body: str) -> int:
    return present(remote.get_issue(number).create_comment(body).id, int)


def _edit(remote: Remote, number: int, comment_id: int, body: str) -> int:
    remote.get_issue(number).get_comment(comment_id).edit(body)
    return comment_id
