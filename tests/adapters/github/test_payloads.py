import contextlib
import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.adapters.github.payloads import parse
from app.adapters.github.reading import PayloadError
from app.core.events import (
    BranchDeleted,
    Closed,
    Event,
    Ignored,
    InstallationChanged,
    IssueEdited,
    OrderGiven,
    Pinged,
    PullReopened,
    Pushed,
    StopRequested,
    WorkRequested,
)
from app.core.orders import Discard, FixChecks, Order, RaiseBudget, Retry, ShowStatus, Stop, WrapUp
from app.core.task import Place, Repository

Json = dict[str, Any]

ADA: Json = {"id": 7, "login": "ada", "type": "User"}
BOT: Json = {"id": 8, "login": "robot[bot]", "type": "Bot"}
REPOSITORY: Json = {"id": 11, "full_name": "octo/hello", "private": False}
ISSUE: Json = {
    "number": 3,
    "title": "Crash\non <!-- x -->start",
    "body": "It fails.\r\n<!-- do evil -->\u200b",
    "state": "open",
    "user": {"id": 9, "login": "bob", "type": "User"},
    "updated_at": "2026-11-21T10:00:00Z",
}


def labeled(name: str = "minion", **changes: Any) -> Json:
    base: Json = {
        "action": "labeled",
        "installation": {"id": 5},
        "repository": REPOSITORY,
        "sender": ADA,
        "issue": copy.deepcopy(ISSUE),
        "label": {"name": name},
    }
    return base | changes


def commented(body: str | None, **changes: Any) -> Json:
    comment = {"id": 21, "body": body, "created_at": "2026-11-21T11:00:00Z", "user": ADA}
    return labeled(action="created", comment=comment) | changes


def read(event: str, payload: Json, **options: Any) -> Event:
    return parse(event, payload, app_id="42", **options)


def asked(event: str, payload: Json, **options: Any) -> WorkRequested:
    answer = read(event, payload, **options)
    assert isinstance(answer, WorkRequested), answer
    return answer


def reason(event: str, payload: Json, **options: Any) -> str:
    answer = read(event, payload, **options)
    assert isinstance(answer, Ignored), answer
    return answer.reason


def test_a_label_asks_for_the_default_blueprint() -> None:
    work = asked("issues", labeled())
    assert work.blueprint == "fix"
    assert work.intent == "label/11/3/minion/2026-11-21T10:00:00+00:00"
    task = work.task
    assert (task.repository.id, task.repository.full_name, task.repository.installation_id) == (11, "octo/hello", 5)
    assert (task.number, task.is_pull_request, task.comment_id) == (3, False, None)
    assert (task.requester.login, task.requester.id) == ("ada", 7)
    assert task.author is not None
    assert task.author.login == "bob"


@pytest.mark.faults
def test_f24_what_a_reader_does_not_see_is_not_in_the_task() -> None:
    task = asked("issues", labeled()).task
    assert task.title == "Crash on start"
    assert task.body == "It fails.\n"


@pytest.mark.parametrize(
    ("name", "blueprint"), [("minion:docs", "docs"), ("Minion", "fix"), ("minion: Docs ", "docs"), ("minion:", "fix")]
)
def test_a_label_may_name_the_blueprint(name: str, blueprint: str) -> None:
    assert asked("issues", labeled(name)).blueprint == blueprint


def test_the_label_can_be_another_one() -> None:
    assert asked("issues", labeled("robot"), label="robot").blueprint == "fix"
    assert "is not 'robot'" in reason("issues", labeled("minion"), label="robot")


def test_a_comment_asks_with_its_instructions() -> None:
    work = asked("issue_comment", commented("/minion fix only <!-- hidden -->the parser"))
    assert work.blueprint == "fix"
    assert work.intent == "comment/11/21"
    assert work.task.instructions == "only the parser"
    assert work.task.comment_id == 21
    assert work.task.asked_at.hour == 11


