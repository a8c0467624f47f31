"""The order of steps: what reads comes after what writes; reads of an earlier day are free; a ring is named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from graphlib import CycleError, TopologicalSorter

from zhike.kernel.errors import BadInput, Bug
from zhike.warehouse.steps import Step


def _writers(steps: Sequence[Step]) -> dict[str, dict[str, str]]:
    """Return table → partition → key of the step that writes it; Bug when two steps write the same."""
    writers: dict[str, dict[str, str]] = {}
    for step in steps:
        for output in step.writes:
            parts = writers.setdefault(output.table, {})
            if output.partition in parts:
                twice = f"{output.table}/{output.partition}"
                raise Bug(
                    "warehouse.written_twice", zh=f"{twice} 由两个步骤写入：{parts[output.partition]}、{step.key}",
                    en=f"{twice} is written by two steps: {parts[output.partition]} and {step.key}",
                )  # fmt: skip
            parts[output.partition] = step.key
    return writers


def dependencies(steps: Sequence[Step]) -> dict[str, set[str]]:
    """Return step key → keys of the steps whose outputs it reads in the same run."""
    writers = _writers(steps)
    needs: dict[str, set[str]] = {}
    for step in steps:
        needs[step.key] = set()
        for read in step.reads:
            if read.lag:
                continue
            parts = writers.get(read.table, {})
            chosen = parts.values() if read.partition is None else [parts[p] for p in [read.partition] if p in parts]
            needs[step.key].update(chosen)
    return needs


def order_steps(steps: Sequence[Step]) -> list[Step]:
    """Return the steps in an order that respects what they read; ties keep the given order.

    Raises
    ------
    BadInput : definitions use each other in a ring; the ring is named.
    """
    by_key = {s.key: s for s in steps}
    place = {s.key: i for i, s in enumerate(steps)}
    sorter = TopologicalSorter(dependencies(steps))
    try:
        sorter.prepare()
    except CycleError as error:
        ring = " → ".join(reversed(error.args[1]))
        raise BadInput(
            "run.ring", zh=f"定义互相引用成环：{ring}", en=f"definitions use each other in a ring: {ring}",
            todo_zh="断开其中一处，或改读上一次跑批（lag: 1）", todo_en="break one of them, or read the last run instead (lag: 1)",
        ) from error  # fmt: skip
    ordered: list[Step] = []
    ready = sorted(sorter.get_ready(), key=place.__getitem__)
    while ready:
        key = ready.pop(0)
        ordered.append(by_key[key])
        sorter.done(key)
        ready = sorted([*ready, *sorter.get_ready()], key=place.__getitem__)
    return ordered


def urgencies(ordered: Sequence[Step], needs: Mapping[str, set[str]]) -> dict[str, float]:
    """Return step key → cost of the costliest chain of work that begins with it: the greater, the sooner it should start."""
    cost = {s.key: s.cost for s in ordered}
    urgency = dict(cost)
    for step in reversed(ordered):
        for need in needs[step.key]:
            urgency[need] = max(urgency[need], cost[need] + urgency[step.key])
    return urgency


def most_urgent(ready: Sequence[Step], urgency: Mapping[str, float]) -> list[Step]:
    """Return the step to start next, with all that are ready of its family; ties keep the given order."""
    first = max(ready, key=lambda s: urgency[s.key])
    return [first] if first.family is None else [s for s in ready if s.family is first.family]


__all__ = ["dependencies", "most_urgent", "order_steps", "urgencies"]
