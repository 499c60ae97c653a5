"""What an operator applies is what the program is."""

import json
import re
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from jsonschema import Draft202012Validator
from pydantic import SecretStr

from app.core.app_manifest import Created
from app.core.errors import ConfigError
from app.core.repo_config import RepoConfig
from app.core.repo_schema import schema
from app.core.vitals import Vitals
from app.settings import Settings
from app.web.metrics import FAMILIES
from app.web.setup import variables

ROOT = Path(__file__).parents[2]
MANIFESTS = ROOT / "manifests"
OBJECTS = [
    pytest.param(thing, id=f"{path.stem}-{thing['kind']}-{thing.get('metadata', {}).get('name', '')}")
    for path in sorted((MANIFESTS / "kubernetes").glob("*.yaml"))
    for thing in yaml.safe_load_all(path.read_text("utf-8"))
]
APPLIED = [one for one in OBJECTS if one.values[0]["kind"] != "Kustomization"]  # type: ignore[index]

pytestmark = pytest.mark.house


@pytest.mark.parametrize("thing", APPLIED)
def test_kubernetes_knows_every_field(thing: dict[str, Any]) -> None:
    kubernetes_validate.validate(thing, "1.33", strict=True)  # type: ignore[attr-defined]


def test_everything_is_applied_but_the_example() -> None:
    listed = yaml.safe_load((MANIFESTS / "kubernetes/kustomization.yaml").read_text("utf-8"))["resources"]
    there = {path.name for path in (MANIFESTS / "kubernetes").glob("*.yaml")}
    assert there - set(listed) == {"kustomization.yaml", "secret.example.yaml"}


