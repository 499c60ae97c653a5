"""Trouble on request: what callers see of each kind, which requests a rule strikes, and the same again by a seed."""

import asyncio
import base64
import json
from collections import Counter
from collections.abc import Callable

import httpx
import pytest

from app.demo.github import troubles
from app.demo.github.faults import Asked, DeliveryRule, Faults, Rule, When
from app.demo.github.objects import App, Installation
from app.demo.github.state import Hub
from app.demo.github.troubles import Mishap, Trouble
from app.demo.github.weather import weather

REPO = "/repos/acme/greeting"


async def speak(api: httpx.AsyncClient) -> httpx.Response:
    """Comment on issue 1."""
    return await api.post(f"{REPO}/issues/1/comments", json={"body": "B"})


@pytest.fixture
async def spoken(hub: Hub, api: httpx.AsyncClient) -> Callable[[], int]:
    """Issue 1 is there; answers with how many comments it has."""
    assert api
    issue = hub.open_issue("acme/greeting", by="ada", title="T")
    return lambda: len(issue.comments)


# -- What callers see ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("trouble", "status", "headers", "words", "done"),
    [
        (troubles.too_many(), 429, {}, "secondary rate limit", 0),
        (troubles.too_many(7), 429, {"Retry-After": "7"}, "secondary rate limit", 0),
        (troubles.secondary_limit(), 403, {}, "secondary rate limit", 0),
        (troubles.secondary_limit(9), 403, {"Retry-After": "9"}, "temporarily blocked", 0),
        (troubles.primary_limit(3_000), 403, {"X-RateLimit-Remaining": "0"}, "API rate limit exceeded", 0),
        (troubles.bad_gateway(), 502, {"Content-Type": "text/html"}, "Unicorn!", 0),
        (troubles.bad_gateway(is_done=True), 502, {}, "Unicorn!", 1),
        (troubles.truncated(), 201, {}, '"url"', 1),
        (troubles.page_instead(), 200, {"Content-Type": "text/html"}, "Unicorn!", 0),
        (troubles.page_instead(is_done=True), 200, {}, "Unicorn!", 1),
        (troubles.bad_credentials(), 401, {}, "Bad credentials", 0),
        (troubles.late(0.01), 201, {}, '"body":"B"', 1),
    ],
    ids=lambda value: value.name if isinstance(value, Trouble) else "",
)
async def test_each_kind_answers_before_or_after_the_work(
    trouble: Trouble,
    status: int,
    headers: dict[str, str],
    words: str,
    done: int,
    api: httpx.AsyncClient,
    spoken: Callable[[], int],
    hub: Hub,
) -> None:
    hub.faults.add(Rule([trouble], "POST", when=When(times=1)))
    answer = await speak(api)
    assert (answer.status_code, words in answer.text, spoken()) == (status, True, done)
    assert {name: answer.headers[name] for name in headers} == headers
    assert hub.faults.met == [(trouble.name, f"POST /api/v3{REPO}/issues/1/comments")]
    assert (await speak(api)).status_code == 201


async def test_half_of_the_json_is_a_whole_answer(api: httpx.AsyncClient, spoken: Callable[[], int], hub: Hub) -> None:
    hub.faults.add(Rule([troubles.truncated()]))
    answer = await speak(api)
    assert int(answer.headers["Content-Length"]) == len(answer.content)
    with pytest.raises(json.JSONDecodeError):
        answer.json()
    assert spoken() == 1


async def test_a_used_up_hour_tells_when_it_ends_by_its_own_clock(api: httpx.AsyncClient, hub: Hub) -> None:
    hub.faults.add(Rule([troubles.primary_limit(3_000)]))
    before = hub.ground.clock().timestamp()
    reset = int((await api.get(REPO)).headers["X-RateLimit-Reset"])
    assert before + 2_999 <= reset <= hub.ground.clock().timestamp() + 3_000


@pytest.mark.parametrize("is_done", [False, True])
async def test_a_connection_breaks_or_stays_silent_before_or_after_the_work(
    is_done: bool,  # noqa: FBT001  # a column of the table
    api: httpx.AsyncClient,
    spoken: Callable[[], int],
    hub: Hub,
) -> None:
    hub.faults.add(Rule([troubles.cut(is_done=is_done)], when=When(times=1)))
    with pytest.raises(httpx.RemoteProtocolError):
        await speak(api)
    hub.faults.add(Rule([troubles.silent(is_done=is_done)], when=When(times=1)))
    with pytest.raises(httpx.ReadTimeout):
        await api.post(f"{REPO}/issues/1/comments", json={"body": "B"}, timeout=0.3)
    assert spoken() == (2 if is_done else 0)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_leads_to_the_same_by_id(status: int, api: httpx.AsyncClient, hub: Hub) -> None:
    hub.faults.add(Rule([troubles.redirected(status)], path=f"{REPO}/branches", when=When(last=1)))  # type: ignore[arg-type]
    answer = await api.get(f"{REPO}/branches?per_page=1")
    assert answer.status_code == status
    assert answer.headers["Location"].endswith(f"{hub.repository('acme/greeting').id}/branches?per_page=1")
    assert (await api.get(answer.headers["Location"])).json()[0]["name"] == "main"


