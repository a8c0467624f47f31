"""A bank of five customers with a project of its own definitions: small enough to run again and again."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

FIRST_NIGHT, SECOND_NIGHT = "2025-03-31", "2025-04-01"

FILES = {
    "customers.csv": """\
CUST_NO,CUST_TYPE,CUST_NAME,ID_NO,BIRTH_DT,MOBILE,OPEN_DATE
1001,1,张三丰,11010519880701002X,1988-07-01,13800000001,2024-03-01
1002,1,李四光,110105197503120038,1975-03-12,13800000002,2024-05-01
1003,1,王五岳,110105196603120036,1966-03-12,13800000003,2024-04-01
1004,2,赵六合,110105199011050031,1990-11-05,13800000004,2024-07-01
1005,1,孙七夕,110105196001200037,1960-01-20,13800000005,2024-08-01
""",
    "accounts.csv": """\
ACCT_NO,CUST_NO,PROD_CD,OPEN_DATE
A1,1001,DD,2024-03-01
A2,1002,DD,2024-05-01
A3,1003,TD1,2024-04-25
A4,1004,DD,2024-07-01
A5,1005,DD,2024-08-01
""",
    "balances.csv": """\
ACCT_NO,FROM_DATE,BAL_CENTS
A1,2025-01-01,800000
A2,2025-01-01,120000
A3,2025-01-01,5000000
A4,2025-01-01,90000
A5,2025-01-01,60000
""",
    "consent.csv": """\
CUST_NO,CHANNEL,STATE,ON_DATE
1001,sms,1,2024-03-01
1002,sms,1,2024-05-01
1003,sms,1,2024-04-25
""",
}

MAPPING = """\
version: 1
calendar: {first_day: 2025-01-01}
tables:
  - name: customers
    source: core
    to: source_party
    file: customers.csv
    columns:
      source_key: CUST_NO
      party_kind: {column: CUST_TYPE, values: {"1": person, "2": sole_trader, "3": company}}
      name: CUST_NAME
      id_type: {constant: resident_id}
      id_number: ID_NO
      birth_on: BIRTH_DT
      mobile: MOBILE
      valid_from_on: OPEN_DATE
      recorded_at: {day_end: valid_from_on}
  - name: products
    to: product
    rows:
      - {id: DD, name: 活期, class: demand}
      - {id: TD1, name: 一年定期, class: term}
    columns: {product_id: id, name: name, family: {constant: deposit}, product_class: class, counts_in_aum: {constant: true}}
  - name: accounts
    to: account
    file: accounts.csv
    columns:
      account_id: ACCT_NO
      product_id: PROD_CD
      account_kind: {column: PROD_CD, values: {DD: demand, TD1: term}}
      opened_on: OPEN_DATE
      recorded_at: {day_end: opened_on}
  - name: owners
    source: core
    to: account_party
    file: accounts.csv
    columns:
      account_id: ACCT_NO
      source_key: CUST_NO
      role: {constant: owner}
  - name: balances
    to: balance_daily
    file: balances.csv
    columns:
      account_id: ACCT_NO
      "on": FROM_DATE
      balance_amount: {column: BAL_CENTS, unit: 0.01}
      recorded_at: {day_end: "on"}
  - name: consent
    source: core
    to: consent_record
    file: consent.csv
    columns:
      source_key: CUST_NO
      channel: CHANNEL
      purpose: {constant: marketing}
      state: {column: STATE, values: {"1": granted, "0": withdrawn}}
      "on": ON_DATE
      recorded_at: {day_end: "on"}
"""

DEFINITIONS = {
    "parameters.yaml": """\
jurisdiction: CN
aum_classes: [demand, term]
external_counterparties: [other_bank]
older_years: {value: 45, unit: years, zh: 年长, en: From this age on}
""",
    "features/basic.yaml": """\
