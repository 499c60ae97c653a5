"""Signs what is known of a commit, with the key of this machine."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from typing import Any

from app.adapters.signing import SigningKey
from app.core.redaction import Redactor
from app.core.run import Run
from app.core.statement import Published, statement
from app.core.store import Store


@dataclass(frozen=True)
class RunNotary:
    """Implements `Notary` for one run, with the key of this machine."""

    run: Run
    store: Store
    key: SigningKey
    redactor: Redactor
    public_url: str

    async def attest(self, facts: Mapping[str, object]) -> None:
        """As `Notary` says. Secrets are taken out before it is signed."""
        published = Published.model_validate(_redacted(facts, self.redactor))
        task = self.run.task.model_copy(update={"title": self.redactor.redact(self.run.task.title)})
        said = statement(
            self.run.model_copy(update={"task": task}),
            published,
            builder=self.public_url,
            version=metadata.version("minions"),
            at=datetime.now(UTC),
        )
        await self.store.keep_signing_key(self.key.public.id, self.key.public.pem)
        await self.store.keep_statement(self.run.id, published.head_sha, self.key.sealed(said).model_dump_json())


def _redacted(value: Any, redactor: Redactor) -> Any:
    """The same JSON value without the secrets in its strings."""
    if isinstance(value, str):
        return redactor.redact(value)
    if isinstance(value, Mapping):
        return {key: _redacted(item, redactor) for key, item in value.items()}
    return [_redacted(item, redactor) for item in value] if isinstance(value, list) else value