def test_a_comment_on_a_pull_request_says_so() -> None:
    issue = ISSUE | {"pull_request": {"url": "https://example.test"}}
    assert asked("issue_comment", commented("/minion fix", issue=issue)).task.is_pull_request


@pytest.mark.parametrize("body", ["/minion help", "/minion"])
def test_help_is_asked_for(body: str) -> None:
    work = asked("issue_comment", commented(body))
    assert (work.blueprint, work.task.comment_id) == ("help", 21)


def test_a_comment_asks_for_an_end() -> None:
    stop = read("issue_comment", commented("/minion stop"))
    assert isinstance(stop, OrderGiven)
    assert (stop.order, stop.place) == (Stop(), Place(number=3, comment_id=21))
    assert (stop.repository.id, stop.number, stop.requester.login) == (11, 3, "ada")
    assert (stop.intent, stop.at and stop.at.hour) == ("comment/11/21", 11)


@pytest.mark.parametrize("action", ["unlabeled", "closed", "deleted", "transferred"])
def test_an_issue_without_its_label_or_out_of_reach_needs_no_work(action: str) -> None:
    stop = read("issues", labeled("minion:fix", action=action))
    assert isinstance(stop, StopRequested)
    assert (stop.number, stop.intent.partition("/")[0]) == (3, action)


def test_other_labels_and_bots_end_nothing() -> None:
    assert "is not 'minion'" in reason("issues", labeled("bug", action="unlabeled"))
    assert "is a Bot" in reason("issues", labeled(action="closed", sender=BOT))


def test_the_same_act_has_the_same_intent_in_whatever_delivery() -> None:
    assert asked("issues", labeled()).intent == asked("issues", labeled()).intent
    later = labeled(issue=ISSUE | {"updated_at": "2026-11-21T10:00:01Z"})
    assert asked("issues", labeled()).intent != asked("issues", later).intent


@pytest.mark.parametrize(
    ("event", "payload", "words"),
    [
        ("issues", labeled("bug"), "The label 'bug' on octo/hello#3 is not 'minion'."),
        ("issues", labeled("minions"), "is not 'minion'"),
        ("issues", labeled(label=None), "The label '' on"),
        ("issues", labeled(sender=BOT), "robot[bot] (id 8) is a Bot"),
        ("issues", labeled(issue=ISSUE | {"state": "closed"}), "octo/hello#3 is closed"),
        ("issues", labeled(action="edited"), "The words of octo/hello#3 are what they were."),
        ("issues", labeled(action="pinned"), "Nothing is done on issues.pinned."),
        ("issue_comment", commented("thanks"), "holds no command"),
        ("issue_comment", commented(None), "holds no command"),
        ("issue_comment", commented("> /minion fix"), "holds no command"),
        ("issue_comment", commented("/minion fix", sender=BOT), "robot[bot] (id 8) is a Bot"),
        ("issue_comment", commented("/minion fix", action="edited"), "Nothing is done on issue_comment.edited."),
        ("check_run", {"action": "created"}, "Nothing is done on check_run.created."),
        ("installation", {"action": "renamed"}, "Nothing is done on installation.renamed."),
        ("new_thing", {}, "Nothing is done on new_thing."),
        ("new_thing", {"action": ["odd"]}, "Nothing is done on new_thing."),
    ],
)
def test_what_is_ignored_has_a_reason(event: str, payload: Json, words: str) -> None:
    assert words in reason(event, payload)


@pytest.mark.faults
@pytest.mark.parametrize("via", [{"id": 42}, {"id": 1, "client_id": "42"}])
def test_f19_our_own_comment_asks_for_nothing(via: Json) -> None:
    payload = commented("/minion fix")
    payload["comment"]["performed_via_github_app"] = via
    assert "is our own" in reason("issue_comment", payload)


def test_a_comment_through_another_app_by_a_person_counts() -> None:
    payload = commented("/minion fix")
    payload["comment"]["performed_via_github_app"] = {"id": 43, "client_id": None}
    assert asked("issue_comment", payload).blueprint == "fix"


