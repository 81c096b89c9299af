"""`heimdex alerts`: what is wrong with the mesh, and what to do."""

import re
from typing import cast

import click

from client.alert_types import AlertAnswer, AlertRule, RuleAnswer
from client.alert_view import alert_lines, alert_table, coverage_line, rule_line, rule_table, staleness_line
from client.api import HeimdexClient
from client.commands.stages import WINDOW
from client.output import console, print_json, stderr
from client.session import connect

__all__ = ["alerts"]

_LENGTH = re.compile(r"(?P<number>[0-9]{1,6}(?:\.[0-9]{1,3})?)(?P<unit>[smhd])")
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0}
_PAGE_SIZE = 500


@click.group(invoke_without_command=True)
@click.option("--all", "is_all", is_flag=True, help="Also alerts that are over.")
@click.option("--range", "window", metavar="DAYS", help="With --all: from now back, 1d to 365d; 30d by default.")
@click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")
@click.pass_context
def alerts(context: click.Context, *, is_all: bool, window: str | None, as_json: bool) -> None:
    """Show what fires, since when, and what to do. Needs an administrator's token."""
    if context.invoked_subcommand is not None:
        if is_all or window or as_json:
            raise click.UsageError(f"options go behind {context.invoked_subcommand}")
        return
    if window is not None and (not is_all or not WINDOW.fullmatch(window)):
        raise click.BadParameter("1d to 365d, with --all", param_hint="--range")
    params = {"range": window or "30d"} if is_all else {"is_current": "true"}
    with connect(as_admin=True) as client:
        answer = _all_pages(client, params)
    if as_json:
        print_json(answer)
        return
    screen = console()
    if not answer.get("data"):
        screen.print("no alert in this time" if is_all else "no alert fires", style="green")
    elif is_all:
        screen.print(alert_table(answer))
    else:
        for alert in answer["data"]:
            for line in alert_lines(alert):
                screen.print(line)
    _remark(answer)


@alerts.command()
@click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")
def rules(*, as_json: bool) -> None:
    """Show every rule: where it stands, when it fires and when it resolves."""
    with connect(as_admin=True) as client:
        answer = cast("RuleAnswer", client.admin("alert-rules", {}))
    if as_json:
        print_json(answer)
        return
    console().print(rule_table(answer))
    _remark(answer)


@alerts.command()
@click.argument("rule")
@click.option("--for", "length", metavar="LENGTH", help="How long: 90s, 30m, 2h or 1d.")
@click.option("--clear", is_flag=True, help="End a silence now.")
@click.option("--comment", default="", help="Why; shown with the rule.")
@click.option("--json", "as_json", is_flag=True, help="Print the rule as JSON.")
def silence(*, rule: str, length: str | None, clear: bool, comment: str, as_json: bool) -> None:
    """Tell nobody of RULE for a while. What still fires afterwards is told then."""
    if (length is None) != clear:
        raise click.UsageError("give --for LENGTH, or --clear")
    quiet = {"clear": True} if length is None else {"duration_s": _seconds(length), "comment": comment}
    with connect(as_admin=True) as client:
        changed = cast("AlertRule", client.admin_post(f"alert-rules/{rule}:silence", quiet))
    if as_json:
        print_json(changed)
    else:
        console().print(rule_line(changed), markup=False)


def _all_pages(client: HeimdexClient, params: dict[str, str]) -> AlertAnswer:
    answer = cast("AlertAnswer", client.admin("alerts", {**params, "page_size": _PAGE_SIZE}))
    while token := answer.pop("next_page_token", ""):
        page = cast("AlertAnswer", client.admin("alerts", {**params, "page_size": _PAGE_SIZE, "page_token": token}))
        answer = {**page, "data": [*answer.get("data", []), *page.get("data", [])]}
    return answer


def _remark(answer: AlertAnswer | RuleAnswer) -> None:
    stderr().print(coverage_line(answer), style="dim", markup=False)
    if stale := staleness_line(answer):
        stderr().print(stale, style="yellow", markup=False)


def _seconds(length: str) -> float:
    match = _LENGTH.fullmatch(length)
    if match is None or not float(match["number"]):
        raise click.BadParameter("must be a length such as 90s, 30m, 2h or 1d", param_hint="--for")
    return float(match["number"]) * _SECONDS[match["unit"]]
