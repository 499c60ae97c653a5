"""mini-swe-agent, as its `mini` command and its Python example use it: `use_mini.py URL FOLDER`.

Like the command, it saves the trajectory after each step.
"""

import os
import sys
import tempfile
from pathlib import Path

os.environ["MSWEA_SILENT_STARTUP"] = "1"
os.environ["MSWEA_COST_TRACKING"] = "ignore_errors"  # the scripted model has no price
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # otherwise it asks the internet first

import yaml
from minisweagent import package_dir
from minisweagent.agents.default import DefaultAgent
from minisweagent.environments.local import LocalEnvironment
from minisweagent.models.litellm_model import LitellmModel

url, folder = sys.argv[1:]
settings = yaml.safe_load(Path(package_dir / "config" / "mini.yaml").read_text())
known = {"system_template", "instance_template"}
agent = {name: value for name, value in settings["agent"].items() if name in known}
model = {name: value for name, value in settings["model"].items() if name != "model_kwargs"}
with tempfile.TemporaryDirectory() as saved:
    DefaultAgent(
        LitellmModel(model_name="openai/scripted", model_kwargs={"api_base": url, "api_key": "none"}, **model),
        LocalEnvironment(cwd=folder, **settings["environment"]),
        output_path=Path(saved) / "trajectory.json",
        cost_limit=0,
        **agent,
    ).run("Make everything new.")
