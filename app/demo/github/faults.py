"""Trouble by rule: requests and deliveries that fit a rule go wrong, always, by chance, or the n-th to m-th time.

Every rule has a stream of chance of its own, and uses it up by what fits it alone: with one seed the same requests meet
the same trouble, whatever other rules there are. What happened stands in `Faults.met`.
"""

import random
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from app.demo.github.objects import Delivery
from app.demo.github.troubles import Mishap, Trouble, answered


@dataclass(frozen=True)
class When:
    """How often it strikes, of all that fits."""

    share: float = 1.0
    """0 to 1."""
    first: int = 1
    """From which match on; matches count from 1."""
    last: int | None = None
    times: int | None = None
    """How often at most. What another rule took does not count."""


@dataclass(frozen=True)
class Rule:
    """Requests that fit meet one of `troubles`, each as likely as the others."""

    troubles: Sequence[Trouble]
    method: str = ".*"
    """A regular expression for all of the method."""
    path: str = ""
    """A regular expression that is searched for in the path; repositories are found by name and by id."""
    when: When = When()
    installation_id: int | None = None
    """Only requests with a token of this installation."""
    each_token: bool = False
    """Whether matches are counted for each credential by itself."""


@dataclass(frozen=True)
class DeliveryRule:
    """Deliveries that fit meet one of `mishaps`, each as likely as the others."""

    mishaps: Sequence[Mishap]
    event: str = ".*"
    """A regular expression for all of `event` or `event.action`."""
    when: When = When()
    with_redeliveries: bool = False
    """Whether redeliveries can fit, too."""


@dataclass
class Fault:
    """The short form: the next request that fits is answered with this status."""

    method: str
    path: str
    status: int
    body: str = '{"message": "Server Error"}'
    headers: dict[str, str] = field(default_factory=dict)
    is_done: bool = False
    """Whether the request is carried out before it is answered wrongly: the caller cannot know."""
    times: int = 1

    def rule(self) -> Rule:
        """The same as a rule."""
        trouble = answered(self.status, self.body, self.headers, is_done=self.is_done)
        return Rule([trouble], self.method, self.path, When(times=self.times))


@dataclass(frozen=True)
class Asked:
    """A request, as far as rules look at it."""

    method: str
    paths: tuple[str, ...]
    """As it was sent, and with the repository's name in place of its id."""
    credential: str
    installation_id: int | None


class _Dice:
    """The chance of one rule."""

    def __init__(self, when: When, stream: random.Random) -> None:
        self._when = when
        self._stream = stream
        self._matches: Counter[str] = Counter()
        self._strikes = 0

    def roll(self, kinds: int, whose: str = "") -> int | None:
        """Count a match; answer which of so many kinds it would be, or None. Draws the same amount every time."""
        self._matches[whose] += 1
        luck, kind = self._stream.random(), self._stream.randrange(kinds)
        number, when = self._matches[whose], self._when
        is_in_time = when.first <= number and (when.last is None or number <= when.last)
        is_left = when.times is None or self._strikes < when.times
        return kind if luck < when.share and is_in_time and is_left else None

    def strike(self) -> None:
        """It was this rule's turn."""
        self._strikes += 1


class Faults:
    """The rules, and the trouble that was met."""

    def __init__(self, chance: random.Random | None = None) -> None:
        self._chance = chance or random.Random(0)  # noqa: S311 - nothing secret depends on it
        self._rules: list[tuple[Rule, _Dice]] = []
        self._deliveries: list[tuple[DeliveryRule, _Dice]] = []
        self.met: list[tuple[str, str]] = []
        """What was met and by what (`POST /path`, or `issues.labeled`), oldest first."""

    def add(self, rule: Rule | DeliveryRule | Fault, *, seed: str | None = None) -> None:
        """Let this happen, after what other rules want. Without a seed of its own, its chance comes from the hub's."""
        rule = rule.rule() if isinstance(rule, Fault) else rule
        dice = _Dice(rule.when, random.Random(seed or self._chance.getrandbits(64)))  # noqa: S311
        if isinstance(rule, Rule):
            self._rules.append((rule, dice))
        else:
            self._deliveries.append((rule, dice))

    def clear(self) -> None:
        """From now on nothing goes wrong."""
        self._rules.clear()
        self._deliveries.clear()

    def take(self, asked: Asked) -> Trouble | None:
        """The trouble that this request meets: that of the first rule that strikes."""
        taken: Trouble | None = None
        for rule, dice in self._rules:
            if not _fits(rule, asked):
                continue
            kind = dice.roll(len(rule.troubles), asked.credential if rule.each_token else "")
            if kind is not None and taken is None:
                taken = rule.troubles[kind]
                dice.strike()
        if taken:
            self.met.append((taken.name, f"{asked.method} {asked.paths[0]}"))
        return taken

    def take_delivery(self, delivery: Delivery) -> Mishap | None:
        """The mishap of this delivery."""
        event = f"{delivery.event}.{delivery.action}" if delivery.action else delivery.event
        taken: Mishap | None = None
        for rule, dice in self._deliveries:
            is_meant = rule.with_redeliveries or not delivery.redelivery
            if not is_meant or not any(re.fullmatch(rule.event, name) for name in (event, delivery.event)):
                continue
            kind = dice.roll(len(rule.mishaps))
            if kind is not None and taken is None:
                taken = rule.mishaps[kind]
                dice.strike()
        if taken:
            self.met.append((taken.name, event))
        return taken


def _fits(rule: Rule, asked: Asked) -> bool:
    return (
        re.fullmatch(rule.method, asked.method) is not None
        and rule.installation_id in {None, asked.installation_id}
        and any(re.search(rule.path, path) for path in asked.paths)
    )
