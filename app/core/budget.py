"""How much a minion may use before it has to stop."""

from pydantic import BaseModel


class Budget(BaseModel, frozen=True):
    """Limits of one visit of an agent node. The defaults are those measured to cut cost without cutting success."""

    turns: int = 80
    """Model calls that are answered."""
    tokens: int = 4_000_000
    """Tokens read and written, cached ones included, in all turns together."""
    usd: float = 3.0
    """US dollars. A call that might cost more than what is left is not started."""
    seconds: float = 1_800
    """Wall-clock time."""
    usd_of: str = ""
    """Whose the dollars are, if they are not the node's own: "the run's budget of 6.00 US dollars"."""
    seconds_of: str = ""
    """Whose the seconds are, in the same way."""

    def asked_for(self, *, turns: int | None, usd: float | None, seconds: float | None) -> "Budget":
        """The same with other limits where they are said; the tokens follow the turns."""
        said = {"turns": turns, "usd": usd, "seconds": seconds}
        more = {name: limit for name, limit in said.items() if limit is not None}
        if turns is not None:
            more["tokens"] = self.tokens * turns // max(self.turns, 1)
        return self.model_copy(update=more)

    def within_run(self, *, usd_left: float, usd: float, seconds_left: float, seconds: float) -> "Budget":
        """The same, with no more dollars and seconds than are left to the run of its `usd` and `seconds`."""
        less: dict[str, object] = {}
        if usd_left < self.usd:
            less |= {"usd": usd_left, "usd_of": f"the run's budget of {usd:.2f} US dollars"}
        if seconds_left < self.seconds:
            less |= {"seconds": max(seconds_left, 0.0), "seconds_of": f"the run's budget of {seconds:.0f} seconds"}
        return self.model_copy(update=less) if less else self

    def within(self, *, turns: int, usd: float, seconds: float) -> "Budget":
        """The same, but nowhere more than this."""
        return self.model_copy(
            update={
                "turns": min(self.turns, turns),
                "usd": min(self.usd, usd),
                "seconds": min(self.seconds, seconds),
            }
        )


class Usage(BaseModel, frozen=True):
    """What was used."""

    turns: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    """Part of `input_tokens` that was read from the provider's cache."""
    usd: float = 0.0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            turns=self.turns + other.turns,
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            cached_tokens=self.cached_tokens + other.cached_tokens,
            usd=self.usd + other.usd,
        )

    @property
    def tokens(self) -> int:
        """Tokens read and written."""
        return self.input_tokens + self.output_tokens
