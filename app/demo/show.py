"""`minions demo`: file and label an issue on a GitHub on loopback, and tell each thing that happens, with its link."""

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

from app.adapters.litellm import LiteLLMModel
from app.core.errors import MinionsError
from app.demo.stage import Seed, Stage, furnish, seed, staged
from app.demo.workflows import workflows

_TIMEOUT_S: Final = 300
_MODEL_TIMEOUT_S: Final = 3_600
"""A real model takes its time."""
_ANSWER_TIMEOUT_S: Final = 30.0
"""For one short answer, with the import of the client; three or four tries where nothing answers."""
_POLL_S: Final = 0.5
"""Half a dozen questions each time, so that the 5,000 of an hour are not used up before it is given up."""


def show(*, keep: bool, model: str, port: int) -> int:
    """Run the demo; answer with the exit code, 130 if it was stopped. Raises MinionsError."""
    return asyncio.run(_show(keep=keep, model=model, port=port))


async def _show(*, keep: bool, model: str, port: int) -> int:
    settings = _with(model) if model else {}
    if model:
        await _ask(settings)
    stop = _told_to_stop()
    async with staged(port=port, settings=settings) as stage:
        stopped = asyncio.create_task(stop.wait())
        playing = asyncio.create_task(Play(stage, seed()).perform(_MODEL_TIMEOUT_S if model else _TIMEOUT_S))
        await asyncio.wait({stopped, playing}, return_when=asyncio.FIRST_COMPLETED)
        if keep and not stop.is_set() and playing.exception() is None:
            print("\nEverything is left running; Ctrl-C ends it.", flush=True)
            await stopped
        stopped.cancel()
        playing.cancel()
        await asyncio.gather(stopped, playing, return_exceptions=True)
    if stop.is_set():
        print("Stopped; nothing is left behind.")
    return 130 if playing.cancelled() else playing.result()


def _told_to_stop() -> asyncio.Event:
    """Set by Ctrl-C, `kill` or a closed terminal. Impatience does no harm: a second one changes nothing."""
    stop = asyncio.Event()

    def tell() -> None:
        if not stop.is_set():
            with contextlib.suppress(OSError):  # the terminal may be gone
                print("\nStopping, which may take some seconds …", flush=True)
        stop.set()

    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(name, tell)
    return stop


async def _ask(settings: Mapping[str, str]) -> None:
    """Ask a real model one short question before anything starts. Raises ModelError if it does not answer."""
    model = LiteLLMModel(
        settings["MINIONS_MODEL"],
        api_base=settings["MINIONS_MODEL_API_BASE"],
        api_key=settings["MINIONS_MODEL_API_KEY"],
    )
    print(f"Asking {model.name} whether it is there …", flush=True)
    question = [{"role": "user", "content": "Answer with the word yes."}]
    await model.complete(question, [], max_output_tokens=200, timeout_s=_ANSWER_TIMEOUT_S)


def _with(model: str) -> dict[str, str]:
    """Settings for a real model: the person's own, if they are set, instead of the script's."""
    names = ("MINIONS_MODEL_API_BASE", "MINIONS_MODEL_API_KEY", "MINIONS_MODEL_PRICE")
    return {"MINIONS_MODEL": model} | {name: os.environ.get(name, "") for name in names}


