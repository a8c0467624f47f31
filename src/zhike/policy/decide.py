"""May this contact be made, now? All gates in their order; a Permit when every one passes, else the first Refusal.

It fails closed: a fact that was not given, a clock that disagrees, a zone or rule that does not exist, a purpose without a
legal basis in force: each is a Refusal, never a pass and never an exception. The same question is asked at planning (see
``batch``) and again at the moment of sending; ``claim`` also takes the recipient's place under every cap, and is what counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from zhike.kernel.clock import business_day
from zhike.kernel.definitions import DefinitionSet, parse_definition
from zhike.kernel.errors import BadInput, ZhikeError
from zhike.kernel.terms import Channel, ProductRisk, Purpose, Text
from zhike.policy.caps import full_until
from zhike.policy.consent import consent_state
from zhike.policy.content_check import ContentFinding, check_content
from zhike.policy.counters import CapReached, Claim, ContactCounters
from zhike.policy.definitions import Cap, ContactPolicyDefinition, RegulationDefinition
from zhike.policy.gates import REVIEWS, Gate, compile_gates, gates_in_force, has_legal_basis, rule_ref
from zhike.policy.hours import closed_reason, closes_at
from zhike.policy.permit import Permit, issue
from zhike.policy.terms import Combination, ContactRequest, Facts, ProductLine, Refusal, RuleRef, Stage, Subject
from zhike.rules.vocabulary import Vocabulary

JURISDICTION_PARAMETER = "jurisdiction"
CLOCK_SKEW = timedelta(seconds=5)
BUILT_IN = {
    "policy.clock": ("时钟或事实时间不可信", "the clock or the age of the facts cannot be trusted"),
    "policy.fact_missing": ("缺少判断所需的事实", "a fact that a gate needs was not given"),
    "policy.no_legal_basis": ("该用途在此法域没有有效的合法性依据规则", "no rule in force gives this purpose a legal basis"),
    "policy.no_contact_policy": ("该用途没有有效的触达策略", "no contact policy is in force for this purpose"),
    "policy.no_recipient": ("没有被授权的接收人", "no natural person is authorised to receive it"),
    "policy.not_asked": ("无法完成判断，按拒绝处理", "the question could not be answered, which is a no"),
    "policy.content_not_approved": ("内容版本未经审批", "the content version is not approved"),
}  # fmt: skip
_UNANSWERABLE = (KeyError, TypeError, ValueError, ArithmeticError, AttributeError, ZhikeError)


def built_in_refusal(rule: str, stage: Stage, *, until: datetime | None = None, **details: str) -> Refusal:
    """Return a refusal by a rule that is not a definition: policy's own manners."""
    zh, en = BUILT_IN[rule]
    ref = RuleRef(rule, "built-in", source="zhike", is_verified=True)
    return Refusal(Text(zh, en), ref, stage, until, details)


@dataclass(frozen=True, slots=True)
class ContactPolicy:
    """One contact policy and which version of it speaks."""

    definition: ContactPolicyDefinition
    ref: RuleRef


@dataclass(frozen=True, slots=True)
class Regulation:
    """One rule on words and which version of it speaks."""

    definition: RegulationDefinition
    ref: RuleRef


@dataclass(frozen=True, slots=True)
class InForce:
    """The rules that hold on one day."""

    gates: tuple[Gate, ...]
    contact_policies: tuple[ContactPolicy, ...]
    regulations: tuple[Regulation, ...]

    def caps(self, purpose: Purpose) -> tuple[Cap, ...]:
        """Return the caps on contacts of this purpose, over all policies."""
        return tuple(c for p in self.policies_for(purpose) for c in p.definition.caps)

    def policies_for(self, purpose: Purpose) -> tuple[ContactPolicy, ...]:
        """Return the contact policies for a purpose."""
        return tuple(p for p in self.contact_policies if purpose in p.definition.purposes)


