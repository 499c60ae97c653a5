"""Read what a task links to in its own repository, before anybody works: then no minion has to guess what it says."""

from collections.abc import Mapping, Sequence
from hashlib import sha256

from app.core.errors import ForgeError, RateLimited, Unavailable
from app.core.links import Chunk, Link, Said, links
from app.core.redaction import Redactor
from app.core.task import Place, Task
from app.core.world import World

_NOT_THERE = "it cannot be read: it is not there, or not for this App"
_LATER = "it was written or changed after this was asked for, so it does not count"


async def hydrated(task: Task, world: World, *, base: Sequence[str]) -> tuple[Chunk, ...]:
    """A chunk for each link. Raises RateLimited and Unavailable; what cannot be read is told as missing.

    `base` are names of what maintainers have agreed to: the default branch and the base commit.
    """
    text = "\n".join([task.title, task.body, task.instructions, *(remark.body for remark in task.remarks)])
    found = links(text, task.repository.full_name, task.number)
    chunks = [await _read(link, task, world, base) for link in found]
    logins = {chunk.author for chunk in chunks if chunk.author}
    may = {login: (await world.forge.permission(login)).may_write for login in sorted(logins)}
    return tuple(
        chunk.model_copy(update={"is_trusted": chunk.is_trusted or may.get(chunk.author, False)}) for chunk in chunks
    )


async def _read(link: Link, task: Task, world: World, base: Sequence[str]) -> Chunk:
    source = f"{link.path} at {link.ref}" if link.kind == "file" else f"#{link.number}"
    try:
        if link.kind == "file":
            return _of_file(link, source, await world.forge.file(link.path, link.ref), world, base)
        place = Place(number=link.number, comment_id=link.comment_id, in_review=link.kind == "remark")
        said = await world.forge.talk(link.number, None if link.kind == "issue" else place)
    except (RateLimited, Unavailable):
        raise
    except ForgeError:
        return Chunk(source=source, read_at=world.now(), missing=_NOT_THERE)
    return _of_talk(said, task, world)


def _of_talk(said: Said, task: Task, world: World) -> Chunk:
    known = {"source": said.url, "author": said.author.login if said.author else "", "at": said.at}
    if max(said.at, said.edited_at or said.at) > task.asked_at:
        return Chunk(**known, read_at=world.now(), missing=_LATER)
    heading = f"{said.title} ({said.state})\n\n" if said.title else ""
    return _chunk(f"{heading}{said.body}", known, world)


def _of_file(link: Link, source: str, data: bytes, world: World, base: Sequence[str]) -> Chunk:
    lines = data.decode("utf-8", "replace").split("\n")
    if link.first:
        source += f", lines {link.first}-{link.last}"
        lines = lines[link.first - 1 : max(link.last, link.first)]
    return _chunk("\n".join(lines), {"source": source, "is_trusted": link.ref in base}, world)


def _chunk(text: str, known: Mapping[str, object], world: World) -> Chunk:
    clean = Redactor().redact(text)
    return Chunk.model_validate(
        {**known, "read_at": world.now(), "sha256": sha256(text.encode()).hexdigest(), "text": clean}
    )
