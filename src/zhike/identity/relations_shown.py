"""What one customer is related to on a day, for people: relations, group, the persons behind it, who looks after it, its units."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import ibis
import ibis.expr.types as ir

from zhike.identity.relation_tables import BRANCH_NAMES
from zhike.identity.relation_terms import Tables
from zhike.kernel.errors import NotFound
from zhike.kernel.terms import Text
from zhike.rules import holding_on
from zhike.rules.vocabulary import RELATIONS

MOST_SHOWN = 200  # relations; a company of ten thousand employees has more, and says how many
ORIGIN_NAMES: Mapping[str, Text] = {
    "party_relation": Text("来源声明", "declared"),
    "company_contact": Text("企业联系人", "contact file"),
    "shared_account": Text("推断：共用账户", "inferred: shared account"),
    "wages": Text("推断：代发工资", "inferred: wages"),
    "invoices": Text("推断：发票", "inferred: invoices"),
    "same_representative": Text("推断：同一法定代表人", "inferred: one legal representative"),
    "ownership": Text("推断：股权与控制", "inferred: shares and control"),
}
BASIS_NAMES: Mapping[str, Text] = {
    "shares": Text("持股", "shares"),
    "control": Text("控制", "control"),
    "controller": Text("申报的实际控制人", "a named controller"),
    "legal_representative": Text("法定代表人", "legal representative"),
    "head": Text("集团之首", "head of the group"),
    "ring": Text("互相控制", "control one another"),
}
ROLE_NAMES: Mapping[str, Text] = {
    "lead": Text("主办", "lead"),
    "share": Text("协办", "share"),
    "pool": Text("公共池", "pool"),
}


@dataclass(frozen=True, slots=True)
class RelationsShown:
    """What holds for one customer on a day: rows of the tables of those names, relations in both directions.

    ``n_relations`` is how many there are; ``relations`` holds at most ``MOST_SHOWN`` of them, those to companies and persons with
    shares first. ``owners`` are those behind this company, and the companies that this person is behind.
    """

    customer_id: str
    as_of: date
    relations: Sequence[Mapping[str, Any]]
    n_relations: int
    group: Mapping[str, Any] | None
    owners: Sequence[Mapping[str, Any]]
    assignments: Sequence[Mapping[str, Any]]
    branch: Mapping[str, Any] | None

    def lines(self, *, language: str = "zh") -> list[str]:
        """Return the answer as lines of text in ``language`` (``zh`` or ``en``)."""
        is_zh = language == "zh"
        return [f"{self.customer_id} · {self.as_of}", *self._relation_lines(is_zh), *self._standing_lines(is_zh)]

    def _relation_lines(self, is_zh: bool) -> Iterator[str]:  # noqa: FBT001 - one of two languages
        for row in self.relations:
            is_mine = row["from_customer_id"] == self.customer_id
            other = row["to_customer_id"] if is_mine else row["from_customer_id"]
            name, origin = RELATIONS[row["kind"]], ORIGIN_NAMES[row["origin"]]
            share = f" {row['share_rate']:.2%}" if row["share_rate"] else ""
            since = (
                f"{row['valid_from_on']}" if row["is_dated"] else ("起始日不详" if is_zh else "since when is not known")
            )
            facts = self._facts(row, is_zh)
            said = _said(name, other, is_mine=is_mine, is_zh=is_zh)
            yield f"  {said}{share}  [{since}; {origin.zh if is_zh else origin.en}{facts}]"
        if self.n_relations > len(self.relations):
            rest = self.n_relations - len(self.relations)
            yield f"  … 另有 {rest} 条" if is_zh else f"  … and {rest} more"

    @staticmethod
    def _facts(row: Mapping[str, Any], is_zh: bool) -> str:  # noqa: FBT001
        """Return on how many facts an inferred relation rests, and when the latest was."""
        if not row["n_facts"]:
            return ""
        return (
            f"，{row['n_facts']} 项，最近 {row['last_fact_on']}"
            if is_zh
            else f", {row['n_facts']} facts, the latest on {row['last_fact_on']}"
        )

    def _standing_lines(self, is_zh: bool) -> Iterator[str]:  # noqa: FBT001
        if self.group:
            basis = BASIS_NAMES[self.group["basis"]]
            head, level, n = self.group["group_id"], self.group["level"], self.group["n_companies"]
            yield (
                f"  集团 {head}：第 {level} 层，共 {n} 户企业（{basis.zh}）"
                if is_zh
                else f"  group {head}: level {level}, {n} companies ({basis.en})"
            )
        for row in self.owners:
            is_owner = row["person_id"] == self.customer_id
            basis, share = BASIS_NAMES[row["basis"]], f"{row['share_rate']:.2%}"
            via = f" ← {row['through_id']}" if row["through_id"] else ""
            if is_owner:
                yield f"  {'受益所有企业' if is_zh else 'beneficial owner of'} {row['company_id']} {share} ({basis.zh if is_zh else basis.en}){via}"
            else:
                yield f"  {'受益所有人' if is_zh else 'beneficial owner:'} {row['person_id']} {share} ({basis.zh if is_zh else basis.en}){via}"
        for row in self.assignments:
            role = ROLE_NAMES[row["role"]]
            yield f"  {role.zh if is_zh else role.en} {row['staff_id']} @ {row['org_id'] or '—'}"
        for name, (zh, _) in BRANCH_NAMES.items() if self.branch else ():
            unit, now = (
                (self.branch[f"{name}_{end}"] for end in ("org_id", "scope_id")) if self.branch else (None, None)
            )
            moved = f" → {now}" if now != unit else ""
            yield f"  {f'{zh}机构' if is_zh else f'{name} unit:'} {unit or '—'}{moved}"


def _said(name: Text, other: str, *, is_mine: bool, is_zh: bool) -> str:
    """Return one relation as a phrase about this customer (→) or about the other (←)."""
    if is_mine:
        return f"→ 是 {other} 的{name.zh}" if is_zh else f"→ is {name.en} {other}"
    return f"← {name.zh} {other}" if is_zh else f"← {other} is {name.en} this customer"


def show_relations(customer_id: str, tables: Tables, as_of: date) -> RelationsShown:
    """Return what one customer is related to on the day of ``tables``, in groups, ownership and organisation.

    Parameters
    ----------
    tables : customer, customer_relation, company_group, beneficial_owner, customer_assignment, customer_branch of one run.

    Raises
    ------
    NotFound : there is no such customer.
    """
    if not _rows(tables["customer"], customer_id, "customer_id"):
        raise NotFound(
            "identity.customer_unknown", zh=f"没有客户 {customer_id}", en=f"there is no customer {customer_id}",
            todo_zh="核对客户号；已归并的客户见 identity_register", todo_en="check the id; identity_register tells into whom one was merged",
        )  # fmt: skip
    held = holding_on(tables["customer_relation"], as_of, first="valid_from_on", last="valid_to_on")
    mine = held.filter((held.from_customer_id == customer_id) | (held.to_customer_id == customer_id))
    order = [
        mine.share_rate.desc(),
        mine.kind,
        mine.from_customer_id,
        mine.to_customer_id,
        mine.is_declared.desc(),
        mine.valid_from_on,
    ]
    shown = list(mine.order_by(order).limit(MOST_SHOWN).to_pyarrow().to_pylist())
    assigned = holding_on(tables["customer_assignment"], as_of, first="valid_from_on", last="valid_to_on")
    return RelationsShown(
        customer_id, as_of, shown, int(mine.count().to_pyarrow().as_py()),
        next(iter(_rows(tables["company_group"], customer_id, "customer_id")), None),
        _rows(tables["beneficial_owner"], customer_id, "company_id", "person_id"),
        sorted(_rows(assigned, customer_id, "customer_id"), key=lambda r: (list(ROLE_NAMES).index(r["role"]), r["staff_id"])),
        next(iter(_rows(tables["customer_branch"], customer_id, "customer_id")), None),
    )  # fmt: skip


def _rows(table: ir.Table, customer_id: str, *columns: str) -> list[dict[str, Any]]:
    """Return the rows that name a customer in one of the columns, in order of these columns."""
    named = table.filter(ibis.or_(*(table[c] == customer_id for c in columns)))
    return list(named.order_by(list(columns)).to_pyarrow().to_pylist())


__all__ = ["MOST_SHOWN", "RelationsShown", "show_relations"]
