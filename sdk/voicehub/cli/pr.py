"""`voicehub pr …`: pull requests."""

from __future__ import annotations

import threading
from typing import Any

import click

from voicehub.cli.context import Context, command
from voicehub.client import Client
from voicehub.collaboration import Pull, Remark
from voicehub.errors import Refused, UsageError
from voicehub.names import VoiceName, parse_name

PACE_SECONDS = 1.0
ID_LENGTH = 32
_MARKS = {"passed": "✓", "pending": "…", "failed": "✗"}


@click.group()
def pr() -> None:
    """Ask that a voice takes over what you made better; hear, review and merge what others ask for."""


@pr.command(name="open")
@click.argument("head")
@click.option("--into", default="", metavar="OWNER/NAME[@BRANCH]", help="Default: the upstream of the fork.")
@click.option("--title", "-t", required=True, help="What is better, in a line.")
@click.option("--body", "-b", default="", help="What else to know.")
@command
def open_(context: Context, head: str, into: str, title: str, body: str) -> None:
    """Open a pull request for HEAD (owner/name[@branch])."""
    source = parse_name(head)
    with context.client() as client:
        target = parse_name(into) if into else None
        if target is None:
            repository = client.repository(source)
            if not repository.upstream_name:
                raise UsageError(f"{source} has no upstream.", hint="Say where to: --into owner/name.")
            target = VoiceName(repository.upstream_owner, repository.upstream_name)
        made = client.pulls.open(target, source, title, body)
    context.out.answer(made)
    context.out.say(f"✓ Pull request {made.number} into {target.owner}/{target.name}@{made.base_ref}.")
    _tell(context, target, made)


@pr.command(name="list")
@click.argument("voice")
@click.option("--state", default="open", show_default=True, type=click.Choice(["open", "merged", "closed", "all"]))
@command
def list_(context: Context, voice: str, state: str) -> None:
    """List pull requests into VOICE (owner/name)."""
    with context.client() as client:
        found = client.pulls.all(voice, "" if state == "all" else state)
    context.out.answer(found)
    rows = [[str(p.number), p.state, p.author, f"{p.head_owner}/{p.head_name}@{p.head_ref}", p.title] for p in found]
    context.out.table(["NR", "STATE", "BY", "FROM", "TITLE"], rows)


@pr.command()
@click.argument("voice")
@click.argument("number", type=int)
@command
def show(context: Context, voice: str, number: int) -> None:
    """Show pull request NUMBER into VOICE: checks, reviews, threads."""
    with context.client() as client:
        pull = client.pulls.get(voice, number)
        reviews, remarks = client.pulls.reviews(voice, number), client.pulls.remarks(voice, number)
    context.out.answer({"pull": pull, "reviews": reviews, "remarks": remarks})
    _tell(context, parse_name(voice), pull)
    for line in pull.body.strip().splitlines():
        context.out.say(f"    {line}")
    for review in reviews:
        context.out.say(f"  {review.author} {review.verdict} {review.version}: {review.text}".rstrip(": "))
    for remark in remarks:
        _tell_remark(context, f"{client.url}{parse_name(voice).path}", remark)


@pr.command()
@click.argument("voice")
@click.argument("number", type=int)
@click.option("--approve/--request-changes", required=True, default=None, help="The verdict on the present head.")
@click.option("--text", "-m", default="", help="Why.")
@click.option("--head", default="", metavar="VERSION", help="The head that you heard; refused if it is another by now.")
@command
def review(context: Context, voice: str, number: int, approve: bool, text: str, head: str) -> None:
    """Give a verdict on the head of pull request NUMBER into VOICE, as you heard it."""
    with context.client() as client:
        head = head or client.pulls.get(voice, number).head_version
        made = client.pulls.review(voice, number, head, approve=approve, text=text)
    context.out.answer(made)
    context.out.say(
        f"✓ {made.verdict} {head}." + ("" if made.counts else " It does not count: that takes the role write.")
    )


@pr.command()
@click.argument("voice")
@click.argument("number", type=int)
@click.argument("text")
@click.option("--thread", default="", help="Id of the thread to answer in, or its beginning (default: a new one).")
@click.option("--sound", nargs=2, default=None, metavar="REF DIGEST", help="A sample or prompt to hear with it.")
@command
def comment(context: Context, voice: str, number: int, text: str, thread: str, sound: tuple[str, str] | None) -> None:
    """Say TEXT about pull request NUMBER into VOICE."""
    version, digest = sound or ("", "")
    with context.client() as client:
        thread = _thread(client, voice, number, thread)
        said = client.pulls.say(voice, number, text, thread=thread, version=version, digest=digest)
    context.out.answer(said)
    context.out.say(f"✓ Said, in thread {said.thread}.")


