"""The hosts that a repository's install commands may reach, and what an operator says about registries of their own."""

import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from app.adapters.sandbox.egress.allow_list import PORT, Private
from app.core.errors import SettingsError

REGISTRIES: Final[tuple[str, ...]] = (
    "pypi.org",  # Python: index, then files
    "files.pythonhosted.org",
    "registry.npmjs.org",  # Node
    "registry.yarnpkg.com",
    "index.crates.io",  # Rust: index, then files
    "static.crates.io",
    "crates.io",
    "proxy.golang.org",  # Go: modules, then their checksums
    "sum.golang.org",
    "rubygems.org",  # Ruby
    "index.rubygems.org",
    "repo.maven.apache.org",  # Java
    "repo1.maven.org",
    "plugins.gradle.org",
    "repo.packagist.org",  # PHP
    "api.nuget.org",  # .NET
    "hex.pm",  # Elixir
    "repo.hex.pm",
    "deb.debian.org",  # Debian
    "security.debian.org",
)
"""Registries of packages, by exact name. What can be downloaded there was published; nothing private can be read."""

NONE: Final = "none"
"""In the place of a list of registries: none of the public ones."""
_HOST: Final = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")
_CREDENTIAL: Final = re.compile(r"://[^/?#]*@")
_HEADER: Final = re.compile(r"[!-~]+( [!-~]+)*")


@dataclass(frozen=True)
class Reach:
    """Everything that install commands may reach. Hosts by exact name in small letters, on port 443."""

    public: Sequence[str] = REGISTRIES
    """Only where their names lead to public addresses."""
    own: Sequence[str] = ()
    """Hosts of the operator's: they may stand at private addresses."""
    private: Mapping[str, Private] = field(default_factory=dict)
    """Registries that want a credential, by host."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables by which tools are told of them."""


class _Registry(BaseModel):
    model_config = ConfigDict(extra="forbid")

    host: str
    authorization_file: Path | None = None
    authorization_env: str = ""
    certificates: Path | None = None


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    environment: dict[str, str] = {}
    registry: list[_Registry] = Field(default_factory=list)

    @field_validator("environment")
    @classmethod
    def _no_credential(cls, value: dict[str, str]) -> dict[str, str]:
        if any(_CREDENTIAL.search(each) for each in value.values()):
            raise ValueError("addresses must not hold a password: commands in the box can read them")
        return value


def reach(registries: Sequence[str], own: Sequence[str], file: Path | None) -> Reach:
    """What the settings allow; no `registries` means the public ones. Raises SettingsError if the file is no good."""
    public = REGISTRIES if not registries else tuple(host for host in registries if host != NONE)
    if file is None:
        return Reach(public, tuple(own))
    try:
        said = _File.model_validate(tomllib.loads(file.read_text(encoding="utf-8")))
        private = dict(_private(each) for each in said.registry)
    except ValidationError as error:
        # Only the place and the rule are told: the value may be a secret.
        faults = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
        raise SettingsError(f"MINIONS_REGISTRIES_FILE cannot be used: {faults}") from None
    except (OSError, ValueError) as error:
        raise SettingsError(f"MINIONS_REGISTRIES_FILE cannot be used: {error}") from None
    return Reach(public, tuple(own), private, said.environment)


def _private(said: _Registry) -> tuple[str, Private]:
    host, _, port = said.host.lower().partition(":")
    if not _HOST.fullmatch(host) or not (port.isdecimal() or ":" not in said.host):
        raise ValueError(f"{said.host!r} is no host: write packages.example.com, or packages.example.com:8443")
    if (said.authorization_file is None) == (not said.authorization_env):
        raise ValueError(f"{host} needs either authorization_file or authorization_env")
    header = (
        said.authorization_file.read_text(encoding="utf-8")
        if said.authorization_file
        else os.environ.get(said.authorization_env, "")
    ).strip()
    if not _HEADER.fullmatch(header):
        raise ValueError(f"the authorization of {host} is empty or not one line, such as: Basic …, or: Bearer …")
    trusted = said.certificates.read_text(encoding="utf-8") if said.certificates else ""
    return host, Private(port=int(port) if port else PORT, authorization=header, certificates=trusted)


def orders(wanted: Reach) -> dict[str, Any]:
    """The same for the proxy, as JSON has it; it holds secrets."""
    private = {host: vars(one) for host, one in wanted.private.items()}
    return {"public": list(wanted.public), "own": list(wanted.own), "private": private}