@dataclass
class Play:
    """One performance, told from outside: all that it knows, it asks GitHub as a person would."""

    stage: Stage
    seed: Seed
    began: float = field(default_factory=time.monotonic)
    told: set[str] = field(default_factory=set)

    async def perform(self, timeout_s: float) -> int:
        """From an empty GitHub to a pull request; 0 if there is one and its check is green."""
        api = f"{self.stage.hub.url}/api/v3/repos/{self.seed.repository}"
        pages = f"{self.stage.hub.url}/{self.seed.repository}"
        headers = furnish(self.stage, self.seed)
        self.stage.hub.run_on_push(self.seed.repository, workflows)
        print(f"A GitHub on this machine, with one repository:  {pages}")
        if "MINIONS_MODEL" in self.stage.environment and self.stage.environment["MINIONS_MODEL"] == "openai/slugs":
            print("The model, and what CI finds, are scripts that were written beforehand; everything else is real.\n")
        await self.stage.start_app()
        self._tell("ready", f"Minions is ready                          {self.stage.app_url}")
        async with httpx.AsyncClient(base_url=api, headers=headers, timeout=30) as client:
            issue = await self._file(client)
            self._tell("issue", f"{self.seed.requester} filed “{issue['title']}”  {pages}/issues/{issue['number']}")
            await self._answered(client.post(f"/issues/{issue['number']}/labels", json={"labels": [self.seed.label]}))
            self._tell("label", f"{self.seed.requester} added the label “{self.seed.label}”")
            while (ended := self.stage.ended) is None and time.monotonic() - self.began < timeout_s:
                end = await self._look(client, issue["number"], pages)
                if end is not None:
                    return end
                await asyncio.sleep(_POLL_S)
        why = f"Nothing came of it within {timeout_s:.0f} s." if ended is None else f"Minions ended, with {ended}."
        print(f"{why} Its log ends:", file=sys.stderr)
        print(self.stage.log_end(), file=sys.stderr)
        return 1

    async def _file(self, client: httpx.AsyncClient) -> dict[str, Any]:
        wish = self.seed.issue
        answer = await self._answered(client.post("/issues", json={"title": wish.title, "body": wish.body}))
        issue: dict[str, Any] = answer.json()
        return issue

    async def _look(self, client: httpx.AsyncClient, number: int, pages: str) -> int | None:
        """Tell what is new; the exit code once it is over."""
        for reaction in (await self._answered(client.get(f"/issues/{number}/reactions"))).json():
            self._tell(f"reaction {reaction['content']}", f"Minions reacted with {_emoji(reaction['content'])}")
        for comment in (await self._answered(client.get(f"/issues/{number}/comments"))).json():
            headline = comment["body"].split("\n", 1)[0].replace("**", "").partition(" · ")[0]
            self._tell(f"comment {headline}", f"comment: {headline}")
        pulls = (await self._answered(client.get("/pulls", params={"state": "open"}))).json()
        for pull in pulls:
            self._tell("pull", f"Minions opened a pull request              {pages}/pull/{pull['number']}")
        branches = (await self._answered(client.get("/git/matching-refs/heads/minions/"))).json()
        checks = [check for ref in branches for check in await self._checks(client, ref["object"]["sha"])]
        for check in checks:
            self._tell(f"check {check['head_sha']}", f"check run on {check['head_sha'][:7]}: {check['details_url']}")
            self._tell(f"title {check['output']['title']}", f"check run: {check['output']['title']}")
        over = next((check for check in checks if check["status"] == "completed"), None)
        return await self._curtain(client, over, pulls) if over else None

    async def _checks(self, client: httpx.AsyncClient, sha: str) -> list[dict[str, Any]]:
        answer = await self._answered(client.get(f"/commits/{sha}/check-runs"))
        checks: list[dict[str, Any]] = answer.json()["check_runs"]
        for check in checks:
            if check["app"]["slug"] != self.stage.app.slug and check["conclusion"]:
                told = f"CI on {sha[:7]}: {check['name']} is {_judged(check['conclusion'])}"
                self._tell(f"{sha} {check['name']}", told)
        return [check for check in checks if check["app"]["slug"] == self.stage.app.slug]

    async def _curtain(self, client: httpx.AsyncClient, check: dict[str, Any], pulls: list[dict[str, Any]]) -> int:
        """Show what it came to."""
        print(f"\n{'─' * 100}\nThe check run's summary\n{'─' * 100}\n{check['output']['summary']}\n")
        if check["conclusion"] != "success" or not pulls:
            print(f"It ended as “{check['conclusion']}”, without a pull request that passes.", file=sys.stderr)
            return 1
        wanted = {"Accept": "application/vnd.github.diff"}
        diff = await self._answered(client.get(f"/pulls/{pulls[0]['number']}", headers=wanted))
        print(f"{'─' * 100}\nThe pull request's diff\n{'─' * 100}")
        print("\n".join(_coloured(line) for line in diff.text.rstrip("\n").split("\n")))
        print(f"\nFrom the label to a pull request that passes: {time.monotonic() - self.began:.1f} s with the start.")
        return 0

    def _tell(self, key: str, sentence: str) -> None:
        if key not in self.told:
            self.told.add(key)
            print(f"{time.monotonic() - self.began:6.1f} s  {sentence}", flush=True)

    @staticmethod
    async def _answered(asked: Any) -> httpx.Response:
        answer: httpx.Response = await asked
        if answer.is_error:
            raise MinionsError(f"The loopback GitHub answered {answer.status_code}.", detail=answer.text[:500])
        return answer


def _judged(conclusion: str) -> str:
    return {"success": "green", "failure": "red"}.get(conclusion, conclusion)


def _emoji(reaction: str) -> str:
    return {"eyes": "👀", "rocket": "🚀", "confused": "😕", "-1": "👎"}.get(reaction, reaction)


def _coloured(line: str, *, is_terminal: Callable[[], bool] = sys.stdout.isatty) -> str:
    colour = {"+": "32", "-": "31", "@": "36"}.get(line[:1])
    return f"\x1b[{colour}m{line}\x1b[0m" if colour and is_terminal() else line
