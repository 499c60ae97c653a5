"""What a GitHub really sends is what the parser reads."""

import json
from pathlib import Path

from app.adapters.github.payloads import parse
from app.adapters.github.signature import is_genuine
from app.core.events import Event, Ignored, InstallationChanged, Pinged, WorkRequested
from app.demo.github.server import serve
from app.demo.github.state import Hub

HERE = "octo/hello"
NOBODY_LISTENS = "http://127.0.0.1:9/webhook"


async def test_each_delivery_of_a_conversation_is_read(tmp_path: Path, public_pem: str) -> None:
    hub = Hub(tmp_path)
    hub.add_repository(HERE)
    for login in ("ada", "bob"):
        hub.add_user(login)
        hub.add_collaborator(HERE, login, "write")
    app = hub.register_app(
        "Minions",
        public_key_pem=public_pem,
        webhook_url=NOBODY_LISTENS,
        webhook_secret="secret",
        permissions={"issues": "write", "metadata": "read"},
        events=["issues", "issue_comment"],
    )
    async with serve(hub):
        installation = hub.install(app, [HERE])
        hub.open_issue(HERE, by="bob", title="It crashes", body="On <!-- hidden -->start.", labels=["minion:docs"])
        asked = hub.add_comment(HERE, 1, "/minion fix gently", by="ada")
        hub.add_comment(HERE, 1, "/minion help", by="ada")
        hub.suspend(installation)
        await hub.settled()

    events: list[Event] = []
    for delivery in hub.deliveries:
        signature = delivery.request_headers["X-Hub-Signature-256"]
        assert is_genuine(delivery.body, signature, ["secret"])
        events.append(parse(delivery.event, json.loads(delivery.body), app_id=str(app.id)))

    assert [type(event) for event in events if not isinstance(event, Ignored)] == [
        Pinged,
        InstallationChanged,
        WorkRequested,
        WorkRequested,
        WorkRequested,
        InstallationChanged,
    ]
    labelled, commented, helped = (event for event in events if isinstance(event, WorkRequested))
    assert (labelled.blueprint, labelled.task.requester.login) == ("docs", "bob")
    assert (commented.blueprint, commented.task.requester.login) == ("fix", "ada")
    assert helped.blueprint == "help"
    assert (commented.task.instructions, commented.task.comment_id) == ("gently", asked.id)
    assert labelled.task.body == commented.task.body == "On start."
    assert labelled.task.repository.installation_id == installation.id
