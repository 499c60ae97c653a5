"""Slack's side by slack_bolt and slack_sdk, against a Slack on loopback that holds state."""

import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.responses import JSONResponse

from app.adapters.slack.directory import Directory
from app.adapters.slack.receiver import receiver
from app.adapters.slack.threads import SlackThreads
from app.adapters.store import PostgresStore
from app.core.campaign_wish import Spot
from app.core.errors import RateLimited, Unavailable
from app.core.requests import Request, Thread
from app.core.run import Status, Trail
from app.core.store import StoreDown
from app.engine.requests import Opener
from app.engine.threads import Teller
from app.web.slack import PATH, Slack
from blueprints import BLUEPRINTS
from tests.slack import LoopbackSlack, serve
from tests.trackers import MemoryTracker, MemoryTrackers

KNOWN = Directory(people={"UANN": "ann", "UMAL": "mallory"}, channels={"C1": "octo/cat"})


class Place:
    """A workspace, and what answers it."""

    def __init__(self, slack: LoopbackSlack, store: PostgresStore) -> None:
        self.slack, self.store = slack, store
        self.requests = store.requests()
        self.tracker = MemoryTracker({"ann": 1})
        self.threads = SlackThreads(slack.token, slack.url, KNOWN)
        trackers = MemoryTrackers({"octo/cat": self.tracker, "octo/dog": self.tracker})
        self.opener = Opener(
            self.requests, store.campaigns(), trackers, BLUEPRINTS, lambda: datetime.now(UTC), self.threads.complete
        )
        self.teller = Teller(self.requests, store.campaigns(), self.threads, BLUEPRINTS, "https://github.test")
        self.http = self.client(self.requests)

    def client(self, requests: Any) -> httpx.AsyncClient:
        app = FastAPI()
        app.include_router(
            Slack(receiver(self.slack.signing_secret, self.slack.token, requests, BLUEPRINTS, KNOWN)).router()
        )
        return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://minions.test")

    async def tell(self, payload: dict[str, Any]) -> list[int]:
        return await self.slack.tell(self.http, PATH, payload)

    async def asked(self) -> list[Request]:
        return [request for request, _ in await self.requests.untold("slack", 10)]

    async def asks(
        self, text: str = "<@UMINION> fix", *, user: str = "UANN", channel: str = "C1"
    ) -> tuple[Request, str]:
        """A thread of two messages and one that asks; the request, opened, and where the thread is."""
        first = self.slack.write(channel, "UBOB", "Accents are lost")
        self.slack.write(channel, "UANN", "in <https://x.test|slugify>", thread=first["ts"])
        message = self.slack.write(channel, user, text, thread=first["ts"])
        assert await self.tell(self.slack.mention(channel, message)) == [200]
        request = (await self.asked())[-1]
        await self.opener.open(request.id)
        return await self.requests.load(request.id), first["ts"]


@pytest.fixture
async def place(store: PostgresStore) -> AsyncIterator[Place]:
    async with serve() as slack:
        one = Place(slack, store)
        async with one.http:
            yield one


async def test_a_thread_becomes_an_issue_and_its_end_is_told(place: Place) -> None:
    request, at = await place.asks("<@UMINION> fix mind the README")
    ((_, title, body),) = place.tracker.issues
    assert title == "Accents are lost"
    assert all(words in body for words in ("somebody:", "ann:", "slugify", "mind the README", "in Slack, `channel C1`"))
    run = await place.requests.run_of(request)
    assert run is not None
    assert (run.task.requester.login, run.task.author, run.task.instructions) == ("ann", None, "mind the README")
    await place.teller.look()
    await place.teller.look()
    (told,) = place.slack.said_by_us("C1", at)
    assert "https://github.test/octo/cat/issues/1" in told
    trail = Trail(pull_request_number=8, pull_request_url="https://github.test/octo/cat/pull/8")
    done = {"status": Status.DONE, "trail": trail, "is_reported": True, "ended_at": datetime.now(UTC)}
    await place.store.save(run.model_copy(update=done))
    await place.teller.look()
    await place.teller.look()
    standing, end = place.slack.said_by_us("C1", at)
    assert "Pull request: https://github.test/octo/cat/pull/8" in standing
    assert end == "<@UANN> https://github.test/octo/cat/pull/8 waits for a review."
    assert await place.asked() == []


async def test_a_thread_that_names_several_repositories_becomes_a_campaign_and_is_told_of_it(place: Place) -> None:
    """Where is said in the message that asks; what is wanted, in the thread before it."""
    request, at = await place.asks("<@UMINION> migrate\nrepositories:\n• octo/cat\n• octo/dog\nbudget: $9")
    assert (request.error, request.number) == ("", 1)
    ((_, title, body),) = place.tracker.issues
    assert (title, "budget: $9" in body, "slugify" in body) == ("Accents are lost", True, True)
    campaigns = place.store.campaigns()
    campaign = await campaigns.load(1)
    assert (campaign.wish.repositories, campaign.wish.budget_usd) == (("octo/cat", "octo/dog"), 9)
    assert "slugify" in campaign.wish.body
    await campaigns.plan(campaign, [Spot(full_name=name) for name in campaign.wish.repositories])
    await campaigns.fill(1)
    for _ in range(2):
        await place.teller.look()
    (told,) = place.slack.said_by_us("C1", at)
    assert "0 of 2 parts done, 2 at work\n$0.00 of $9.00 spent" in told
    assert "Issue: https://github.test/octo/cat/issues/1" in told
    for part in await campaigns.parts(1):
        await place.requests.refuse(await place.requests.load(part.request_id or 0), "The App is not there.")
    await campaigns.fill(1)
    for _ in range(2):
        await place.teller.look()
    standing, end = place.slack.said_by_us("C1", at)
    assert "0 of 2 parts done, 2 without a result" in standing
    assert end.startswith("<@UANN> ⚠️ 0 of 2 parts done")
    assert request.id not in [one.id for one in await place.asked()]