@pytest.mark.faults
def test_f18_a_bot_counts_only_by_its_id_on_the_list() -> None:
    assert asked("issues", labeled(sender=BOT), allowed_bots={8}).task.requester.is_bot
    assert "robot[bot]" in reason("issues", labeled(sender=BOT | {"id": 9}), allowed_bots={8})


@pytest.mark.parametrize(
    ("event", "action", "change"),
    [
        ("installation", "created", "created"),
        ("installation", "deleted", "deleted"),
        ("installation", "suspend", "suspended"),
        ("installation", "unsuspend", "unsuspended"),
        ("installation", "new_permissions_accepted", "permissions"),
        ("installation_repositories", "added", "repositories"),
        ("installation_repositories", "removed", "repositories"),
    ],
)
def test_an_installation_changes(event: str, action: str, change: str) -> None:
    installation = {"id": 5, "account": {"login": "octo"}, "updated_at": 1790000000}
    answer = read(event, {"action": action, "installation": installation, "sender": ADA})
    assert isinstance(answer, InstallationChanged)
    assert (answer.installation_id, answer.account, answer.change) == (5, "octo", change)


def test_a_ping_is_a_ping() -> None:
    assert read("ping", {"zen": "Speak like a human.", "hook_id": 1}) == Pinged(zen="Speak like a human.")
    assert read("ping", {}) == Pinged()


@pytest.mark.faults
@pytest.mark.parametrize(
    ("event", "payload", "words"),
    [
        ("issues", {}, "has no action"),
        ("issue_comment", {"action": None}, "has no action"),
        ("issues", labeled(installation=None), "installation:"),
        ("issues", labeled(sender=None), "sender:"),
        ("issues", labeled(repository=REPOSITORY | {"full_name": "../x y"}), "repository.full_name:"),
        ("issues", labeled(issue=ISSUE | {"number": 2**63}), "issue.number:"),
        ("issues", labeled(issue=None), "issue:"),
        ("issues", labeled(sender=ADA | {"login": "\ud800"}), "sender.login:"),
        ("issue_comment", commented("/minion fix", comment=None), "comment:"),
        ("installation", {"action": "created"}, "installation:"),
    ],
)
def test_f5_what_is_missing_is_named(event: str, payload: Json, words: str) -> None:
    with pytest.raises(PayloadError) as caught:
        read(event, payload)
    assert words in str(caught.value)


def test_an_issue_of_a_deleted_account_has_no_author() -> None:
    assert asked("issues", labeled(issue=ISSUE | {"user": None})).task.author is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
PLACES = st.sampled_from(["action", "installation", "repository", "sender", "issue", "label", "comment"])


@given(st.sampled_from(["issues", "issue_comment", "installation", "ping", "x"]), PLACES, JSON)
def test_anything_is_answered_with_an_event_or_a_sentence(event: str, place: str, value: Any) -> None:
    payload = commented("/minion fix") if event == "issue_comment" else labeled()
    with contextlib.suppress(PayloadError):
        read(event, payload | {place: value})


def pushed(ref: str = "refs/heads/main", **changes: Any) -> Json:
    base: Json = {
        "installation": {"id": 5},
        "repository": REPOSITORY | {"default_branch": "main"},
        "sender": ADA,
        "ref": ref,
        "before": "0" * 40,
        "after": "1" * 40,
        "deleted": False,
    }
    return base | changes


@pytest.mark.parametrize("sender", [ADA, BOT])
def test_a_push_to_the_default_branch_is_told_whoever_it_is_by(sender: Json) -> None:
    repository = Repository(id=11, full_name="octo/hello", installation_id=5)
    assert read("push", pushed(sender=sender)) == Pushed(repository=repository, branch="main")


