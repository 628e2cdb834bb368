"""`voicehub-admin`: command groups, loaded from the service that owns them when they are called."""

from __future__ import annotations

from importlib import import_module

import click

from services.common.admin.events import group as events

# The groups of single services, on which `services.common` does not depend, and what needs the extra `cluster`.
_GROUPS = {
    "ask": "services.common.admin.ask",
    "backup": "services.common.admin.backup",
    "base": "services.inference.admin",
    "credits": "services.catalog.credits.admin",
    "database": "services.common.admin.database",
    "gc": "services.catalog.admin_objects",
    "keys": "services.common.admin.keys",
    "migrate": "services.common.admin.migrate",
    "moderators": "services.catalog.community.admin",
    "preflight": "services.common.admin.preflight",
    "restore": "services.common.admin.restore",
    "search": "services.catalog.admin",
}


class Commands(click.Group):
    """Loads a listed group on its first use."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names for the help page."""
        return sorted([*super().list_commands(ctx), *_GROUPS])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported now if it is a listed one."""
        if cmd_name in _GROUPS:
            command = import_module(_GROUPS[cmd_name]).group
            return command if isinstance(command, click.Command) else None
        return super().get_command(ctx, cmd_name)


@click.group(cls=Commands)
def main() -> None:
    """Operate a VoiceHub."""


main.add_command(events)

if __name__ == "__main__":
    main()
