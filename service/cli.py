"""The `aisle` command: what every command shares. The commands are in `service/commands/`.

Everything heavy is imported inside the command that needs it, so `aisle --help` answers at once. What a command prints
about its work goes to stderr; stdout is its result. The words are in `service/console/words.py`, the options in
`service/console/options.py`.
"""

from __future__ import annotations

import sys

import click

from service.commands.answers import classify, serve, similar
from service.commands.auditing import audit
from service.commands.changing import add, remove, sync
from service.commands.decisions import decisions
from service.commands.duplicates import duplicates
from service.commands.evaluating import evaluate
from service.commands.indexes import build, calibrate, info
from service.commands.jobs import jobs
from service.commands.keeping import backup, export, restore, verify
from service.commands.keys import accounts, keys
from service.commands.labelstudio import labelstudio
from service.commands.models import models
from service.commands.planting import COMMANDS
from service.commands.predictions import predictions
from service.commands.snapshots import discard, publish, rebuild, rollback
from service.commands.tagging import tags
from service.commands.taxonomies import taxonomy

INTERRUPTED = 130


def main() -> None:
    """Run the command line. An error that is meant for the user is one line: exit code 1, or 2 for wrong usage."""
    from indexer.errors import AisleError
    from taxonomy.names import TaxonomyError

    try:
        code = aisle.main(prog_name="aisle", standalone_mode=False)
    except (AisleError, TaxonomyError) as error:
        code = _say(str(error), 1)
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except click.Abort:
        code = _say("stopped", INTERRUPTED)
    except OSError as error:
        code = _say(f"{error.strerror}: {error.filename}" if error.filename else str(error.strerror or error), 1)
    except SystemExit as leaving:  # click's way when whoever read our output has left, as `| head` does
        code = 0 if isinstance(leaving.__context__, BrokenPipeError) else leaving.code
    sys.exit(code)


def _say(message: str, code: int) -> int:
    click.echo(f"aisle: {message}", err=True)
    return code


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="aisle", message="aisle %(version)s")
def aisle() -> None:
    """Put products on the right shelf by looking at their neighbours."""


for command in (
    *(build, add, remove, sync, calibrate, info),
    *(rebuild, publish, rollback, discard),
    *(classify, similar, jobs, evaluate, tags, taxonomy),
    *(audit, duplicates, decisions, predictions, labelstudio),
    *(serve, export, backup, restore, verify, models),
    *(keys, accounts),
):
    aisle.add_command(command)
for command in COMMANDS:
    taxonomy.add_command(command)
