"""Probot's receiver of deliveries, installed by the benchmark with npm: what most GitHub Apps are made with."""

import asyncio
import os
import socket
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

VERSION: Final = "14.3.2"
PATH: Final = "/api/github/webhooks"
_READY_WITHIN_S: Final = 60
_SERVER: Final = """
import { Probot, Server } from "probot";
const { PORT, SECRET, KEY } = process.env;
const server = new Server({
  port: Number(PORT),
  host: "127.0.0.1",
  Probot: Probot.defaults({ appId: 1, privateKey: KEY, secret: SECRET, logLevel: "error" }),
});
let labelled = 0;
await server.load((app) => {
  app.on("issues.labeled", async () => { labelled += 1; });
  app.on("check_run.completed", async () => {});
});
await server.start();
"""


class NotInstalled(Exception):
    """It cannot be had here; the sentence says why."""


@asynccontextmanager
async def probot(secret: str) -> AsyncIterator[tuple[int, int]]:
    """Its port and its process id, once it listens. Raises NotInstalled."""
    with tempfile.TemporaryDirectory(prefix="minions-bench-") as folder:
        await asyncio.to_thread(_install, Path(folder))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        process = await asyncio.create_subprocess_exec(
            *("node", "server.mjs"),
            cwd=folder,
            env={
                "PATH": os.environ["PATH"],
                "PORT": str(port),
                "SECRET": secret,
                "KEY": _key(),
                "NODE_ENV": "production",
            },
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            await _ready(process, port)
            yield port, process.pid
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()


def _install(folder: Path) -> None:
    (folder / "package.json").write_text('{"private": true, "type": "module"}')
    (folder / "server.mjs").write_text(_SERVER)
    words = ["npm", "install", "--silent", "--no-audit", "--no-fund", f"probot@{VERSION}"]
    try:
        done = subprocess.run(words, cwd=folder, check=False, capture_output=True, timeout=300)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotInstalled(f"Probot cannot be installed: {type(error).__name__}") from None
    if done.returncode:
        raise NotInstalled(f"Probot cannot be installed: {done.stderr.decode(errors='replace')[-200:].strip()}")


async def _ready(process: asyncio.subprocess.Process, port: int) -> None:
    async with asyncio.timeout(_READY_WITHIN_S):
        while process.returncode is None:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.1)
                continue
            writer.close()
            return
    raise NotInstalled(f"Probot ended with {process.returncode}")


def _key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    ).decode()
