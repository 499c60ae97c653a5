"""pydantic-ai, as its documentation makes an agent with a tool: `use_pydantic_ai.py URL FOLDER`.

It brings no shell; a function that runs one is the tool.
"""

import subprocess
import sys

from pydantic_ai import Agent, UsageLimits
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

url, folder = sys.argv[1:]


def bash(command: str) -> str:
    """Run a command in the repository."""
    done = subprocess.run(["bash", "-c", command], check=False, cwd=folder, capture_output=True, text=True, timeout=120)
    return f"[exit code {done.returncode}]\n{done.stdout}{done.stderr}"


agent = Agent(
    OpenAIChatModel("scripted", provider=OpenAIProvider(base_url=url, api_key="none")),
    instructions="You change repositories with a shell.",
    tools=[bash],
)
agent.run_sync("Make everything new.", usage_limits=UsageLimits(request_limit=None))
