"""How often somebody calls, within the last minute."""

from collections import defaultdict, deque
from collections.abc import Callable


class Rate:
    """Counts the calls of each token in this process; `clock` says seconds that only grow."""

    def __init__(self, clock: Callable[[], float], per_minute: int) -> None:
        self._clock = clock
        self._per_minute = per_minute
        self._calls: dict[int, deque[float]] = defaultdict(deque)

    def wait_s(self, token_id: int) -> float:
        """Count a call; answer with the seconds until it may be made, 0 if that is now."""
        now, calls = self._clock(), self._calls[token_id]
        while calls and calls[0] <= now - 60:
            calls.popleft()
        if len(calls) >= self._per_minute:
            return calls[0] + 60 - now
        calls.append(now)
        return 0.0