@pytest.mark.parametrize(
    ("messages", "reverts"),
    [
        (["Say hello", ""], ()),
        ([f'Revert "Say hello"\n\nThis reverts commit {"a" * 40}.'], ("a" * 40,)),
        ([f"This reverts commit {'a' * 40}, reversing\nchanges made to {'b' * 40}."], ("a" * 40,)),
        (["Too soon.\r\n\r\nThis reverts commit abc1234.", "This reverts commit abc1234."], ("abc1234",)),
        ([f"This reverts commit {'a' * 40}.\nThis reverts commit {'b' * 64}."], ("a" * 40, "b" * 64)),
        (["It is not so that This reverts commit abc1234."], ()),
        (["This reverts commit the-last-one.", "This reverts commit abc12.", f"This reverts commit {'a' * 65}"], ()),
        ([f"This reverts commit {number:040x}." for number in range(900)], tuple(f"{n:040x}" for n in range(100))),
    ],
)
def test_a_push_tells_what_its_commits_take_back(messages: list[str], reverts: tuple[str, ...]) -> None:
    told = read("push", pushed(commits=[{"message": message} for message in messages]))
    assert isinstance(told, Pushed)
    assert told.reverts == reverts


@pytest.mark.parametrize("ref", ["refs/heads/other", "refs/heads/main2", "refs/tags/main", "refs/heads/x\n\nmain"])
def test_a_push_elsewhere_is_ignored(ref: str) -> None:
    assert "of octo/hello is not its default branch." in reason("push", pushed(ref))


def test_a_default_branch_that_is_gone_is_not_prepared() -> None:
    assert "was deleted" in reason("push", pushed(deleted=True))


@pytest.mark.faults
@pytest.mark.parametrize("lacking", ["installation", "repository", "ref"])
def test_f5_a_push_that_lacks_something_says_what(lacking: str) -> None:
    payload = pushed()
    del payload[lacking]
    with pytest.raises(PayloadError, match=f"This push delivery cannot be read: {lacking}: Field required."):
        read("push", payload)


def told(event: str, payload: Json, **options: Any) -> OrderGiven:
    answer = read(event, payload, **options)
    assert isinstance(answer, OrderGiven), answer
    return answer


@pytest.mark.parametrize(
    ("words", "order"),
    [
        ("stop", Stop()),
        ("status", ShowStatus()),
        ("wrap up", WrapUp()),
        ("wrap up!", WrapUp()),
        ("budget +$5", RaiseBudget(usd=5)),
        ("budget 2.50", RaiseBudget(usd=2.5)),
        ("budget + 3 USD", RaiseBudget(usd=3)),
        ("retry", Retry()),
        ("retry run_tests", Retry(node="run_tests")),
        ("discard", Discard()),
    ],
)
def test_a_comment_tells_a_run_what_to_do(words: str, order: Order) -> None:
    given = told("issue_comment", commented(f"/minion {words}"))
    assert (given.order, given.number, given.intent) == (order, 3, "comment/11/21")
    assert given.task is not None
    assert given.task.body == "It fails.\n"


@pytest.mark.parametrize(
    "words", ["budget", "budget -5", "budget $0", "budget lots", "budget 5000", "wrap it", "retry a b"]
)
def test_an_order_that_cannot_be_understood_asks_for_help(words: str) -> None:
    assert asked("issue_comment", commented(f"/minion {words}")).blueprint == "help"


PULL: Json = ISSUE | {"head": {"ref": "topic"}, "number": 12}


def at_line(body: str, **changes: Any) -> Json:
    comment = {
        "id": 31,
        "body": body,
        "created_at": "2026-11-21T12:00:00Z",
        "user": ADA,
        "path": "src/a.py",
        "line": None,
        "original_line": 4,
        "diff_hunk": "@@ -1 +1 @@\n-a\n+b",
    }
    base: Json = {"action": "created", "installation": {"id": 5}, "repository": REPOSITORY, "sender": ADA}
    return base | {"pull_request": PULL, "comment": comment} | changes