@dataclass(frozen=True, slots=True)
class Policy:
    """All rules of a project, compiled; what is asked is :meth:`decide` and :meth:`claim`.

    Parameters
    ----------
    jurisdiction : whose law holds, e.g. ``CN`` or ``US-FL``.
    timezone : the policy's own zone, used where a recipient's is not known.
    key : secret under which Permits are signed.
    permit_lasts : how long a Permit may be used, at most; never into quiet hours.
    facts_last : how old facts may be.
    """

    gates: tuple[Gate, ...]
    contact_policies: tuple[ContactPolicy, ...]
    regulations: tuple[Regulation, ...]
    jurisdiction: str
    timezone: str
    key: bytes
    permit_lasts: timedelta = timedelta(minutes=10)
    facts_last: timedelta = timedelta(minutes=5)
    _days: dict[date, InForce] = field(default_factory=dict, compare=False, repr=False)

    def on(self, day: date) -> InForce:
        """Return the rules in force on a business day."""
        if day not in self._days:
            where = self.jurisdiction
            self._days[day] = InForce(
                gates=gates_in_force(self.gates, on=day, jurisdiction=where),
                contact_policies=tuple(
                    p for p in self.contact_policies if p.definition.holds(on=day, jurisdiction=where)
                ),
                regulations=tuple(r for r in self.regulations if r.definition.holds(on=day, jurisdiction=where)),
            )
        return self._days[day]

    @property
    def waived(self) -> tuple[Gate, ...]:
        """Gates that a project has switched off, each with its reason."""
        return tuple(g for g in self.gates if g.definition.waived_because)

    def decide(self, request: ContactRequest, facts: Facts, at: datetime) -> Permit | Refusal:
        """Answer whether a contact may be made at a moment.

        Parameters
        ----------
        request : for whom, to whom, on which channel, why, what about.
        facts : what is known; a name that a gate needs and that is not there refuses.
        at : the moment of sending, aware.

        Returns
        -------
        a signed Permit that names every rule asked, or the first Refusal in the order of the gates.
        """
        try:
            return self._decide(request, facts, at)
        except _UNANSWERABLE as error:
            return built_in_refusal("policy.not_asked", Stage.CONSENT, error=type(error).__name__)

    def claim(self, request: ContactRequest, facts: Facts, at: datetime, counters: ContactCounters) -> Permit | Refusal:
        """Decide, and take the recipient's place under every cap at the same moment: the check that counts.

        The place is given back with ``counters.release(request.request_id)`` when the send definitely failed.
        """
        answer = self.decide(request, facts, at)
        if isinstance(answer, Refusal):
            return answer
        try:
            taken = counters.reserve(self._as_claim(request, at), self.on(self._today(at)).caps(request.purpose))
        except _UNANSWERABLE as error:
            return built_in_refusal("policy.not_asked", Stage.CONTACT_POLICY, error=type(error).__name__)
        if not isinstance(taken, CapReached):
            return answer
        return self._cap_refusal(taken.cap, request.purpose, at, until=taken.until)

    def check_texts(
        self, texts: Iterable[str], *, channel: Channel, purpose: Purpose, product_line: ProductLine, on: date
    ) -> tuple[ContentFinding, ...]:
        """Return what the regulations in force on a day find in texts (refusals and warnings)."""
        rules = [r.definition for r in self.on(on).regulations]
        return tuple(
            finding
            for text in texts
            for finding in check_content(
                text, channel=channel, purpose=purpose, product_line=product_line, regulations=rules
            )
        )

    # ---- the order of questions

    def _today(self, at: datetime) -> date:
        return business_day(at, self.timezone)

    def _as_claim(self, request: ContactRequest, at: datetime) -> Claim:
        return Claim(
            contact_id=request.request_id,
            recipient_id=request.recipient_id,
            channel=request.channel,
            purpose=request.purpose,
            at=at,
            priority=request.priority,
            timezone=request.timezone or self.timezone,
        )

    def _decide(self, request: ContactRequest, facts: Facts, at: datetime) -> Permit | Refusal:
        doubt = self._doubt(request, facts, at)
        if doubt is not None:
            return doubt
        today = self._today(at)
        rules = self.on(today)
        refusal = (
            _refused_by_gates(rules.gates, request, facts, at=at, today=today, timezone=self.timezone)
            or self._refused_by_contact_policy(rules, request, facts, at)
            or self._refused_by_content(rules, request, today)
        )
        if refusal is not None:
            return refusal
        lasts = min(self.permit_lasts, self._open_for(rules, request, at))
        return issue(request, at=at, lasts=lasts, rules=_labels(rules, request), key=self.key)

    def _doubt(self, request: ContactRequest, facts: Facts, at: datetime) -> Refusal | None:
        is_naive = at.tzinfo is None or facts.known_at.tzinfo is None
        if is_naive or not -CLOCK_SKEW <= at - facts.known_at <= self.facts_last:
            return built_in_refusal("policy.clock", Stage.CONSENT)
        if not request.recipient_id or not request.customer_id:
            return built_in_refusal("policy.no_recipient", Stage.CONSENT)
        combination = Combination(request.channel, request.purpose, request.product_line)
        if not has_legal_basis(self.on(self._today(at)).gates, combination):
            return built_in_refusal("policy.no_legal_basis", Stage.CONSENT)
        return None

    def _refused_by_contact_policy(
        self, rules: InForce, request: ContactRequest, facts: Facts, at: datetime
    ) -> Refusal | None:
        policies = rules.policies_for(request.purpose)
        if not policies:
            return built_in_refusal("policy.no_contact_policy", Stage.CONTACT_POLICY)
        zone = request.timezone or self.timezone
        made = [c for c in facts.contacts if c.purpose == request.purpose]
        for policy in policies:
            for cap in policy.definition.caps:
                until = full_until(
                    made, channel=request.channel, at=at, cap=cap, priority=request.priority, timezone=zone
                )
                if until is not None:
                    return self._cap_refusal(cap.key, request.purpose, at, until=until)
        for policy in policies:
            closed = closed_reason(
                at,
                channel=request.channel,
                timezone=zone,
                quiet_hours=policy.definition.quiet_hours,
                holidays=policy.definition.holidays,
            )
            if closed is not None:
                return Refusal(Text(closed.zh, closed.en), policy.ref, Stage.CONTACT_POLICY, closed.until)
        return None

    def _cap_refusal(self, cap_key: str, purpose: Purpose, at: datetime, *, until: datetime) -> Refusal:
        for policy in self.on(self._today(at)).policies_for(purpose):
            for cap in policy.definition.caps:
                if cap.key == cap_key:
                    reason = Text(f"已达{cap.zh}（{cap.at_most}次）", f"{cap.en}: the cap of {cap.at_most} is reached")
                    return Refusal(reason, policy.ref, Stage.CONTACT_POLICY, until, {"cap": cap.key})
        return built_in_refusal("policy.not_asked", Stage.CONTACT_POLICY, cap=cap_key)

    def _refused_by_content(self, rules: InForce, request: ContactRequest, today: date) -> Refusal | None:
        if not request.is_content_approved or not request.content_version:
            return built_in_refusal("policy.content_not_approved", Stage.CONTENT)
        found = self.check_texts(
            request.content_texts,
            channel=request.channel,
            purpose=request.purpose,
            product_line=request.product_line,
            on=today,
        )
        stops = next((f for f in found if f.is_refusal), None)
        if stops is None:
            return None
        ref = next(r.ref for r in rules.regulations if r.definition.key == stops.regulation.key)
        return Refusal(stops.reason, ref, Stage.CONTENT, None, {"found": stops.found})

    def _open_for(self, rules: InForce, request: ContactRequest, at: datetime) -> timedelta:
        zone = request.timezone or self.timezone
        ends = [
            closes_at(
                at,
                channel=request.channel,
                timezone=zone,
                quiet_hours=p.definition.quiet_hours,
                holidays=p.definition.holidays,
            )
            for p in rules.policies_for(request.purpose)
        ]
        return min((e - at for e in ends if e is not None), default=self.permit_lasts)


