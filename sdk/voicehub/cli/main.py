"""`voicehub`: the command line (exit codes: see `voicehub --help`)."""

from __future__ import annotations

import sys

import click

from voicehub.cli import (
    accounts,
    batch,
    cache,
    credit,
    dataset,
    doctor,
    evaluate,
    finetune,
    forks,
    issue,
    merge,
    moderating,
    pr,
    pull,
    push,
    refs,
    repo,
    say,
    scan,
    search,
    slim,
    train,
    up,
    watching,
)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="voicehub", prog_name="voicehub")
def cli() -> None:
    """Voices like code: train, push, search, pull and speak.

    Exit codes: 0 ok, 1 the answer is no, 2 usage, 3 cannot reach the hub, 4 refused, 5 unreadable.
    """


for _command in (
    up.up,
    accounts.signup,
    accounts.login,
    accounts.account,
    push.push,
    pull.pull,
    merge.merge,
    slim.slim,
    refs.log,
    refs.refs,
    refs.branch,
    refs.tag,
    refs.protect,
    pr.pr,
    forks.fork,
    forks.sync,
    forks.lineage,
    repo.repo,
    repo.org,
    cache.cache,
    train.train,
    finetune.finetune,
    evaluate.evaluate,
    search.search,
    search.info,
    search.star,
    search.comment,
    say.say,
    batch.batch,
    dataset.dataset,
    credit.show_credits,
    credit.gift,
    watching.watch,
    watching.notifications,
    issue.issue,
    moderating.report,
    moderating.takedowns,
    moderating.appeal,
    moderating.moderate,
    scan.scan,
    doctor.doctor,
):
    cli.add_command(_command)


def main() -> None:
    """Runs the command line; Ctrl-C ends it with 130 and no traceback."""
    try:
        cli(standalone_mode=True)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
