"""The hosts that a repository's install commands may reach."""

from typing import Final

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
