"""Alerts, dashboard and the adapter's rule ask for figures that there are, and an alert comes when it should."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from app.core.run import Status
from app.web.metrics import FAMILIES

pytestmark = pytest.mark.house
ROOT: Final = Path(__file__).parents[2]
FOLDER: Final = ROOT / "manifests/monitoring"
RULES: Final[list[dict[str, Any]]] = yaml.safe_load((FOLDER / "alerts.yaml").read_text("utf-8"))["groups"][0]["rules"]
PROMTOOL: Final = shutil.which("promtool")


def dashboard() -> list[str]:
    panels = json.loads((FOLDER / "dashboard.json").read_text("utf-8"))["panels"]
    return [target["expr"] for panel in panels for target in panel["targets"]]


def asked() -> str:
    (rule,) = yaml.safe_load((FOLDER / "adapter.yaml").read_text("utf-8"))["externalRules"]
    return "\n".join([rule["seriesQuery"], rule["metricsQuery"], *dashboard(), *(one["expr"] for one in RULES)])


def test_only_figures_that_there_are_are_asked_for() -> None:
    found = set(re.findall(r"\bminions_[a-z_]+\b", asked()))
    assert found <= set(FAMILIES)


def test_every_figure_is_seen_on_the_dashboard_or_heard_of_by_an_alert() -> None:
    assert set(FAMILIES) - set(re.findall(r"\bminions_[a-z_]+\b", asked())) == {"minions_last_delivery_seconds"}


def test_only_statuses_that_a_run_can_have_are_asked_for() -> None:
    said = re.findall(r'status=~?"([^"]+)"', asked())
    assert len(said) > 3
    assert {one for words in said for one in words.split("|")} <= {str(one) for one in Status}


def test_what_every_web_server_tells_of_the_whole_installation_is_never_summed_over_them() -> None:
    """Only deliveries are each server's own."""
    for line in [*dashboard(), *(one["expr"] for one in RULES)]:
        inside = re.findall(r"sum(?: by \(([^)]*)\))? \((?:rate|delta|increase|minions)", line)
        assert all("instance" in by or "minions_deliveries" in line for by in inside), line


def test_every_alert_leads_to_the_runbook() -> None:
    text = (ROOT / "docs/operating.md").read_text("utf-8")
    places = {
        re.sub(r"[^a-z -]", "", line.lower()).strip().replace(" ", "-") for line in re.findall(r"(?m)^#+ (.*)$", text)
    }
    assert {rule["annotations"]["runbook"].partition("#")[2] for rule in RULES} <= places


CASES: Final = {
    # Two web servers tell the same; five of ten that ended within the hour failed.
    "MinionsRunsFail": (
        {
            f'minions_runs{{blueprint="fix",status="{status}",instance="{server}"}}': f"{begin}+{rise}x60"
            for server in "ab"
            for status, begin, rise in (("failed", 100, 0.1), ("done", 900, 0.1))
        },
        True,
    ),
    "MinionsRunsFail: two of two, which says little": (
        {
            f'minions_runs{{blueprint="fix",status="{status}",instance="{server}"}}': f"{begin}+{rise}x60"
            for server in "ab"
            for status, begin, rise in (("failed", 100, 2 / 60), ("done", 900, 0))
        },
        False,
    ),
    "MinionsNotSeen": ({}, True),
    "MinionsNotSeen: one is there": ({'minions_database_up{instance="a"}': "1x60"}, False),
    "MinionsDatabaseDown": ({'minions_database_up{instance="a"}': "0x60"}, True),
    "MinionsNoWorkers": ({'minions_workers{instance="a"}': "0x60"}, True),
    "MinionsEventsMissing": ({'minions_undelivered{instance="a"}': "2x60"}, True),
    "MinionsEventsMissing: all came": (
        {'minions_undelivered{instance="a"}': "0x60", 'minions_last_look_seconds{instance="a"}': "200x60"},
        False,
    ),
    "MinionsClockOff": ({'minions_clock_off_seconds{instance="a"}': "-90x60"}, True),
}


@pytest.mark.skipif(not PROMTOOL, reason="promtool of Prometheus is not installed")
def test_alerts_come_when_they_should_and_at_no_other_time(tmp_path: Path) -> None:
    """By Prometheus' own test of rules: each case is an hour of figures."""
    tests = [
        {
            "interval": "1m",
            "input_series": [{"series": series, "values": values} for series, values in figures.items()],
            "promql_expr_test": [
                {
                    "expr": f'count(ALERTS{{alertname="{name.partition(":")[0]}",alertstate="firing"}}) or vector(0)',
                    "eval_time": "60m",
                    "exp_samples": [{"value": int(comes)}],
                }
            ],
        }
        for name, (figures, comes) in CASES.items()
    ]
    file = tmp_path / "cases.yaml"
    file.write_text(yaml.safe_dump({"rule_files": [str(FOLDER / "alerts.yaml")], "tests": tests}))
    done = subprocess.run([str(PROMTOOL), "test", "rules", str(file)], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
