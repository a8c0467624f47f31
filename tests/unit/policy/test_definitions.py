"""Mistakes in rule files get one clear error; the standard rules keep what they promise."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
import yaml

from tests.unit.policy.world import KEY, STANDARD, TODAY, WORDS, policy
from zhike.kernel.definitions import read_definitions
from zhike.kernel.errors import BadInput
from zhike.policy import read_policy

GATE = {
    "zh": "测试", "en": "Test", "jurisdiction": "CN", "stage": "hard", "pass_when": {"field": "age", "at_least": 18}, "reason_zh": "不可", "reason_en": "no",
    "effective_from": dt.date(2020, 1, 1), "source": "test", "verified": True,
}  # fmt: skip


def _read(folder: Path, kind: str, body: dict, *, jurisdiction: str = "CN"):
    (folder / kind).mkdir(parents=True)
    (folder / kind / "a.yaml").write_text(yaml.safe_dump({"mine": body}, allow_unicode=True), encoding="utf-8")
    (folder / "parameters.yaml").write_text(f"jurisdiction: {{value: {jurisdiction}}}\n", encoding="utf-8")
    return read_policy(read_definitions([folder]), WORDS, timezone="Asia/Shanghai", key=KEY)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"reson_zh": "x"}, "did you mean reason_zh"),
        ({"stage": "content"}, "regulations, not by gates"),
        ({"pass_when": {"field": "agee", "at_least": 18}}, "did you mean age"),
        ({"pass_when": {"tag": "customer_tier"}}, "customer_tier"),
        ({"jurisdiction": "China"}, "jurisdiction"),
        ({"source": ""}, "source"),
        ({"effective_from": "soon"}, "effective_from"),
        ({"pass_when": {"field": "product_risk_level", "at_most": 3}, "channels": ["sms"]}, "policy.gate_mixed"),
    ],
)
def test_a_malformed_gate_names_file_line_and_what_is_wrong(tmp_path, change, says):
    with pytest.raises(BadInput) as error:
        _read(tmp_path, "gates", {**GATE, **change})
    assert says in str(error.value)
    assert "mine" in str(error.value)


@pytest.mark.parametrize(
    "body",
    [
        {"caps": [{"key": "k", "zh": "k", "en": "k", "at_most": 1, "window": {}}]},
        {"caps": [{"key": "k", "zh": "k", "en": "k", "at_most": -1, "window": {"calendar": "day"}}]},
        {"holidays": [{"zh": "h", "en": "h", "from_on": dt.date(2025, 2, 2), "to_on": dt.date(2025, 2, 1)}]},
        {"quiet_hours": [{"from": "25:00", "to": "08:00"}]},
    ],
)
def test_a_malformed_contact_policy_is_refused(tmp_path, body):
    common = {k: GATE[k] for k in ("zh", "en", "jurisdiction", "effective_from", "source", "verified")}
    with pytest.raises(BadInput, match="contact_policy_malformed"):
        _read(tmp_path, "contact_policies", {**common, **body})


def test_a_broken_pattern_is_refused(tmp_path):
    common = {
        k: GATE[k]
        for k in ("zh", "en", "jurisdiction", "effective_from", "source", "verified", "reason_zh", "reason_en")
    }
    with pytest.raises(BadInput, match="regulation_malformed"):
        _read(tmp_path, "regulations", {**common, "forbidden_patterns": [{"pattern": "("}]})


def test_a_key_that_is_too_short_signs_nothing():
    with pytest.raises(BadInput, match=r"policy\.key_short"):
        read_policy(read_definitions([STANDARD]), WORDS, timezone="Asia/Shanghai", key=b"short")


def test_a_waived_gate_is_switched_off_and_listed(tmp_path):
    told = _read(tmp_path, "gates", {**GATE, "waived_because": "no birth dates in this bank"})
    assert told.on(TODAY).gates == ()
    assert [g.ref.key for g in told.waived] == ["mine"]


def test_every_standard_rule_says_where_it_stands_and_in_both_languages():
    rules = [
        *(g.definition for g in policy().gates),
        *(p.definition for p in policy().contact_policies),
        *(r.definition for r in policy().regulations),
    ]
    assert len(rules) > 40
    for rule in rules:
        assert rule.zh, rule.key
        assert rule.en, rule.key
        assert rule.source, rule.key
        assert rule.effective_to is None or rule.effective_from <= rule.effective_to, rule.key
    assert any(not r.verified for r in rules)


def test_no_day_is_without_a_suitability_rule():
    for day in (dt.date(2020, 1, 1), dt.date(2026, 1, 31), dt.date(2026, 2, 1), dt.date(2030, 1, 1)):
        assert sum(g.ref.key.startswith("risk_match") for g in policy().on(day).gates) == 1
