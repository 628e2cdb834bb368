"""What every command has: the options --hub and --json, and errors that end it politely."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any, ParamSpec

import click

from voicehub.cli.output import Output
from voicehub.client import Client
from voicehub.errors import Unreadable, VoiceHubError

P = ParamSpec("P")
INTERRUPTED = 130
"""The exit code of a command that was ended with Ctrl-C, as shells have it."""


class Context:
    """One call of the command line."""

    def __init__(self, hub: str | None, as_json: bool) -> None:
        self.out = Output(as_json)
        self._hub = hub

    def client(self) -> Client:
        """The hub the user means."""
        return Client(self._hub)


def command(function: Callable[..., Any]) -> Callable[..., Any]:
    """Gives a command `--hub` and `--json`, and its first argument, the `Context`."""

    @click.option("--hub", metavar="URL", help="Address of the hub (default: the one you logged in to last).")
    @click.option("--json", "as_json", is_flag=True, help="Answer in JSON, for programs.")
    @functools.wraps(function)
    def run(hub: str | None, as_json: bool, *args: Any, **options: Any) -> None:
        context = Context(hub, as_json)
        try:
            sys.exit(function(context, *args, **options) or 0)
        except VoiceHubError as error:
            context.out.fail(error)
            sys.exit(error.exit_code)
        except BrokenPipeError:
            sys.exit(0)
        except KeyboardInterrupt:
            sys.exit(INTERRUPTED)  # click would say 1, which is the exit code of "the answer is no"
        except (OSError, UnicodeError) as error:
            context.out.fail(Unreadable(f"{error}.", hint="Check the path, its rights and the free space."))
            sys.exit(Unreadable.exit_code)

    return run