@pr.command()
@click.argument("voice")
@click.argument("number", type=int)
@click.option("--weights", is_flag=True, help="Merge the weights of both sides into a new head first.")
@click.option("--strategy", default="", help="Of the weights: ties, task, linear, slerp.")
@click.option("--theirs", multiple=True, metavar="MODULE", help="Take this module from the head as it is.")
@click.option("--ours", multiple=True, metavar="MODULE", help="Take this module from the base as it is.")
@click.option("--lexicon", default="", type=click.Choice(["", "ours", "theirs"]), help="Whose words win.")
@click.option("--wait/--no-wait", default=True, help="Of --weights: until it is merged, or why not is known.")
@click.option(
    "--head", default="", metavar="VERSION", help="Refuse if the head is not this one (default: the present)."
)
@command
def merge(context: Context, voice: str, number: int, weights: bool, wait: bool, head: str, **options: Any) -> None:
    """Merge pull request NUMBER into VOICE: the branch moves forward to its head.

    With --weights both sides are merged first, and the branch moves to the result once it is judged good enough.
    """
    choices = dict.fromkeys(options["theirs"], "theirs") | dict.fromkeys(options["ours"], "ours")
    given = {"strategy": options["strategy"], "choices": choices, "lexicon": options["lexicon"]}
    asked = {name: value for name, value in given.items() if value}
    if asked and not weights:
        raise UsageError("How to merge weights is said without --weights.", hint="Add --weights.")
    with context.client() as client:
        seen = head or client.pulls.get(voice, number).head_version
        done = client.pulls.merge(voice, number, seen, strategy="weights" if weights else "fast-forward", options=asked)
        done = _settled(context, client, voice, done) if weights and wait else done
    if done.state != "merged" and not done.merging:
        raise Refused(f"Pull request {number} is not merged.", hint=done.merge_failure)
    context.out.answer(done)
    if done.state == "merged":
        context.out.say(f"✓ {voice}@{done.base_ref} is {done.head_version}.")
    else:
        context.out.say(f"… The weights are being merged and judged: voicehub pr show {voice} {number}.")


@pr.command()
@click.argument("voice")
@click.argument("number", type=int)
@command
def close(context: Context, voice: str, number: int) -> None:
    """Close pull request NUMBER into VOICE unmerged."""
    with context.client() as client:
        done = client.pulls.close(voice, number)
    context.out.answer(done)
    context.out.say(f"✓ Pull request {number} is closed.")


def _thread(client: Client, voice: str, number: int, given: str) -> str:
    """The id of the thread that `given` begins; `given` itself if it is whole or empty.

    Raises:
        UsageError: no thread begins so, or several do.
    """
    if not given or len(given) == ID_LENGTH:
        return given
    threads = {remark.thread for remark in client.pulls.remarks(voice, number)}
    found = [thread for thread in threads if thread.startswith(given)]
    if len(found) != 1:
        raise UsageError(
            f"{len(found) or 'No'} threads begin with {given!r}.",
            hint=f"voicehub pr show {voice} {number} prints their ids.",
        )
    return found[0]


def _tell_remark(context: Context, repository: str, remark: Remark) -> None:
    """What somebody said, with the address of its sound; `repository` is the address of the voice."""
    opens = remark.thread == remark.id
    lead = f"  [{remark.id}] " if opens else "    "
    settled = " (settled)" if remark.resolved else ""
    context.out.say(f"{lead}{remark.author}: {remark.text}{settled}")
    if remark.snippet:
        sound = remark.snippet
        context.out.say(f"    ♪ {repository}/versions/{sound.version}/objects/{sound.object.digest}")


def _settled(context: Context, client: Client, voice: str, pull: Pull) -> Pull:
    """The request once its weights are merged, or cannot be, or wait for people."""
    pause, found = threading.Event(), pull
    with context.out.steps() as steps:
        while found.merging and not _waits_for_people(found):
            judged = found.head_version != pull.head_version
            steps.update("judge" if judged else "merge", 0.0, f"{voice}@{found.ref}: {found.head_version}")
            pause.wait(PACE_SECONDS)
            found = client.pulls.get(voice, pull.number)
    return found


def _waits_for_people(pull: Pull) -> bool:
    """Whether all that the hub does by itself is done, and only approvals are missing."""
    pending = {check.name for check in pull.checks if check.state == "pending"}
    return pending == {"approvals"}


def _tell(context: Context, target: VoiceName, pull: Pull) -> None:
    source = f"{pull.head_owner}/{pull.head_name}@{pull.head_ref}" if pull.head_owner else "a private fork"
    context.out.say(f"{pull.number} {pull.title} ({pull.state}), {pull.author} from {source}")
    context.out.say(f'  hear it: voicehub say {target.owner}/{target.name}@{pull.ref} "…"')
    context.out.say(
        f"  {pull.ahead} ahead, {pull.behind} behind" + (f"; {pull.merge_failure}" if pull.merge_failure else "")
    )
    for check in pull.checks:
        context.out.say(f"  {_MARKS.get(check.state, ' ')} {check.name}: {check.detail}")
