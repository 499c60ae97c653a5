"""`minions ask`: ask a server for work over its HTTP API, from wherever one is."""

import hashlib
import time
from collections.abc import Callable
from typing import Any, Final

import httpx

from app.core.errors import MinionsError, SettingsError
from app.core.visible import visible
from app.web.api import PATH

_TIMEOUT_S: Final = 30.0
_LOOK_S: Final = 3.0
"""Between two looks at a run that is waited for."""
_OPENING_S: Final = 20.0
"""For so long the address of the issue is waited for; a worker that is there has it in a second."""
_ENDED: Final = frozenset({"done", "failed", "stopped", "refused"})


def ask(
    server: str,
    token: str,
    wish: dict[str, str],
    *,
    wait: bool,
    tell: Callable[[str], None] = print,
    sleep: Callable[[float], None] = time.sleep,
) -> int:
    """Ask, and tell where the run is; with `wait`, until it has ended. Answer with the exit code.

    0 if it was taken (or, with `wait`, has a pull request), else 1. Raises SettingsError and MinionsError.
    """
    if not token:
        raise SettingsError("Set MINIONS_TOKEN to a token that `minions token create` made on the server.")
    if not (token.isascii() and token.isprintable()) or " " in token:
        raise SettingsError("MINIONS_TOKEN is no token: it has letters that none has. Copy it once more.")
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=f"{server}{PATH}", headers=headers, timeout=_TIMEOUT_S) as http:
        # Should the answer get lost: the same wish, sent again in the same minute, is the same run.
        word = hashlib.sha256(repr((sorted(wish.items()), int(time.time()) // 60)).encode()).hexdigest()
        run = _said(http, "POST", "/runs", json=wish, headers={"Idempotency-Key": word})
        waited_s, told = 0.0, ""
        while _goes_on(run, waited_s, wait=wait):
            if (now := _line(run)) != told:
                tell(now)
                told = now
            sleep(_LOOK_S)
            waited_s += _LOOK_S
            run = _said(http, "GET", f"/runs/{run['id']}")
    tell(_line(run))
    for name in ("issue_url", "pull_request_url", "page_url"):
        if run.get(name):
            tell(visible(str(run[name])))
    for part in run.get("parts") or ():
        if part.get("pull_request_url"):
            tell(visible(str(part["pull_request_url"])))
    has_result = run["status"] == "done" if run.get("parts") else bool(run.get("pull_request_url"))
    return 1 if run["status"] in _ENDED and not has_result else 0


def _goes_on(run: dict[str, Any], waited_s: float, *, wait: bool) -> bool:
    if run["status"] in _ENDED:
        return False
    return wait or (run["status"] == "opening" and not run.get("issue_url") and waited_s < _OPENING_S)


def _line(run: dict[str, Any]) -> str:
    why = f": {run['explanation']}" if run.get("explanation") else ""
    where = f" at {run['node']}" if run.get("node") and run["status"] not in _ENDED else ""
    return visible(f"{run['status']}{where}{why}")


def _said(http: httpx.Client, verb: str, path: str, **more: Any) -> dict[str, Any]:
    try:
        answer = http.request(verb, path, **more)
        said = answer.json()
    except httpx.HTTPError as error:
        raise MinionsError(f"{http.base_url} cannot be reached: {error}") from None
    except ValueError:
        raise MinionsError(f"{http.base_url} does not answer as a Minions server does.") from None
    if not answer.is_success or not isinstance(said, dict) or "status" not in said:
        told = said.get("detail", "") if isinstance(said, dict) else ""
        raise MinionsError(visible(str(told)) or f"{http.base_url} answers {answer.status_code}.")
    return said
