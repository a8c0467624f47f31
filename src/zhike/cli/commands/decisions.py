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
    from zhike.pipeline.catalogue import explain_decision
    from zhike.pipeline.project import open_project

    found = explain_decision(open_project(project), decision)
    if json:
        print_json(found)
        return
    for each in found:
        say(
            f"decision {each['decision_id']} for customer {each['customer_id']} in campaign {each['campaign']} on {each['on']}"
        )
        print_rows(each["offers"])
        say(
            f"outcome: {each['outcome']}; reproduced from stored inputs: {'the same' if each['is_reproduced'] else 'DIFFERENT'}"
        )


def register(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command()(explain)
