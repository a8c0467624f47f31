"""How well mentions of companies are linked, against the truth of simulated banks: pairwise precision, recall and F1.

Records are the companies' records of the bank's systems, distinct sides of invoices, and names in call notes; a pair of records is
right when both mean the same company. Names in notes that were not found stand alone; what was taken for a name and is none means
a company of its own.

    python bench/companies.py --customers 20000 --seeds 1 2 3
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

LAST_DAY = date(2025, 6, 30)
TABLES = (
    "source_party", "invoice", "text", "party_relation", "company_contact", "product", "account", "account_party", "payroll_agreement",
    "payroll_item",
)  # fmt: skip


def link_bank(
    folder: Path, work: Path
) -> tuple[Mapping[str, list[dict[str, Any]]], dict[str, float], Mapping[str, Any]]:
    """Return identity_link, company_mention and outside_company of a simulated bank, seconds per step, and what mentions reported."""
    from zhike.identity import IdentitySettings
    from zhike.identity import steps as identity_steps
    from zhike.identity.tables import OWNS
    from zhike.kernel.clock import SystemClock
    from zhike.sources import open_mapping
    from zhike.sources import steps as source_steps
    from zhike.sources.tables import OWNS as SOURCES
    from zhike.warehouse import RunPlan, Warehouse, open_catalog, open_engine, run_steps
    from zhike.warehouse.contracts import contract_by_name

    contracts = contract_by_name((*SOURCES, *OWNS))
    mapping = open_mapping(folder / "mapping.yaml", contracts)
    loading = source_steps(mapping, folder / "data", LAST_DAY, contracts)
    plan = [s for s in loading if s.key in {f"load:{t}" for t in TABLES}]
    settings = IdentitySettings()
    wanted = ("identity:standardise", "identity:link", "identity:customer", "identity:accounts", "identity:mentions")
    plan += [s for s in identity_steps(settings=settings, overrides=[], key=b"secret") if s.key in wanted]
    engine, warehouse, seconds = open_engine(threads=2, memory="3GB"), Warehouse(work / "warehouse"), {}
    result = run_steps(
        warehouse, engine, RunPlan(plan, contracts, LAST_DAY), clock=SystemClock(), results=work / "runs"
    )
    for step in result.steps:
        seconds[step.key] = step.seconds
    manifest = warehouse.current()
    assert manifest is not None
    tables = open_catalog(engine, warehouse, contracts, manifest.entries)
    rows = {t: engine.fetch(tables[t]).to_pylist() for t in ("identity_link", "company_mention", "outside_company")}
    engine.close()
    return rows, seconds, next(s.metrics for s in result.steps if s.key == "identity:mentions")


def records(folder: Path, tables: Mapping[str, list[dict[str, Any]]]) -> list[tuple[str, str, str, str]]:
    """Return (record, what it is, company found, true company) of every record of a company; "" where nothing was found."""
    truth = {
        (r["source"], r["source_key"]): r["true_party"]
        for r in pq.read_table(folder / "truth/party.parquet").to_pylist()
    }
    companies = {r["true_party"] for r in pq.read_table(folder / "truth/registered_company.parquet").to_pylist()}
    source_kinds = _company_records(folder)
    found: list[tuple[str, str, str, str]] = []
    for row in tables["identity_link"]:
        key = (row["source"], row["source_key"])
        if key in source_kinds and truth.get(key) in companies:
            found.append((f"{key}", row["source"], row["customer_id"], str(truth[key])))
    sides, notes = _true_mentions(folder)
    seen: set[tuple[str, int]] = set()
    for row in tables["company_mention"]:
        company = row["customer_id"] or row["outside_id"] or ""
        if row["kind"] == "invoice_side":
            parties = sides[(row["source_key"] or "", row["name"] or "", row["tax_id"] or "")]
            found.append((row["mention_id"], "invoice_side", company, str(parties.most_common(1)[0][0])))
        else:
            start = next(
                (
                    s
                    for s, w, _ in notes[row["text_id"]]
                    if s < row["start"] + len(row["name"]) and row["start"] < s + len(w)
                ),
                -1,
            )
            party = next((str(p) for s, _, p in notes[row["text_id"]] if s == start), f"none:{row['mention_id']}")
            found.append((row["mention_id"], "call_note", company, party))
            seen.add((row["text_id"], start))
    missed = [
        (f"{t}:{s}", "call_note", "", str(p)) for t, named in notes.items() for s, _, p in named if (t, s) not in seen
    ]
    return found + missed


def _company_records(folder: Path) -> set[tuple[str, str]]:
    """Return the records that their source calls a company's."""
    core = pq.read_table(next(folder.glob("data/*/CORE_CUST.parquet")), columns=["CUST_NO", "CUST_TYPE"]).to_pylist()
    callers = pq.read_table(
        next(folder.glob("data/*/CCS_CALLER.parquet")), columns=["CALLER_ID", "CALLER_TP"]
    ).to_pylist()
    return {("core", r["CUST_NO"]) for r in core if r["CUST_TYPE"] == "3"} | {
        ("call_centre", r["CALLER_ID"]) for r in callers if r["CALLER_TP"] == "E"
    }