@pytest.mark.parametrize("thing", [one for one in APPLIED if one.values[0]["kind"] in {"Deployment", "StatefulSet"}])  # type: ignore[index]
def test_nothing_runs_as_root_or_writes_to_its_image(thing: dict[str, Any]) -> None:
    pod = thing["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["automountServiceAccountToken"] is False
    for container in pod["containers"]:
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert container["securityContext"]["allowPrivilegeEscalation"] is False
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert container["resources"]["limits"]["memory"]


def kind(name: str, manifest: str = "Deployment") -> Any:
    found = yaml.safe_load_all((MANIFESTS / f"kubernetes/{name}.yaml").read_text("utf-8"))
    return next(one for one in found if one["kind"] == manifest)


def test_workers_are_scaled_by_what_the_adapter_is_told_to_make_of_our_figures() -> None:
    scaler = kind("scaling", "HorizontalPodAutoscaler")["spec"]
    (rule,) = yaml.safe_load((MANIFESTS / "monitoring/adapter.yaml").read_text("utf-8"))["externalRules"]
    (external,) = [one["external"] for one in scaler["metrics"]]
    assert external["metric"]["name"] == rule["name"]["as"]
    assert int(external["target"]["averageValue"]) == Settings.model_fields["concurrency"].default
    assert "running" in rule["metricsQuery"], "an empty queue is no reason to take busy workers away"
    worker = kind("worker", scaler["scaleTargetRef"]["kind"])
    assert "replicas" not in worker["spec"], "with each `kubectl apply` it would undo what the scaler did"


def test_a_worker_is_waited_for_until_it_has_handed_over() -> None:
    drain_s = Settings.model_fields["drain_s"].default
    assert kind("worker", "StatefulSet")["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] == drain_s + 20


def test_a_web_server_that_changes_large_tables_is_not_killed_meanwhile() -> None:
    (web,) = kind("web")["spec"]["template"]["spec"]["containers"]
    probe = web["startupProbe"]
    assert probe["periodSeconds"] * probe["failureThreshold"] >= 600
    assert [web[f"{which}Probe"]["httpGet"]["path"] for which in ("startup", "liveness", "readiness")] == [
        *("/healthz", "/healthz", "/readyz")
    ]


def test_every_setting_that_is_named_exists() -> None:
    known = {f"MINIONS_{name.upper()}" for name in Settings.model_fields}
    texts = [path.read_text("utf-8") for path in MANIFESTS.rglob("*") if path.suffix in {".yaml", ".md"}]
    named = set(re.findall(r"\bMINIONS_[A-Z_]+\b", "\n".join(texts))) - {"MINIONS_IMAGE"}
    assert named <= known


def test_the_schema_is_that_of_the_program() -> None:
    assert json.loads((MANIFESTS / "minion.schema.json").read_text("utf-8")) == schema()
    Draft202012Validator.check_schema(schema())


def test_an_editor_can_say_what_each_key_is_for() -> None:
    keys = {**schema()["properties"], **schema()["$defs"]["Schedule"]["properties"]}
    assert [name for name, one in keys.items() if not one.get("description")] == []


@pytest.mark.parametrize(
    ("text", "is_good"),
    [
        ("test: pytest -q", True),
        ("test: [pytest -q, ruff check]\nlint: ruff format", True),
        ("test: []", True),
        ("tests: pytest", False),
        ("max_files: many", False),
        ("allow: everything", False),
        ("allow: [tests, locks]", True),
        ("allow: locks", True),
        ("image: 'a b'", False),
        ("suggest: flaky", True),
        ("suggest: [flaky, failed on main]", True),
        ("suggest: everything", False),
        ("schedules: [{cron: 30 3 * * mon, title: Update, login: ann}]", True),
        ("schedules: [{cron: '* * * * *', title: Update, login: ann}]", False),
        ("max_files: 1.5", False),
        ("test_timeout_s: 1.5", True),
        ("open_pulls: 0", False),
    ],
)
def test_the_schema_tells_good_files_from_bad_ones(text: str, *, is_good: bool) -> None:
    """As the program itself does."""
    said = yaml.safe_load(text)
    assert Draft202012Validator(schema()).is_valid(said) is is_good
    with nullcontext() if is_good else pytest.raises(ConfigError):
        RepoConfig.parse(said)


def test_all_that_readiness_tells_is_in_the_documentation() -> None:
    section = (ROOT / "docs/operating.md").read_text("utf-8").split("\n| `/readyz` |")[1].split("\n\n")[0]
    assert set(re.findall(r"(?m)^\| `([a-z_]+)` \|", section)) == {"runs", *Vitals.model_fields}


def test_every_metric_is_in_the_documentation() -> None:
    rows = re.findall(r"(?m)^\| `(minions_[a-z_]+)` \| (.*?) \|$", (ROOT / "docs/operating.md").read_text("utf-8"))
    assert dict(rows) == FAMILIES


def test_an_app_that_was_made_in_the_browser_has_its_place_in_the_secret() -> None:
    example = yaml.safe_load((MANIFESTS / "kubernetes/secret.example.yaml").read_text("utf-8"))
    made = Created(
        slug="m",
        html_url="https://github.test/m",
        id=1,
        client_id="i",
        client_secret=SecretStr("s"),
        pem=SecretStr("p"),
        webhook_secret=SecretStr("w"),
    )
    assert {name for name, _ in variables(made)} <= set(example["stringData"])


def test_the_ports_of_everything_that_is_called_are_let_through() -> None:
    """GitHub and models, PostgreSQL, the collector of traces; and never where clouds tell credentials."""
    (policy,) = [
        one
        for one in yaml.safe_load_all((MANIFESTS / "kubernetes/network.yaml").read_text("utf-8"))
        if one["spec"]["policyTypes"] == ["Egress"]
    ]
    names, others = policy["spec"]["egress"]
    assert {one["port"] for one in names["ports"]} == {53}
    assert {one["port"] for one in others["ports"]} == {443, 5432, 4318}
    assert others["to"][0]["ipBlock"]["except"] == ["169.254.0.0/16"]
    (into,) = [
        one["spec"]["ingress"]
        for one in yaml.safe_load_all((MANIFESTS / "kubernetes/network.yaml").read_text("utf-8"))
        if "ingress" in one["spec"]
    ]
    port = kind("web")["spec"]["template"]["spec"]["containers"][0]["ports"][0]["containerPort"]
    assert into == [{"ports": [{"port": port}]}]
    assert port == Settings.model_fields["port"].default