def test_a_comment_at_a_line_asks_with_the_line() -> None:
    work = asked("pull_request_review_comment", at_line("/minion fix rename it"))
    assert (work.blueprint, work.task.instructions, work.intent) == ("fix", "rename it", "review comment/11/31")
    assert (work.task.number, work.task.is_pull_request) == (12, True)
    assert work.task.place == Place(number=12, comment_id=31, in_review=True)
    (remark,) = work.task.remarks
    assert (remark.path, remark.line, remark.hunk.splitlines()[-1]) == ("src/a.py", 4, "+b")


def test_a_review_may_hold_a_command() -> None:
    review = {"id": 41, "body": "Not yet.\n\n/minion fix", "submitted_at": "2026-11-21T12:00:00Z", "user": ADA}
    payload = at_line("", action="submitted", review=review)
    work = asked("pull_request_review", payload)
    assert (work.blueprint, work.task.place, work.intent) == ("fix", None, "review/11/41")
    assert "no command" in reason("pull_request_review", payload | {"review": review | {"body": None}})
    assert "is a Bot" in reason("pull_request_review", payload | {"sender": BOT})


def test_our_own_words_in_reviews_are_never_heard() -> None:
    comment = at_line("/minion fix")["comment"] | {"performed_via_github_app": {"id": 42}}
    assert "our own" in reason("pull_request_review_comment", at_line("", comment=comment))


def test_a_pull_request_may_be_labelled_and_closed() -> None:
    payload = at_line("", action="labeled", label={"name": "minion:fix"})
    assert asked("pull_request", payload).task.is_pull_request
    taken_off = read("pull_request", payload | {"action": "unlabeled"})
    closed = read("pull_request", payload | {"action": "closed", "sender": BOT})
    for one in (taken_off, closed):
        assert isinstance(one, StopRequested)
        assert one.number == 12
    assert isinstance(closed, StopRequested)
    assert closed.requester is None  # a robot that merges closes it, too


@pytest.mark.parametrize(
    ("body", "reverts"),
    [
        ("Reverts octo/hello#7", 7),
        ("Reverts #7\r\n\nIt broke.", 7),
        ("Reverts other/place#7", 0),
        ("This Reverts octo/hello#7", 0),
        ("Reverts octo/hello#7 and more", 0),
        (None, 0),
    ],
)
def test_what_a_closed_pull_request_came_to(body: str | None, reverts: int) -> None:
    payload = at_line("", action="closed")
    pull = payload["pull_request"] | {"merged": True, "head": {"sha": "c0ffee"}, "review_comments": 3, "body": body}
    payload["repository"] = payload["repository"] | {"full_name": "octo/hello"}
    closed = read("pull_request", payload | {"pull_request": pull | {"merge_commit_sha": "decaf"}})
    assert isinstance(closed, StopRequested)
    assert closed.pull == Closed(is_merged=True, head_sha="c0ffee", comments=3, reverts=reverts, merge_sha="decaf")


def test_a_pull_request_that_is_reopened_waits_for_review_again() -> None:
    event = read("pull_request", at_line("", action="reopened"))
    assert isinstance(event, PullReopened)
    assert (event.repository.id, event.number) == (11, 12)


@pytest.mark.faults
@pytest.mark.parametrize("changed", ["title", "body"])
def test_f23_an_edit_of_the_words_is_told_with_its_time(changed: str) -> None:
    event = read("issues", labeled(action="edited", changes={changed: {"from": "Something else."}}))
    assert isinstance(event, IssueEdited)
    assert (event.number, event.at.isoformat()) == (3, ISSUE["updated_at"].replace("Z", "+00:00"))


BOX = "CI failed.\n\n- [{}] Have a minion see to it <!-- minions:box=fix -->\n\nNothing starts by itself."


def edited(before: str, after: str, *, by: Json = ADA, user: Json = BOT, state: str = "open") -> Json:
    issue = ISSUE | {"body": after, "user": user, "state": state}
    return labeled(action="edited", issue=issue, sender=by, changes={"body": {"from": before}})


