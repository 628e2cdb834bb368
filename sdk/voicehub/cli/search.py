"""`voicehub search`, `info`, `star`, `comment`: finding a voice and saying something about it."""

from __future__ import annotations

from collections.abc import Sequence

import click

from voicehub.cli.context import Context, command
from voicehub.models import Comment, Hit, Repository, Version

_SAID = ("languages", "gender", "age", "persona", "emotions", "styles", "timbres", "tags")
"""What a card says of a voice, beside its text."""


@click.command()
@click.argument("query", nargs=-1, required=True)
@click.option("--size", default=20, show_default=True, type=click.IntRange(1, 100), help="Hits at most.")
@click.option(
    "--order",
    default="relevance",
    show_default=True,
    type=click.Choice(["relevance", "newest", "stars", "downloads", "mos"]),
    help="What comes first.",
)
@click.option("--forks", is_flag=True, help="Every fork, not only the best of each family.")
@click.option("--explain", is_flag=True, help="Tell what each part of the query added to a hit's score.")
@command
def search(context: Context, query: tuple[str, ...], size: int, order: str, forks: bool, explain: bool) -> int:
    """Find voices by words in Chinese or English: 粤语 老年 男性, English male narrator. Exit code 1: none found."""
    with context.client() as client:
        page = client.search(" ".join(query), size=size, order=order, forks=forks)
    context.out.answer(page)
    understood = ", ".join(f"{k}: {v}" for k, v in page.understood.items())
    context.out.note(f"{page.total} found" + (f" ({understood})" if understood else ""))
    context.out.table(["VOICE", "STARS", "LANGUAGE", "DESCRIPTION"], [_row(hit) for hit in page.items])
    if folded := sum(hit.forks for hit in page.items):
        context.out.note(f"{folded} forks of these are not shown; --forks shows them")
    for hit in page.items if explain else ():
        parts = ", ".join(f"{part} {value:.3f}" for part, value in hit.explanation.items())
        context.out.say(f"{hit.repository.owner}/{hit.repository.name}: {hit.score:.3f} = {parts}")
    return 0 if page.items else 1


@click.command()
@click.argument("voice")
@command
def info(context: Context, voice: str) -> None:
    """Tell what VOICE (owner/name[@ref]) is: state, card, base, figures, findings, and what it needs to speak."""
    with context.client() as client:
        repository, version = client.repository(voice.partition("@")[0]), client.version(voice)
        bases = {b.digest: b for b in client.bases()}
    context.out.answer({"repository": repository, "version": version})
    for line in _describe(repository, version):
        context.out.say(line)
    for kind, digest in version.requires.items():
        base = bases.get(digest)
        known = f"{base.name} ({base.quality_en or base.family})" if base else _unknown(kind, digest)
        context.out.say(f"  needs {kind}: {known}")


@click.command()
@click.argument("voice")
@click.option("--remove", is_flag=True, help="Take the star back.")
@command
def star(context: Context, voice: str, remove: bool) -> None:
    """Give VOICE a star."""
    with context.client() as client:
        client.star(voice, starred=not remove)
        repository = client.repository(voice)
    context.out.answer(repository)
    context.out.say(f"✓ {voice} has {repository.stars} stars.")


@click.command()
@click.argument("voice")
@click.argument("text", required=False)
@command
def comment(context: Context, voice: str, text: str | None) -> None:
    """List what was said about VOICE, newest first, or say TEXT about it."""
    with context.client() as client:
        if text is None:
            _list_comments(context, client.comments(voice))
            return
        said = client.comment(voice, text)
    context.out.answer(said)
    context.out.say("✓ Said.")


def _list_comments(context: Context, comments: Sequence[Comment]) -> None:
    context.out.answer(comments)
    for one in comments:
        when = f"{one.create_time:%Y-%m-%d %H:%M}" if one.create_time else ""
        context.out.say(f"{one.author}  {when}\n  {one.text}")
    if not comments:
        context.out.note("nobody has said anything yet")


def _row(hit: Hit) -> list[str]:
    repository = hit.repository
    description = hit.description_en or ", ".join(hit.tags)
    return [f"{repository.owner}/{repository.name}", str(repository.stars), hit.language, description]


def _describe(repository: Repository, version: Version) -> list[str]:
    archived = ", archived: nobody writes to it" if repository.archived else ""
    upstream = f"{repository.upstream_owner}/{repository.upstream_name}"
    lines = [
        f"{repository.owner}/{repository.name}  {version.id}  {version.state}  {repository.visibility}{archived}",
        f"  {version.description_en or version.description_zh}",
        f"  forked from {upstream}" if repository.upstream_name else "",
        f"  family {version.family or 'not known yet'}, base {version.card.get('base', 'not stated')}",
        f"  source {version.declaration.source}, licence {version.declaration.license}, "
        f"consent {version.declaration.consent}",
        f"  {repository.stars} stars, {repository.comments} comments, {repository.downloads} downloads",
    ]
    lines += _measured(version)
    lines += [f"  {f.severity} {f.rule} at {f.place}: {f.message_en}" for f in version.findings]
    lines += [f"  not auditionable: {version.not_auditionable}"] if version.not_auditionable else []
    return [line for line in lines if line.strip()]


def _measured(version: Version) -> list[str]:
    """Card, figures, verdict and what can be heard, by the digests that `pr comment --sound` takes."""
    said = {key: version.card[key] for key in _SAID if version.card.get(key)}
    card = [f"{key} {' '.join(map(str, value)) if isinstance(value, list) else value}" for key, value in said.items()]
    figures = [f"{name} {value:.4g}" for name, value in version.figures.items() if isinstance(value, int | float)]
    sounds = [(file.object.digest, file.path) for file in version.files if file.path.startswith("prompts/")]
    sounds += [(sample.object.digest, f"“{sample.text}”") for sample in version.samples]
    return [
        f"  card: {', '.join(card)}" if card else "",
        f"  figures: {', '.join(figures)}" if figures else "",
        f"  verdict {version.verdict}" if version.verdict else "",
        *(f"  sound {digest}  {what}" for digest, what in sounds),
    ]


def _unknown(kind: str, digest: str) -> str:
    if kind == "symbols":
        return f"symbol table {digest[:12]}"
    return f"{digest[:24]}, not registered here: voicehub-admin base add PATH"
