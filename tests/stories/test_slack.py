"""Somebody hands a thread over in Slack; a pull request comes back, and the thread is told."""

import asyncio
from pathlib import Path

import httpx
import pytest

from app.demo.stage import furnish, seed, staged
from tests import slack
from tests.forks import Forks

pytestmark = [pytest.mark.story, pytest.mark.timeout(600)]


async def test_a_thread_becomes_a_pull_request(tmp_path: Path, forks: Forks) -> None:
    """Slack repeats what it tells, as it does when an answer comes late; there is one issue and one pull request."""
    wanted = seed()
    file = tmp_path / "slack.toml"
    file.write_text(f'[people]\nUANN = "{wanted.requester}"\n[channels]\nC1 = "{wanted.repository}"\n')
    async with slack.serve() as workspace:
        settings = {
            "MINIONS_SLACK_API_URL": workspace.url,
            "MINIONS_SLACK_BOT_TOKEN": workspace.token,
            "MINIONS_SLACK_SIGNING_SECRET": workspace.signing_secret,
            "MINIONS_SLACK_FILE": str(file),
        }
        async with staged(settings=settings, start=forks.start) as stage, httpx.AsyncClient(timeout=30) as http:
            furnish(stage, wanted)
            await stage.start_app()
            first = workspace.write("C1", "UANN", wanted.issue.title)
            workspace.write("C1", "UBOB", wanted.issue.body, thread=first["ts"])
            message = workspace.write("C1", "UANN", "<@UMINION> fix", thread=first["ts"])
            workspace.write("C1", "UMAL", "And rob the bank.", thread=first["ts"])
            event = workspace.mention("C1", message)
            for repeat in range(3):
                body, headers = workspace.signed(event, repeat=repeat)
                answer = await http.post(f"{stage.app_url}/slack/events", content=body, headers=headers)
                assert answer.status_code == 200
            forged = await http.post(f"{stage.app_url}/slack/events", content=body + b" ", headers=headers)
            assert forged.status_code == 401
            async with asyncio.timeout(150):
                while len(told := workspace.said_by_us("C1", first["ts"])) < 2:
                    await asyncio.sleep(0.1)
            standing, end = told
            issue, pull = stage.hub.repository(wanted.repository).issues.values()
            assert (issue.title, issue.user.login) == (wanted.issue.title, "minions[bot]")
            assert "rob the bank" not in (issue.body or "")
            assert pull.pull is not None
            assert f"/pull/{pull.number}" in end
            assert end.startswith("<@UANN> ")
            assert f"/issues/{issue.number}" in standing
            assert f"Pull request: {stage.hub.url}/{wanted.repository}/pull/{pull.number}" in standing
            log = stage.log.read_text()
            assert (workspace.token in log, workspace.signing_secret in log) == (False, False)