def test_a_box_that_is_ticked_in_an_issue_of_ours_asks_for_work() -> None:
    event = asked("issues", edited(BOX.format(" "), BOX.format("x")))
    assert (event.blueprint, event.task.number, event.task.requester.login) == ("fix", 3, "ada")
    assert event.is_open is False
    assert "minions:box" not in event.task.body


@pytest.mark.parametrize(
    "payload",
    [
        edited(BOX.format("x"), BOX.format("x") + " More."),
        edited(BOX.format("x"), BOX.format(" ")),
        edited(BOX.format(" "), BOX.format("x"), user=ADA),
        edited(BOX.format(" "), BOX.format("x"), state="closed"),
        edited("CI failed.", BOX.format("x")),
    ],
    ids=["ticked before", "taken back", "somebody's own issue", "closed", "written with its tick"],
)
def test_an_edit_that_ticks_no_box_of_ours_asks_for_nothing(payload: Json) -> None:
    assert isinstance(read("issues", payload), IssueEdited)


def test_a_bot_that_ticks_a_box_is_not_heard() -> None:
    assert "is a Bot, not a person" in reason("issues", edited(BOX.format(" "), BOX.format("x"), by=BOT))


def check_run(action: str = "requested_action", identifier: str = "retry", **changes: Any) -> Json:
    run = {
        "id": 51,
        "head_sha": "c0ffee",
        "external_id": "minions-run-9",
        "completed_at": "2026-11-21T13:00:00Z",
        "app": {"id": 42},
    }
    base: Json = {"action": action, "installation": {"id": 5}, "repository": REPOSITORY, "sender": ADA}
    return base | {"check_run": run | changes, "requested_action": {"identifier": identifier}}


@pytest.mark.parametrize(
    ("action", "identifier", "order"),
    [
        ("requested_action", "retry", Retry()),
        ("requested_action", "fix checks", FixChecks()),
        ("requested_action", "discard", Discard()),
        ("rerequested", "", Retry()),
    ],
)
def test_a_button_tells_the_run_whose_check_it_is(action: str, identifier: str, order: Order) -> None:
    given = told("check_run", check_run(action, identifier))
    assert (given.order, given.run_id, given.place, given.number) == (order, 9, None, 0)
    later = told("check_run", check_run(action, identifier, completed_at="2026-11-21T14:00:00Z"))
    assert given.intent == told("check_run", check_run(action, identifier)).intent != later.intent
    bobs = told("check_run", check_run(action, identifier) | {"sender": {"id": 9, "login": "bob", "type": "User"}})
    assert bobs.intent != given.intent  # who may not press cannot use up the press of who may


def test_buttons_that_are_not_ours_do_nothing() -> None:
    assert "not one of ours" in reason("check_run", check_run(app={"id": 43}))
    assert "not one of ours" in reason("check_run", check_run(external_id="minions-run-x"))
    assert "no button 'merge'" in reason("check_run", check_run(identifier="merge"))
    assert "is a Bot" in reason("check_run", check_run() | {"sender": BOT})


def test_all_checks_of_a_commit_may_be_wanted_once_more() -> None:
    suite = {"id": 61, "head_sha": "c0ffee", "updated_at": "2026-11-21T13:00:00Z", "app": {"id": 42}}
    payload = check_run("rerequested") | {"check_suite": suite}
    given = told("check_suite", payload)
    assert (given.order, given.check_sha, given.run_id) == (Retry(), "c0ffee", None)
    assert "not ours" in reason("check_suite", payload | {"check_suite": suite | {"app": {"id": 43}}})


def test_a_branch_of_ours_that_is_deleted_ends_the_work_on_it() -> None:
    push: Json = {
        "installation": {"id": 5},
        "repository": REPOSITORY | {"default_branch": "main"},
        "ref": "refs/heads/minions/7-9",
        "deleted": True,
    }
    gone = read("push", push)
    assert isinstance(gone, BranchDeleted)
    assert gone.branch == "minions/7-9"
    assert "not its default branch" in reason("push", push | {"ref": "refs/heads/minions/mine"})