@pytest.mark.parametrize(
    ("deed", "status", "words"),
    [
        (lambda hub, there: hub.suspend(there), 403, "This installation has been suspended"),
        (lambda hub, there: hub.uninstall(there), 401, "Bad credentials"),
        (lambda hub, there: hub.accounts.expire(there), 401, "Bad credentials"),
        (lambda hub, there: hub.take_permission(there, "issues"), 403, "Resource not accessible by integration"),
        (lambda hub, _: setattr(hub.repository("acme/greeting"), "archived", True), 403, "read-only"),
        (lambda hub, there: hub.select_repositories(there, remove=["acme/greeting"]), 404, "Not Found"),
        (lambda hub, _: hub.lock_issue("acme/greeting", 1, by="ada"), 403, "issue is locked"),
        (lambda hub, _: hub.delete_issue("acme/greeting", 1, by="ada"), 410, "This issue was deleted"),
    ],
)
async def test_anything_can_happen_just_before_the_third_request(
    deed: Callable[[Hub, Installation], None],
    status: int,
    words: str,
    api: httpx.AsyncClient,
    spoken: Callable[[], int],
    hub: Hub,
    installation: Installation,
) -> None:
    trouble = troubles.meanwhile("something", lambda: deed(hub, installation))
    hub.faults.add(Rule([trouble], "POST", "comments$", When(first=3, times=1)))
    answers = [await speak(api) for _ in range(4)]
    assert [one.status_code for one in answers] == [201, 201, status, status]
    assert words in answers[2].json()["message"]
    assert spoken() == 2


# -- Which requests --------------------------------------------------------------------------------------------------
def asked(method: str = "GET", path: str = "/api/v3/x", whose: str = "t") -> Asked:
    return Asked(method, (path,), whose, 1)


def struck(faults: Faults, requests: list[Asked]) -> list[str]:
    """What each request met."""
    return [trouble.name if (trouble := faults.take(one)) else "" for one in requests]


def test_a_rule_strikes_from_its_first_to_its_last_match() -> None:
    faults = Faults()
    faults.add(Rule([troubles.answered(500)], "GET", "x$", When(first=2, last=3)))
    requests = [asked(), asked("POST"), asked(), asked(path="/y"), asked(), asked()]
    assert struck(faults, requests) == ["", "", "500", "", "500", ""]


def test_a_rule_waits_for_its_turn_behind_another_that_strikes() -> None:
    faults = Faults()
    faults.add(Rule([troubles.answered(500)], when=When(times=1)))
    faults.add(Rule([troubles.answered(502)], when=When(times=2)))
    assert struck(faults, [asked()] * 4) == ["500", "502", "502", ""]


def test_matches_can_be_counted_for_each_credential() -> None:
    faults = Faults()
    faults.add(Rule([troubles.bad_credentials()], when=When(last=1), each_token=True))
    assert struck(faults, [asked(whose=name) for name in "abaab"]) == ["401", "401", "", "", ""]


async def test_a_rule_can_be_for_one_installation_and_finds_repositories_by_name_and_id(
    api: httpx.AsyncClient, hub: Hub, installation: Installation
) -> None:
    hub.faults.add(Rule([troubles.answered(500)], installation_id=installation.id + 1))
    hub.faults.add(Rule([troubles.answered(502)], path="/acme/greeting/", installation_id=installation.id))
    number = hub.repository("acme/greeting").id
    answers = [await api.get(f"/repositories/{number}/branches"), await api.get(f"{REPO}/branches")]
    person = {"Authorization": f"token {hub.user('ada').token}"}
    answers.append(await api.get(f"{REPO}/branches", headers=person))
    assert [one.status_code for one in answers] == [502, 502, 200]


def test_one_seed_means_one_fate_whatever_other_rules_there_are() -> None:
    rule = Rule([troubles.answered(500), troubles.answered(502)], "GET", when=When(0.3))
    alone, among = Faults(), Faults()
    alone.add(rule, seed="7")
    among.add(Rule([troubles.answered(418)], "POST", when=When(0.5)), seed="8")
    among.add(rule, seed="7")
    fate = struck(alone, [asked()] * 300)
    mixed = [one for _ in range(300) for one in (asked("POST"), asked())]
    assert struck(among, mixed)[1::2] == fate
    assert set(fate) == {"", "500", "502"}
    other = Faults()
    other.add(rule, seed="9")
    assert struck(other, [asked()] * 300) != fate


# -- Deliveries ------------------------------------------------------------------------------------------------------
def seen(received: list[httpx.Request]) -> list[str]:
    """Titles of the issues in the order in which their webhooks came."""
    return [json.loads(one.content)["issue"]["title"] for one in received]