party_kind: {zh: 客户类型, en: Customer kind, meaning_zh: 个人、个体工商户或企业, meaning_en: "Person, trader or company", value: code, personal: none, attribute: party_kind}
birth_on: {zh: 出生日期, en: Born on, meaning_zh: 出生日期, meaning_en: Birth date, value: day, attribute: birth_on}
age: {zh: 年龄, en: Age, meaning_zh: 周岁, meaning_en: Full years, value: integer, unit: years, derive: "years_between(birth_on, as_of)"}
""",
    "tags/life.yaml": """\
# Who is older.
older:
  zh: 年长
  en: Older
  meaning_zh: 年满四十五岁
  meaning_en: Forty-five or older
  family: value
  kind: rule
  subjects: [person]
  owner: retail_marketing
  version: 1
  refresh: day
  use: marketing
  sensitivity: none
  when: {field: age, at_least: $older_years}
""",
    "segments/life.yaml": """\
older_persons:
  zh: 年长客户
  en: Older persons
  meaning_zh: 带年长标签者
  meaning_en: Those who carry the tag older
  subjects: [person]
  owner: retail_marketing
  when: {tag: older}
global_exclusion:
  zh: 全局排除
  en: Global exclusion
  meaning_zh: 任一渠道均不可营销者
  meaning_en: Those who may be contacted on no channel
  subjects: [person, sole_trader, company]
  owner: compliance
  is_pinned: true
  when: {contactable: marketing, negate: true}
""",
    "gates/consent.yaml": """\
marketing_consent:
  zh: 营销须经同意
  en: Marketing needs consent
  jurisdiction: CN
  stage: consent
  order: 10
  is_legal_basis: true
  subject: recipient
  purposes: [marketing]
  pass_when: {field: consent_state, is: granted}
  reason_zh: 未取得同意
  reason_en: no consent
  effective_from: 2015-09-01
  source: 《中华人民共和国广告法》
  article: "43"
  verified: true
""",
}

PERSONAL = tuple(
    word
    for line in FILES["customers.csv"].splitlines()[1:]
    for column, word in enumerate(line.split(","))
    if column in (2, 3, 4, 5)
)  # names, document numbers, birth dates, telephone numbers: none of them may ever be printed


@dataclass(frozen=True, slots=True)
class Bank:
    """The project under ``folder``, whose files a test may spoil."""

    folder: Path

    @property
    def manifests(self) -> dict[str, bytes]:
        """What is published: every manifest, byte by byte."""
        place = self.folder / ".zhike" / "warehouse"
        found = [*place.glob("manifest.json"), *place.glob("manifests/*.json")]
        return {p.name: p.read_bytes() for p in found}

    def replace(self, name: str, old: str, new: str, *, encoding: str = "utf-8") -> None:
        """Replace one text of a file, which must be there exactly once."""
        path = self.folder / name
        text = path.read_text(encoding="utf-8")
        if text.count(old) != 1:
            raise ValueError(f"{old!r} stands {text.count(old)} times in {name}")
        path.write_text(text.replace(old, new), encoding=encoding)

    def add(self, name: str, text: str) -> None:
        """Write text at the end of a file."""
        with (self.folder / name).open("a", encoding="utf-8") as stream:
            stream.write(text)

    def write(self, name: str, content: str | bytes) -> None:
        """Write a file anew."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())


def fill(folder: Path) -> Bank:
    """Write the bank's files and definitions into a project that ``zhike init`` has made."""
    bank = Bank(folder)
    for name, text in FILES.items():
        bank.write(f"data/{name}", text)
    for name, text in DEFINITIONS.items():
        bank.write(f"conf/{name}", text)
    bank.write("mapping.yaml", MAPPING)
    bank.replace("zhike.toml", "standard_pack = true ", "standard_pack = false ")
    bank.replace("zhike.toml", 'definitions_approval = "four_eyes" ', 'definitions_approval = "on_apply" ')
    return bank


def copy(bank: Bank, folder: Path) -> Bank:
    """Return a copy that may be spoilt."""
    shutil.copytree(bank.folder, folder, symlinks=True)
    return Bank(folder)


__all__ = ["FILES", "FIRST_NIGHT", "PERSONAL", "SECOND_NIGHT", "Bank", "copy", "fill"]
