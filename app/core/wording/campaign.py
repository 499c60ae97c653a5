"""How a campaign stands: the one comment on its issue, and the answers to what it is told."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from app.core.blueprint import Blueprint
from app.core.campaign import Campaign, Part, Stage, Standing, purse_of
from app.core.campaign_wish import MOST_AT_ONCE, MOST_PARTS, MOST_USD, Wish
from app.core.neutral import code, code_cell, fitted, neutral, neutral_line
from app.core.orders import Given
from app.core.run import Status
from app.core.wording.figures import counted, dollars, table

_LONGEST: Final = 160
"""Characters of a sentence in a cell of the table."""
_HOW: Final = (
    "`/minion status`, `/minion stop`, `/minion retry` (what has no result) and `/minion budget +$5` are heeded here; "
    "what is said to one part is said on its own issue."
)


def campaign_marker(campaign: Campaign) -> str:
    """An HTML comment by which the comment of a campaign is found again."""
    return f"<!-- minions:campaign={campaign.id} -->"


def campaign_comment(
    campaign: Campaign, parts: Sequence[Part], blueprint: Blueprint[Any] | None, pages: Mapping[int, str]
) -> str:
    """The one comment on the issue: how many are done, and a row for each part. `pages` are those of runs, by id."""
    asked = code(campaign.task.requester.login)
    if campaign.stage is Stage.REFUSED:
        said = f"**Not started.** {neutral(campaign.error)}\n\n<sub>Asked by {asked}.</sub>"
        return f"{said}\n\n{campaign_marker(campaign)}"
    rows = table(
        ("Repository", "Run", "Pull request", "State", "Cost:"),
        (_row(part, blueprint, pages) for part in parts),
    )
    head = f"**{campaign_headline(campaign, parts)}** · a campaign, asked by {asked}"
    text = "\n\n".join([head, _money(campaign, parts), rows, f"<sub>{_HOW}</sub>"])
    return f"{fitted(text)}\n\n{campaign_marker(campaign)}"


def campaign_elsewhere(standing: Standing) -> str:
    """Where it stands, for a place that is not its issue."""
    campaign, parts = standing.campaign, standing.parts
    if campaign.stage is Stage.REFUSED:
        return f"Not started: {campaign.error}".removesuffix(": ")
    if campaign.stage is Stage.ASKED:
        return "A campaign: its parts are looked up."
    return f"{campaign_headline(campaign, parts)}\n{_money(campaign, parts)}"


def campaign_headline(campaign: Campaign, parts: Sequence[Part]) -> str:
    """How many parts are where."""
    done = sum(part.has_result for part in parts)
    counts = {
        "at work": sum(part.is_open for part in parts),
        "waiting": sum(part.is_waiting for part in parts),
        "without a result": sum(part.can_be_retried for part in parts),
    }
    mark = "🏃" if campaign.stage is Stage.AT_WORK else "✅" if done == len(parts) else "⚠️"
    rest = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
    return f"{mark} {done} of {counted(len(parts), 'part')} done" + (f", {rest}" if rest else "")


def _money(campaign: Campaign, parts: Sequence[Part]) -> str:
    purse = purse_of(campaign.budget_usd, parts)
    said = f"{dollars(purse.spent)} of {dollars(purse.budget)} spent, at most {campaign.wish.limit} at once."
    if any(part.is_waiting for part in parts) and campaign.stage is Stage.ENDED:
        said += (
            f" The rest of the budget is too little for another part, which took {dollars(purse.share)} on average: "
            f"`/minion budget +$5` adds five dollars, and the campaign goes on."
        )
    return said


def _row(part: Part, blueprint: Blueprint[Any] | None, pages: Mapping[int, str]) -> Sequence[str]:
    run = part.run
    within = f" {code_cell(part.spot.within)}" if part.spot.within else ""
    issue = f"{part.spot.full_name}#{part.number}" if part.number else ""
    page = f" · [run {run.id}]({pages[run.id]})" if run and pages.get(run.id) else ""
    pull = f"{part.spot.full_name}#{run.pull_request_number}" if run and run.pull_request_number else ""
    cost = dollars(part.spent_usd) if part.spent_usd else ""
    return (f"{code_cell(part.spot.full_name)}{within}", f"{issue}{page}", pull, _state(part, blueprint), cost)


def _state(part: Part, blueprint: Blueprint[Any] | None) -> str:  # noqa: PLR0911 - a table: one state, one word
    run = part.run
    if part.is_waiting:
        return "⏳ waits for its turn"
    if part.is_stopped:
        return "⏹️ stopped before it began"
    if part.error:
        return f"❌ {neutral_line(part.error, _LONGEST)}"
    if run is None:
        return "⏳ begins"
    if run.status is Status.QUEUED:
        return "⏳ queued"
    if run.status is Status.RUNNING:
        return f"🏃 {_node(run.at, blueprint)}"
    if run.status is Status.WAITING:
        return "⏸️ waits for its checks"
    if run.is_needless:
        return "✅ nothing to be changed"
    if part.has_result:
        return "✅ waits for review"
    mark = "⏹️" if run.status is Status.STOPPED else "❌"
    return f"{mark} {neutral_line(run.error, _LONGEST) or 'ended without a result'}"


def _node(name: str, blueprint: Blueprint[Any] | None) -> str:
    titles = {node.name: node.title for node in blueprint.edges} if blueprint else {}
    return neutral_line(titles.get(name, "at work"))


# -- Answers ---------------------------------------------------------------------------------------------------------
def campaign_answer(campaign: Campaign, given: Given, text: str) -> str:
    """The comment that answers what a campaign was told."""
    asked = f"\n\n<sub>Asked by {code(given.requester.login)}.</sub>" if given.requester else ""
    return f"{text}{asked}\n\n{campaign_order_marker(campaign, given)}"


def campaign_order_marker(campaign: Campaign, given: Given) -> str:
    """By which that comment is found again."""
    return f"<!-- minions:campaign={campaign.id} order={given.id} -->"


def campaign_standing(campaign: Campaign, parts: Sequence[Part]) -> str:
    """Where it stands, in a line."""
    return f"**{campaign_headline(campaign, parts)}** · {_money(campaign, parts)}"


def not_for_campaigns() -> str:
    """An order that only a run can heed."""
    return f"A campaign cannot be told that. {_HOW}"


def campaign_fault(wish: Wish) -> str:
    """What the issue has to say before a campaign can begin; empty if it says all."""
    why = what_is_wrong(wish)
    return why and f"{why} Then ask again: by `/minion migrate`, or by taking the label off and setting it again."


def what_is_wrong(wish: Wish) -> str:
    """What was said of a campaign that cannot begin by it, and what to say; empty if there is nothing."""
    said = code(wish.at_fault)
    match wish.fault:
        case "no budget":
            return "It is not said what the campaign may cost. Add a line such as `budget: $20`."
        case "budget":
            return f"{said} is no budget: it has to be an amount such as `$20`, above 0 and at most ${MOST_USD:,.0f}."
        case "limit":
            return f"{said} is no limit: it has to be a number of parts at once, from 1 to {MOST_AT_ONCE}."
        case "entry":
            return f"{said} is no repository: write each as `owner/name`, or `owner/*` for all of an owner."
        case "too many":
            return f"These are {said} parts, and one campaign has {MOST_PARTS} at most. Make several of it."
        case "":
            return ""


def too_many_parts(count: int) -> str:
    """What `*` stands for is more than a campaign can have."""
    return f"The repositories are {count}, and one campaign has {MOST_PARTS} parts at most. Make several of it."


def nothing_matches(pattern: str, login: str) -> str:
    """What `*` stands for is nothing."""
    return f"There is no repository {code(pattern)} that this App is installed on and {code(login)} may write in."