def request_fields(request: ContactRequest, facts: Facts) -> Mapping[str, Any]:
    """Return what gates may ask of a request: channel, purpose, consent of the recipient, the product, reviews passed."""
    state = {
        name: consent_state(
            facts.consent, recipient_id=request.recipient_id, channel=request.channel, purpose=purpose
        ).value
        for name, purpose in (("consent_state", request.purpose), ("profiling_consent_state", Purpose.PROFILING))
    }
    level = list(ProductRisk).index(request.product_grade) + 1 if request.product_grade is not None else 0
    return {
        **state,
        "channel": request.channel.value,
        "purpose": request.purpose.value,
        "product_line": request.product_line.value,
        "product_class": request.product_class or None,
        "product_risk_level": level,
        **{f"has_review_{r}": r in request.reviews for r in REVIEWS},
    }


def _refused_by_gates(
    gates: Sequence[Gate], request: ContactRequest, facts: Facts, *, at: datetime, today: date, timezone: str
) -> Refusal | None:
    combination = Combination(request.channel, request.purpose, request.product_line)
    told = request_fields(request, facts)
    subjects = {Subject.CUSTOMER: {**facts.customer, **told}, Subject.RECIPIENT: {**facts.recipient, **told}}
    for gate in gates:
        fields = subjects[gate.definition.subject]
        if not gate.concerns(combination) or not gate.binds(fields.get("party_kind")):
            continue
        missing = gate.missing(fields)
        if missing:
            return built_in_refusal(
                "policy.fact_missing", gate.definition.stage, gate=gate.ref.key, facts=", ".join(missing)
            )
        if not gate.passes(fields, as_of=today):
            until = gate.until(fields, at=at, today=today, timezone=timezone)
            return Refusal(gate.reason, gate.ref, gate.definition.stage, until)
    return None