async def test_a_repeat_of_slack_is_answered_and_does_nothing_twice(place: Place) -> None:
    message = place.slack.write("C1", "UANN", "<@UMINION> keep accents")
    for repeat in range(4):
        body, headers = place.slack.signed(place.slack.mention("C1", message), repeat=repeat)
        assert (await place.http.post(PATH, content=body, headers=headers)).status_code == 200
    (request,) = await place.asked()
    await place.opener.open(request.id)
    assert [title for _, title, _ in place.tracker.issues] == ["keep accents"]


async def test_what_could_not_be_kept_is_told_again_by_slack(place: Place) -> None:
    class Away:
        """A store whose database is away the first two times."""

        tries = 0

        async def take(self, *words: Any, **more: Any) -> Request:
            self.tries += 1
            if self.tries < 3:
                raise StoreDown("The database is away.")
            return await place.requests.take(*words, **more)

    message = place.slack.write("C1", "UANN", "<@UMINION> keep accents")
    async with place.client(Away()) as http:
        assert await place.slack.tell(http, PATH, place.slack.mention("C1", message)) == [500, 500, 200]
    assert len(await place.asked()) == 1


async def test_what_slack_did_not_sign_is_refused(place: Place) -> None:
    payload = place.slack.mention("C1", place.slack.write("C1", "UANN", "<@UMINION> fix"))
    body, headers = place.slack.signed(payload)
    old_body, old_headers = place.slack.signed(payload, at=time.time() - 600)
    for content, signed in (
        (body + b" ", headers),
        (body, headers | {"x-slack-signature": "v0=" + "0" * 64}),
        (body, {name: value for name, value in headers.items() if name != "x-slack-signature"}),
        (old_body, old_headers),
    ):
        assert (await place.http.post(PATH, content=content, headers=signed)).status_code == 401
    assert await place.asked() == []


async def test_a_shortcut_takes_the_whole_thread(place: Place) -> None:
    first = place.slack.write("C1", "UBOB", "Accents are lost")
    second = place.slack.write("C1", "UBOB", "Since yesterday", thread=first["ts"])
    shortcut = place.slack.shortcut("C1", "UANN", second)
    assert await place.tell(shortcut) == [200]
    assert await place.tell(shortcut) == [200]
    (request,) = await place.asked()
    await place.opener.open(request.id)
    ((_, title, body),) = place.tracker.issues
    assert (title, "Since yesterday" in body) == ("Accents are lost", True)


@pytest.mark.parametrize(
    ("text", "user", "channel", "told"),
    [
        ("<@UMINION> fix", "UBOB", "C1", "Whoever asked is not known on GitHub"),
        ("<@UMINION> fix", "UMAL", "C1", "mallory may not ask for work in octo/cat"),
        ("<@UMINION> fix", "UANN", "C2", "It is not clear which repository is meant"),
        ("<@UMINION> fix in evil/cat", "UANN", "C1", "The App is not installed on evil/cat"),
    ],
)
async def test_nobody_may_ask_who_is_not_known_to_be_allowed(
    place: Place, text: str, user: str, channel: str, told: str
) -> None:
    _, at = await place.asks(text, user=user, channel=channel)
    assert place.tracker.issues == []
    await place.teller.look()
    (said,) = place.slack.said_by_us(channel, at)
    assert f"Not started: {told}" in said


async def test_a_repository_in_the_message_wins(place: Place) -> None:
    request, _ = await place.asks("<@UMINION> fix in octo/dog")
    assert request.repository is not None
    assert request.repository.full_name == "octo/dog"


async def test_what_nobody_asked_for_is_answered_well_and_leads_to_nothing(place: Place) -> None:
    payload = place.slack.mention("C1", place.slack.write("C1", "UANN", "Hello"))
    payload["event"]["type"] = "reaction_added"
    assert await place.tell(payload) == [200]
    assert await place.asked() == []


async def test_bots_ask_for_nothing(place: Place) -> None:
    message = place.slack.write("C1", "UANN", "<@UMINION> fix") | {"bot_id": "B2"}
    assert await place.tell(place.slack.mention("C1", message)) == [200]
    assert await place.asked() == []


async def test_a_message_whose_answer_got_lost_is_there_once(place: Place) -> None:
    _, at = await place.asks()
    place.slack.lose = 1
    with pytest.raises(Unavailable):
        await place.teller.look()
    await place.teller.look()
    assert len(place.slack.said_by_us("C1", at)) == 1


async def test_a_slack_that_asks_to_slow_down_is_heeded(place: Place) -> None:
    thread = Thread(channel="C1", at=place.slack.write("C1", "UANN", "x")["ts"], asked_at="1.1", user="UANN")
    place.slack.trouble = [JSONResponse({"ok": False, "error": "ratelimited"}, 429, {"Retry-After": "7"})]
    with pytest.raises(RateLimited) as raised:
        await place.threads.say(thread, "word", "text")
    assert raised.value.retry_after_s == 7
