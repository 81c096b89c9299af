"""`heimdex models`: which models there are, and what would bring the missing ones."""

import click
from rich.table import Table
from rich.text import Text

from client.output import console, print_json, word
from client.session import connect
from client.types import Model

__all__ = ["models"]


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON: {models: [...]}.")
def models(*, as_json: bool) -> None:
    """List the models, whether they are here, and the command that would bring those that are not."""
    with connect() as client:
        found = client.list_models()
    if as_json:
        print_json({"models": found})
        return
    table = Table(
        "task", "model", "available", "from", "licence", "note", box=None, pad_edge=False, header_style="bold"
    )
    for model in found:
        is_here = model.get("is_available", False)
        task = word(model.get("task"), "MODEL_TASK_").replace("_", " ")
        available = Text("yes", "green") if is_here else Text("no", "yellow")
        name = Text(model.get("name", ""), "bold" if model.get("is_selected") else "")
        table.add_row(task, name, available, model.get("source", ""), Text(model.get("licence", "")), _note(model))
    screen = console()
    screen.print(table)
    for model in found:
        if not model.get("is_available", False) and (fix := model.get("fix_command")):
            # not in the table: a command that was broken into lines can not be copied
            screen.print(f"to get {model.get('name', '')}: {fix}", soft_wrap=True, markup=False)


def _note(model: Model) -> Text:
    if not model.get("is_available", False):
        return Text(model.get("unavailable_reason", ""))
    if model.get("is_fixture"):
        return Text("fixture: not a claim of quality", "yellow")
    return Text("in use" if model.get("is_selected") else "")