def _labels(rules: InForce, request: ContactRequest) -> tuple[str, ...]:
    combination = Combination(request.channel, request.purpose, request.product_line)
    refs = [
        *(g.ref for g in rules.gates if g.concerns(combination)),
        *(p.ref for p in rules.policies_for(request.purpose)),
        *(r.ref for r in rules.regulations if request.purpose in r.definition.purposes),
    ]
    return tuple(r.label for r in refs)


def read_policy(definitions: DefinitionSet, vocabulary: Vocabulary, *, timezone: str, key: bytes) -> Policy:
    """Return the policy of a project's definitions.

    Parameters
    ----------
    vocabulary : holds the fields of the profile; control flags and what a request says are added.
    key : the secret under which Permits are signed, at least 16 bytes.

    Raises
    ------
    BadInput : a definition is malformed, no jurisdiction is set, or the key is too short.
    """
    jurisdiction = definitions.parameters.get(JURISDICTION_PARAMETER)
    if not isinstance(jurisdiction, str) or not jurisdiction:
        raise BadInput(
            "policy.no_jurisdiction", zh="parameters.yaml 缺少 jurisdiction", en="parameters.yaml sets no jurisdiction",
            todo_zh="写入 jurisdiction: {value: CN, …}", todo_en="write jurisdiction: {value: CN, …}",
        )  # fmt: skip
    if len(key) < 16:
        raise BadInput(
            "policy.key_short", zh="许可签名密钥少于 16 字节", en="the key that signs permits has fewer than 16 bytes"
        )
    policies = [(d, parse_definition(ContactPolicyDefinition, d)) for d in definitions.of_kind("contact_policy")]
    regulations = [(d, parse_definition(RegulationDefinition, d)) for d in definitions.of_kind("regulation")]
    return Policy(
        gates=compile_gates(definitions, vocabulary),
        contact_policies=tuple(ContactPolicy(p, rule_ref(d, p)) for d, p in policies),
        regulations=tuple(Regulation(r, rule_ref(d, r)) for d, r in regulations),
        jurisdiction=jurisdiction,
        timezone=timezone,
        key=key,
    )


__all__ = [
    "ContactPolicy", "InForce", "Policy", "Regulation", "built_in_refusal", "read_policy", "request_fields",
]  # fmt: skip
