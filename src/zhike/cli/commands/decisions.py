"""``zhike explain``: why this customer was, or was not, to be contacted."""

from __future__ import annotations

from typing import Annotated

import typer

from zhike.cli.edge import HERE, JsonOption, ProjectOption, guarded, print_json, print_rows, say


@guarded
def explain(
    decision: Annotated[str, typer.Argument(help="decision_id, or customer_id for all decisions about a customer.")],
    project: ProjectOption = HERE,
    json: JsonOption = False,
) -> None:
    """Reproduce a past decision from its stored inputs, and say stage by stage how it came out."""
    from zhike.cli.state import open_kept
    from zhike.pipeline.catalogue import explain_decision

    found = explain_decision(open_kept(project).project, decision)
    if json:
        print_json(found)
        return
    for each in found:
        say(
            f"决策 {each['decision_id']}：{each['on']} 活动 {each['campaign']} 客户 {each['customer_id']}",
            f"decision {each['decision_id']} for customer {each['customer_id']} in campaign {each['campaign']} on {each['on']}",
        )
        print_rows(each["offers"])
        say(
            f"结果：{each['outcome']}；按留存输入重做：{'一致' if each['is_reproduced'] else '不一致'}",
            f"outcome: {each['outcome']}; reproduced from stored inputs: {'the same' if each['is_reproduced'] else 'DIFFERENT'}",
        )


def register(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command()(explain)
