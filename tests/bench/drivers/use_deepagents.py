"""deepagents, as its documentation sets up a coding agent on this machine: `use_deepagents.py URL FOLDER`."""

import sys

from deepagents import create_deep_agent
from deepagents.backends import LocalShellBackend
from langchain_openai import ChatOpenAI

url, folder = sys.argv[1:]
agent = create_deep_agent(
    model=ChatOpenAI(model="scripted", base_url=url, api_key="none"),
    backend=LocalShellBackend(root_dir=folder, inherit_env=True),
    system_prompt="You change repositories with a shell.",
)
agent.invoke({"messages": [{"role": "user", "content": "Make everything new."}]}, {"recursion_limit": 9_999})
