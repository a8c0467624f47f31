"""The ten minutes of docs/get-started.md, with its own files and commands, from an empty folder to an explained decision."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import DOCS, examples
from tests.docs.test_definitions_shown import files_of_get_started

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]
ZHIKE = (sys.executable, "-c", "from zhike.cli.main import main; main()")


def zhike(*words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder, as a shell would."""
    environment = {**os.environ, "ZHIKE_LANGUAGE": "en"}
    return subprocess.run([*ZHIKE, *words], cwd=folder, capture_output=True, text=True, check=False, env=environment)


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project of the page, run once."""
    place = tmp_path_factory.mktemp("get-started")
    assert zhike("init", "mybank", "--name", "My Bank", folder=place).returncode == 0
    project = place / "mybank"
    files_of_get_started(project)
    for words in (("check",), ("apply", "--by", "wang")):
        done = zhike(*words, folder=project)
        assert done.returncode == 0, done.stderr
    refused = zhike("approve", "all", "--by", "wang", folder=project)
    assert (refused.returncode, "definition.self_approval" in refused.stderr) == (2, True)
    for words in (("approve", "all", "--by", "li"), ("run", "--as-of", "2025-03-31", "--quiet")):
        done = zhike(*words, folder=project)
        assert done.returncode == 0, done.stderr
    return project


@pytest.mark.requirement("K5")
def test_the_plan_and_the_reasons_are_those_of_the_page(bank: Path):
    lines = next(e for e in examples(DOCS / "get-started.md") if e.kind == "python noexec").content
    told = subprocess.run([sys.executable, "-c", lines], cwd=bank, capture_output=True, text=True, check=True).stdout
    for words in (
        "deposit_maturity cash_management suitable risk_test_valid",
        "deposit_maturity large_cd arbitration campaign.ranked_lower",
        "deposit_maturity renew_term_deposit final None",
        "deposit_maturity renew_term_deposit eligible marketing_consent",
        "deposit_maturity renew_term_deposit eligible minor",
    ):
        assert words in told


@pytest.mark.requirement("F3")
def test_a_decision_is_explained_and_reproduced(bank: Path):
    from zhike.pipeline.catalogue import opened
    from zhike.pipeline.project import open_project

    with opened(open_project(bank)) as o:
        customer = o.rows(o.tables["candidate"])[0]["customer_id"]
    told = zhike("explain", customer, "--json", folder=bank)
    assert told.returncode == 0, told.stderr
    decisions = json.loads(told.stdout)
    assert decisions
    assert all(d["is_reproduced"] for d in decisions)


@pytest.mark.parametrize(
    "words",
    [("tags", "list"), ("tags", "count", "customer_tier"), ("segments", "count", "maturing_pool"), ("report",), ("audit",),
     ("models", "list"), ("lineage", "next_action", "deposit_maturity")],
    ids=" ".join,
)  # fmt: skip
def test_what_the_page_looks_into_can_be_looked_into(bank: Path, words: tuple[str, ...]):
    done = zhike(*words, folder=bank)
    assert done.returncode == 0, done.stderr


def test_a_changed_threshold_changes_what_uses_it_and_waits_for_somebody_else(bank: Path):
    (bank / "conf" / "parameters.yaml").write_text("tier_wealth_amount: 100000\n", encoding="utf-8")
    told = zhike("apply", "--by", "wang", "--json", folder=bank)
    assert told.returncode == 0, told.stderr
    changed = {(c["action"], c["kind"], c["key"]) for c in json.loads(told.stdout)["changes"]}
    assert changed == {
        ("changed", "parameters", "all"), ("changed", "tag", "customer_tier"), ("changed", "tag", "downgrade_risk"), ("changed", "tag", "near_upgrade"),
        ("changed", "tag", "wealthy_household"),
    }  # fmt: skip
    assert zhike("approve", "tag", "customer_tier", "--by", "wang", folder=bank).returncode == 2
    assert zhike("approve", "tag", "customer_tier", "--by", "li", folder=bank).returncode == 0
