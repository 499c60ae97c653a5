"""What is said about a commit that a run published, as an in-toto statement in a DSSE envelope.

A statement (https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md) names what it is about by digests,
the subjects, and says it in a predicate, which is shaped after SLSA's build provenance. The envelope
(https://github.com/secure-systems-lab/dsse/blob/master/envelope.md) carries it with its signatures. Nothing here signs.
"""

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from app.core.errors import MinionsError
from app.core.evidence import Evidence, Reviews
from app.core.guards import Finding
from app.core.run import Run

STATEMENT_TYPE: Final = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE: Final = "urn:x-minions:change:v1"
BUILD_TYPE: Final = "urn:x-minions:blueprint"
PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"
MOST_BYTES: Final = 4 * 1024 * 1024
"""Of an envelope that is read; one of ours has some ten kilobytes."""


class Unreadable(MinionsError):
    """This is no statement in an envelope, or not one of ours."""


class Worked(BaseModel, frozen=True):
    """What a model did."""

    role: str
    model: str
    usd: float
    turns: int
    tokens: int


class Published(BaseModel, frozen=True):
    """What a node that published a commit knows about it."""

    head_sha: str
    base_sha: str
    branch: str
    base_branch: str
    patch_sha256: str
    """Of the whole change against `base_sha`, as `git diff --binary --full-index --no-renames` writes it."""
    files: int
    added: int
    deleted: int
    commands: tuple[Evidence, ...]
    guards: tuple[str, ...]
    """Names of those that let it pass."""
    figures: Mapping[str, str] = {}
    """What gates counted or saw, by their names."""
    remarks: tuple[Finding, ...] = ()
    """What gates found that stops nothing."""
    done: str = ""
    """What was done, in the minion's words."""
    not_done: str = ""
    """Risks, and what was not done."""
    rules: tuple[str, ...]
    models: tuple[Worked, ...]
    repairs: int
    reviews: Reviews


class Signature(BaseModel, frozen=True):
    """One signature of an envelope."""

    keyid: str = ""
    """A hint, which nothing vouches for."""
    sig: str


class Envelope(BaseModel, frozen=True):
    """A payload and its signatures, each text in base64."""

    payloadType: str  # noqa: N815 - the specification's word
    payload: str
    signatures: tuple[Signature, ...]

    @property
    def body(self) -> bytes:
        """The payload. Raises Unreadable."""
        return decoded(self.payload)

    @property
    def signed(self) -> bytes:
        """What signatures are over. Raises Unreadable."""
        return encoded(self.payloadType, self.body)


def encoded(payload_type: str, body: bytes) -> bytes:
    """DSSE's pre-authentication encoding: no other type or body gives the same bytes."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(body), body)


def decoded(text: str) -> bytes:
    """The bytes of a text in base64. Raises Unreadable."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Unreadable("A part of the envelope is no base64.") from None


def statement(run: Run, published: Published, *, builder: str, version: str, at: datetime) -> bytes:
    """The statement as the bytes that are signed. `builder` is the installation's address, `version` the program's.

    The address of the run's page is not in it: who has that may read all of the run.
    """
    return json.dumps(
        {
            "_type": STATEMENT_TYPE,
            "subject": [
                {
                    "name": f"{run.task.repository.full_name}@{published.branch}",
                    "digest": {"gitCommit": published.head_sha},
                },
                {"name": "patch", "digest": {"sha256": published.patch_sha256}},
            ],
            "predicateType": PREDICATE_TYPE,
            "predicate": {
                "buildDefinition": _definition(run, published),
                "runDetails": {
                    "builder": {"id": builder or "urn:x-minions:local", "version": {"minions": version}},
                    "metadata": {
                        "invocationId": f"urn:x-minions:run:{run.id}",
                        "startedOn": run.asked_at.isoformat(),
                        "finishedOn": at.isoformat(),
                    },
                },
                **_record(published),
            },
        },
        ensure_ascii=False,
        sort_keys=True,
        separators=(",", ":"),
    ).encode("utf-8", "replace")


