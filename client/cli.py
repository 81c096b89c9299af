"""The `heimdex` command: one group, one shell around every error."""

import os
from typing import IO, Any

import click

from client.commands.admin import admin
from client.commands.alerts import alerts
from client.commands.backfill import backfill
from client.commands.capacity import capacity
from client.commands.cost import cost
from client.commands.demo import demo
from client.commands.doctor import doctor
from client.commands.down import down
from client.commands.export import export
from client.commands.exports import exports
from client.commands.metrics import metrics
from client.commands.models import models
from client.commands.propose import propose
from client.commands.rate_card import rate_card
from client.commands.search import search
from client.commands.stages import stages
from client.commands.token import token
from client.commands.up import up
from client.commands.upload import upload
from client.commands.video import video
from client.commands.waterfall import waterfall
from client.errors import EXIT_HELP, ClientError, Exit

__all__ = ["main"]


class _Said(click.ClickException):
    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self._status = status

    @property
    def exit_code(self) -> int:  # type: ignore[override]
        return self._status

    def show(self, file: IO[Any] | None = None) -> None:
        click.echo(f"heimdex: {self.format_message()}", file=file, err=file is None)


class _OneSentence(click.Group):
    """A group whose commands end with one sentence on stderr; a traceback only if HEIMDEX_TRACEBACK is set."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; turn what went wrong into a sentence and an exit status."""
        try:
            return super().invoke(ctx)
        except ClientError as error:
            raise _Said(str(error), error.exit_status) from error
        except (click.ClickException, click.exceptions.Exit, click.Abort, KeyboardInterrupt, BrokenPipeError):
            raise
        except OSError as error:
            where = f" ({error.filename})" if error.filename else ""
            raise _Said(f"{error.strerror or error}{where}", Exit.ERROR) from error
        except Exception as error:  # the last line of defence of a command for people
            if os.environ.get("HEIMDEX_TRACEBACK"):
                raise
            bug = f"this is a bug: {type(error).__name__}: {error}; HEIMDEX_TRACEBACK=1 shows where"
            raise _Said(bug, Exit.ERROR) from error


@click.group(
    cls=_OneSentence, epilog=EXIT_HELP, context_settings={"help_option_names": ["-h", "--help"]}, no_args_is_help=True
)
@click.version_option(package_name="heimdex", prog_name="heimdex")
def main() -> None:
    """Put videos in, find their moments, see where every second went.

    The mesh is the one named by HEIMDEX_URL and HEIMDEX_TOKEN, or else the one that runs on this machine's data folder
    (HEIMDEX_DATA_DIR). Commands with --json print JSON on stdout and nothing else there.
    """


for _command in (
    up,
    down,
    token,
    upload,
    search,
    video,
    export,
    exports,
    propose,
    models,
    stages,
    waterfall,
    capacity,
    cost,
    rate_card,
    metrics,
    alerts,
    backfill,
    admin,
    doctor,
    demo,
):
    main.add_command(_command)
