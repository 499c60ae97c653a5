"""JSON Schema, by jsonschema.

On the host, as a process of its own: schemas hold patterns, and one that a stranger wrote may take a regular expression
years. Nothing is fetched: a schema that refers to another file or address cannot be used.
"""

import asyncio
import json
import logging
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Sequence
from typing import Any, Final

from app.adapters.known_schemas import known_schema
from app.core.schema import Mismatch

_log = logging.getLogger(__name__)

_SECONDS: Final = 20.0
"""A large file and its schema take one."""
_MEMORY_BYTES: Final = 1024**3
_MOST: Final = 20
"""Mismatches that are told: the first ones mostly bring the others with them."""
_CHECK: Final = """\
import itertools, json, sys
from jsonschema.validators import validator_for
from jsonschema_specifications import REGISTRY
given = json.load(sys.stdin)
kind = validator_for(given["schema"])
kind.check_schema(given["schema"])
errors = itertools.islice(kind(given["schema"], registry=REGISTRY).iter_errors(given["value"]), given["most"])
json.dump([[error.json_path.removeprefix("$").lstrip("."), error.message[:500]] for error in errors], sys.stdout)
"""


class JsonSchema:
    """`SchemaReader` of `app.core.schema`."""

    def known(self, path: str) -> tuple[str, Any] | None:
        """As `SchemaReader` says."""
        return known_schema(path)

    async def mismatches(self, schema: Any, value: Any) -> Sequence[Mismatch] | None:
        """As `SchemaReader` says."""
        process = await asyncio.create_subprocess_exec(
            *("prlimit", f"--data={_MEMORY_BYTES}", "--core=0", "--", sys.executable, "-I", "-c", _CHECK),
            stdin=PIPE,
            stdout=PIPE,
            stderr=DEVNULL,
            env={},
            cwd="/",
        )
        try:
            async with asyncio.timeout(_SECONDS):
                out, _ = await process.communicate(
                    json.dumps({"schema": schema, "value": value, "most": _MOST}).encode()
                )
            return [Mismatch(at=str(at), message=str(message)) for at, message in json.loads(out)]
        except (TimeoutError, OSError, ValueError, TypeError, RecursionError) as error:
            _log.info("The schema tells nothing: %r", error)
            return None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