@pytest.mark.usefixtures("url")
@pytest.mark.parametrize(
    ("name", "came", "guids", "listed"),
    [
        ("dropped", 0, 0, [("failed to connect to host", 0)]),
        ("unheard", 1, 1, [("timed out", 0)]),
        ("late", 1, 1, [("OK", 202)]),
        ("twice", 2, 1, [("OK", 202)] * 2),
        ("replayed", 2, 2, [("OK", 202)]),
    ],
)
async def test_each_mishap_of_a_delivery(
    name: str, came: int, guids: int, listed: list[tuple[str, int]], hub: Hub, received: list[httpx.Request]
) -> None:
    received.clear()
    before = len(hub.deliveries)
    hub.faults.add(DeliveryRule([Mishap(name, seconds=0.01)], "issues.opened", When(times=1)))  # type: ignore[arg-type]
    hub.open_issue("acme/greeting", by="ada", title="T")
    await hub.settled()
    assert len(received) == came
    assert len({one.headers["X-GitHub-Delivery"] for one in received}) == guids
    assert len({one.content for one in received}) == min(came, 1)
    assert [(one.status, one.status_code) for one in hub.deliveries[before:]] == listed
    assert hub.faults.met == [(name, "issues.opened")]


@pytest.mark.usefixtures("url")
async def test_a_delivery_is_overtaken_by_the_next(hub: Hub, received: list[httpx.Request]) -> None:
    received.clear()
    hub.faults.add(DeliveryRule([Mishap("overtaken", seconds=60, behind=2)], "issues", When(times=1)))
    for title in ("first", "second", "third"):
        hub.open_issue("acme/greeting", by="ada", title=title)
    await hub.settled()
    assert (seen(received)[2], set(seen(received)[:2])) == ("first", {"second", "third"})


@pytest.mark.usefixtures("url")
async def test_what_was_dropped_arrives_when_it_is_sent_again(
    hub: Hub, minions: App, received: list[httpx.Request]
) -> None:
    received.clear()
    hub.faults.add(DeliveryRule([Mishap("dropped")]))
    hub.open_issue("acme/greeting", by="ada", title="T")
    await hub.settled()
    hub.hooks.redeliver(hub.deliveries[-1])
    await hub.settled()
    assert minions.webhook_url
    assert seen(received) == ["T"]
    hub.faults.add(DeliveryRule([Mishap("dropped")], with_redeliveries=True))
    assert hub.hooks.redeliver(hub.deliveries[-1]).redelivery
    await hub.settled()
    assert len(received) == 1


# -- Weather ---------------------------------------------------------------------------------------------------------
def test_a_share_of_everything_goes_wrong_and_the_same_again_by_the_seed() -> None:
    every = [
        *[asked("GET", "/api/v3/repos/a/b")] * 1_000,
        *[asked("POST", "/api/v3/repos/a/b/issues")] * 1_000,
        *[asked("POST", "/a/b.git/git-receive-pack")] * 1_000,
        *[asked("GET", "/a/b")] * 100,
    ]

    def fate(seed: int) -> list[str]:
        faults = Faults()
        weather(faults, seed)
        return struck(faults, every)

    reads, writes, git, pages = (Counter(fate(7)[at : at + 1_000]) for at in (0, 1_000, 2_000, 3_000))
    for kinds in (reads, writes, git):
        assert 850 < kinds[""] < 950
    assert {"502", "cut connection", "half of the JSON", "429"} < set(reads)
    assert {"502 after the work", "cut connection after the work", "200 after the work"} < set(writes)
    assert set(git) == {"", "401", "502", "cut connection"}
    assert set(pages) == {""}
    assert fate(7) == fate(7) != fate(8)


async def test_git_meets_its_own_trouble(url: str, hub: Hub, installation: Installation) -> None:
    hub.faults.add(Rule([troubles.bad_credentials()], path=r"\.git/", when=When(times=1)))
    hub.faults.add(Rule([troubles.bad_gateway()], path=r"\.git/", when=When(times=1)))
    hub.faults.add(Rule([troubles.cut()], path=r"\.git/git-upload-pack", when=When(times=1)))
    token = base64.b64encode(f"x:{hub.accounts.mint(installation, None, None).value}".encode()).decode()
    header = f"http.extraHeader=Authorization: Basic {token}"
    told = []
    for _ in range(4):
        words = ["-c", header, "ls-remote", f"{url}/acme/greeting.git"]
        git = await asyncio.create_subprocess_exec(
            "git",
            *words,
            env={"PATH": "/usr/bin:/bin", "GIT_TERMINAL_PROMPT": "0", "GIT_CONFIG_NOSYSTEM": "1"},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await git.communicate()
        told.append((git.returncode == 0, err.decode() + out.decode()))
    assert [is_fine for is_fine, _ in told] == [False, False, False, True]
    assert "502" in told[1][1]
    assert "refs/heads/main" in told[3][1]
