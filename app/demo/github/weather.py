"""Bad weather: a share of everything goes wrong, in ways from which one can recover.

Left out on purpose: what lasts (suspension, a revoked permission), and what takes a minute or more each time (an answer
that never comes, a rate limit that does not say how long). Tests add those by rules of their own.
"""

from app.demo.github.faults import DeliveryRule, Faults, Rule, When
from app.demo.github.troubles import (
    Mishap,
    bad_credentials,
    bad_gateway,
    cut,
    page_instead,
    refused,
    secondary_limit,
    too_many,
    truncated,
)

WAIT_S = 1
"""What a rate limit asks for in this weather: enough to be noticed, little enough for a test."""
_BUSY = (too_many(WAIT_S), secondary_limit(WAIT_S), refused(503, "Service unavailable"))
READS = (*_BUSY, bad_gateway(), cut(), truncated(), page_instead())
WRITES = (
    *_BUSY,
    *(trouble(is_done=is_done) for trouble in (bad_gateway, cut, page_instead) for is_done in (False, True)),
    truncated(),
)
GIT = (bad_credentials(), bad_gateway(), cut())
MISHAPS = (
    Mishap("dropped"),
    Mishap("unheard"),
    Mishap("late", seconds=0.2),
    Mishap("twice"),
    Mishap("replayed"),
    Mishap("overtaken"),
)


def weather(faults: Faults, seed: int, share: float = 0.1) -> None:
    """Let `share` of all calls of the API, requests of git and deliveries go wrong, the same way for the same seed."""
    when = When(share)
    rules: dict[str, Rule | DeliveryRule] = {
        "fresh": Rule([bad_credentials()], path="^/api/v3/(?!app/)", when=When(share, last=1), each_token=True),
        "reads": Rule(READS, "GET|HEAD", "^/api/v3/", when),
        "writes": Rule(WRITES, "POST|PUT|PATCH|DELETE", "^/api/v3/", when),
        "git": Rule(GIT, path=r"^/[^/]+/[^/]+\.git/", when=when),
        "deliveries": DeliveryRule(MISHAPS, when=when),
    }
    for name, rule in rules.items():
        faults.add(rule, seed=f"{seed} {name}")
