"""What the contracts are held to."""

import pytest


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Each contract that needs a database holds on the newest and on the oldest PostgreSQL."""
    if "template_url" in metafunc.fixturenames:
        servers = ["embedded_template", "debian_template"]
        metafunc.parametrize("template_url", servers, indirect=True, scope="session")
