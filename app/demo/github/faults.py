"""Trouble on request: the next request that fits is answered wrongly, before or after it was carried out."""

import re
from dataclasses import dataclass, field


@dataclass
class Fault:
    """What goes wrong, and how often."""

    method: str
    path: str
    """A regular expression that is searched for in the path."""
    status: int
    body: str = '{"message": "Server Error"}'
    headers: dict[str, str] = field(default_factory=dict)
    is_done: bool = False
    """Whether the request is carried out before it is answered wrongly: the caller cannot know."""
    times: int = 1


class Faults:
    """The trouble that waits for requests."""

    def __init__(self) -> None:
        self._waiting: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Let this happen to the next requests that fit, after the trouble that waits already."""
        self._waiting.append(fault)

    def take(self, method: str, path: str) -> Fault | None:
        """The trouble that this request meets."""
        for fault in self._waiting:
            if fault.method == method and re.search(fault.path, path):
                fault.times -= 1
                if fault.times == 0:
                    self._waiting.remove(fault)
                return fault
        return None
