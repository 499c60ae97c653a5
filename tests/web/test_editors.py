"""What an editor asks a server for."""

import httpx

from app.adapters.store import PostgresStore
from app.core.repo_schema import schema
from app.server import web_app
from app.settings import Settings
from app.web.editors import PATH


async def test_an_editor_gets_the_schema_of_this_version_without_signing_in(store: PostgresStore) -> None:
    settings = Settings(app_id="1", public_url="https://minions.test")
    transport = httpx.ASGITransport(web_app(settings, store))
    async with httpx.AsyncClient(transport=transport, base_url="https://minions.test") as http:
        answer = await http.get(PATH)
        assert (answer.status_code, answer.json()) == (200, schema())
        assert (await http.get("/overview")).status_code != 200