def _true_mentions(
    folder: Path,
) -> tuple[dict[tuple[str, str, str], Counter[int]], dict[str, list[tuple[int, str, int]]]]:
    invoices = {r["INV_NO"]: r for r in pq.read_table(next(folder.glob("data/*/INVOICE.parquet"))).to_pylist()}
    sides: dict[tuple[str, str, str], Counter[int]] = defaultdict(Counter)
    notes: dict[str, list[tuple[int, str, int]]] = defaultdict(list)
    for row in pq.read_table(folder / "truth/company_mention.parquet").to_pylist():
        if row["document"] == "call_note":
            notes[row["document_id"]].append((row["start"], row["written"], row["true_party"]))
            continue
        invoice, code = invoices[row["document_id"]], row["side"].upper()
        key = (invoice[f"{code}_NO"] or "", (invoice[f"{code}_NM"] or "").strip(), invoice[f"{code}_TAX"] or "")
        sides[key][row["true_party"]] += 1
    return sides, notes


def pairwise(found: Sequence[tuple[str, str, str, str]]) -> dict[str, float]:
    """Return precision, recall and F1 over pairs of records; a record without a company stands alone."""
    clusters = Counter(c or f"alone:{r}" for r, _, c, _ in found)
    truths = Counter(t for *_, t in found)
    both = Counter((c or f"alone:{r}", t) for r, _, c, t in found)
    n_right, n_found, n_true = (sum(n * (n - 1) // 2 for n in counts.values()) for counts in (both, clusters, truths))
    precision, recall = n_right / max(n_found, 1), n_right / max(n_true, 1)
    return {
        "precision": precision, "recall": recall, "f1": 2 * precision * recall / max(precision + recall, 1e-9), "pairs": n_found,
        "wrong_pairs": n_found - n_right,
    }  # fmt: skip


def measure(customers: int, seed: int, folder: Path) -> dict[str, Any]:
    """Draw a bank, link it, and return what was found, all in all and by kind of record."""
    from zhike.simulator import BankPlan, simulate

    bank = folder / f"bank-{customers}-{seed}"
    if not bank.is_dir():
        simulate(BankPlan(customers, 180, seed, LAST_DAY, activity_rate=0.05), bank)
    with tempfile.TemporaryDirectory(dir=folder) as work:
        began = time.perf_counter()
        tables, seconds, told = link_bank(bank, Path(work))
        elapsed = time.perf_counter() - began
    found = records(bank, tables)
    kinds = {k: sum(f[1] == k for f in found) for k in sorted({f[1] for f in found})}
    linked = {k: sum(f[1] == k and f[2] != "" for f in found) for k in kinds}
    return {
        "seed": seed,
        **pairwise(found),
        "records": kinds,
        "linked": linked,
        "mentions": told,
        "seconds": {k: round(v, 2) for k, v in seconds.items()},
        "all": round(elapsed, 1),
    }


def main() -> None:
    """Print one line per seed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=20_000)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--folder", type=Path, default=None, help="where banks lie; they are kept")
    arguments = parser.parse_args()
    folder = arguments.folder or Path(tempfile.mkdtemp(prefix="companies-"))
    folder.mkdir(parents=True, exist_ok=True)
    for seed in arguments.seeds:
        print(json.dumps(measure(arguments.customers, seed, folder), ensure_ascii=False))
    if arguments.folder is None:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