def _definition(run: Run, published: Published) -> dict[str, Any]:
    """What was asked for, by whom, and what it was made from."""
    task = run.task
    return {
        "buildType": f"{BUILD_TYPE}:{run.blueprint}:{run.blueprint_version}",
        "externalParameters": {
            "repository": task.repository.full_name,
            "repositoryId": task.repository.id,
            "number": task.number,
            "title": task.title,
            "requester": task.requester.login,
            "requesterId": task.requester.id,
            "askedOn": task.asked_at.isoformat(),
        },
        "internalParameters": {"run": run.id, "blueprint": run.blueprint, "blueprintVersion": run.blueprint_version},
        "resolvedDependencies": [
            {
                "uri": f"git:{task.repository.full_name}@{published.base_branch}",
                "digest": {"gitCommit": published.base_sha},
            }
        ],
    }


def _record(published: Published) -> dict[str, Any]:
    """What was run, looked at and used."""
    reviews = published.reviews
    return {
        "change": {"files": published.files, "added": published.added, "deleted": published.deleted},
        "commands": [
            {
                "when": one.where.value,
                "command": one.command,
                "exitCode": one.exit_code,
                "timedOut": one.timed_out,
                "seconds": round(one.seconds, 3),
            }
            for one in published.commands
        ],
        "guards": list(published.guards),
        "figures": dict(published.figures),
        "remarks": [one.model_dump(include={"guard", "path", "line", "sentence"}) for one in published.remarks],
        "done": published.done,
        "notDone": published.not_done,
        "rules": list(published.rules),
        "models": [one.model_dump() for one in published.models],
        "cost": {"usd": round(sum(one.usd for one in published.models), 6)},
        "repairs": published.repairs,
        "review": {
            "reviewed": reviews.newest is not None,
            "whyNot": reviews.why_none,
            "sentBack": reviews.sent_back,
            "open": len(reviews.open),
            "findings": [
                one.model_dump(include={"path", "line", "severity", "claim", "reproduction", "exit_code"})
                for one in (reviews.newest.findings if reviews.newest else ())
            ],
        },
    }


def envelope(text: str | bytes) -> Envelope:
    """The envelope in a file or an answer. Raises Unreadable."""
    if len(text) > MOST_BYTES:
        raise Unreadable(f"This has {len(text):,} bytes; no statement is so long.")
    try:
        return Envelope.model_validate_json(text)
    except ValidationError:
        raise Unreadable("This is no DSSE envelope: a JSON object with payloadType, payload and signatures.") from None


def read(body: bytes) -> Mapping[str, Any]:
    """The statement that a payload holds, once its signature was checked. Raises Unreadable if it is none of ours."""
    try:
        said = json.loads(body)
    except ValueError:
        raise Unreadable("The envelope holds no JSON.") from None
    if not isinstance(said, dict) or said.get("_type") != STATEMENT_TYPE:
        raise Unreadable(f"The envelope holds no in-toto statement of the type {STATEMENT_TYPE}.")
    if said.get("predicateType") != PREDICATE_TYPE:
        raise Unreadable(f"The statement is of the kind {said.get('predicateType')!r}, not {PREDICATE_TYPE}.")
    return said


def digest_of(said: Mapping[str, Any], kind: str) -> str:
    """The digest of this kind among the statement's subjects, `gitCommit` or `sha256`. Raises Unreadable."""
    subjects: Sequence[Any] = said.get("subject") or ()
    found = [one["digest"][kind] for one in subjects if isinstance(one, dict) and kind in (one.get("digest") or {})]
    if len(found) != 1 or not isinstance(found[0], str):
        raise Unreadable(f"The statement does not name one subject by its {kind}.")
    return found[0]


def base_of(said: Mapping[str, Any]) -> str:
    """The commit that the change was made from. Raises Unreadable."""
    try:
        (base,) = said["predicate"]["buildDefinition"]["resolvedDependencies"]
        sha = base["digest"]["gitCommit"]
    except (KeyError, TypeError, ValueError):
        raise Unreadable("The statement does not name the commit that the change was made from.") from None
    return str(sha)
