"""The story, chapter by chapter. Everything goes through the command line, the SDK and the public API."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import yaml

import gptsovits
from gptsovits.formats.base_pair import write_pair
from gptsovits.judge.sentences import TEST_SENTENCES
from tools.demo.judging import JUDGES, Row, Spoken, distances, gain, judge
from tools.demo.recording import CARD, DECLARATION, TRANSCRIPT, Source, cut, read_16k
from tools.demo.speakers import Compared, Other, compare, others
from tools.demo.speaking import Booth
from tools.demo.stage import Person, Stage, StoryEnded
from tools.demo.table import OWN
from voicehub.cli.output import Output, Steps

QUERIES = ("英语 男性 叙事", "English male narrator")
AUDITION = "Tell me what you want to hear, and I will say it."
CREATOR = "demo"
VOICE = f"{CREATOR}/reader"
"""The README goes on with it after the demo."""


@dataclass
class Story:
    """What is told on `stage`, and what has been seen so far.

    `quick` is a shorter fine-tune; `sentences` are unseen ones that the voice says and that are judged.
    """

    stage: Stage
    source: Source
    folder: Path
    quick: bool
    out: Output
    sentences: tuple[str, ...] = TEST_SENTENCES
    report: dict[str, Any] = field(default_factory=dict)
    timings: dict[str, float] = field(default_factory=dict)

    def tell(self) -> dict[str, Any]:
        """All chapters; answers the report."""
        creator, developer = self.stage.person(CREATOR), self.stage.person("developer")
        with self._chapter("A recording that is not fit is refused, saying what to do"):
            self._refusals(creator)
        with self._chapter("The creator uploads 44 seconds of speech and gets a voice"):
            self._train(creator)
        with self._chapter("The card says what was measured and what was declared"):
            self._card(creator)
        with self._chapter("A second user finds it, in Chinese and in English"):
            self._search(developer)
        with self._chapter("… auditions it with words of their own, pulls it, and says so"):
            self._audition(developer)
        with self._chapter("… and speaks with it on their own machine, without torch"):
            spoken = self._speak(creator, developer)
        with self._chapter("Independent judges listen"):
            self._judge(spoken)
        self.report |= {"quick": self.quick, "seconds_by_chapter": self.timings, "sentences": list(self.sentences)}
        return self.report

    @contextmanager
    def _chapter(self, title: str) -> Iterator[None]:
        self.out.say(f"\n— {title}")
        begin = time.monotonic()
        yield
        self.timings[title] = round(time.monotonic() - begin, 1)
        self.out.say(f"  ({self.timings[title]:.0f} s)")

    def _refusals(self, creator: Person) -> None:
        short = cut(self.source.recording, self.folder / "too-short.wav", 10)
        words = ["-t", TRANSCRIPT, "-l", "en"]
        undeclared = creator.run("train", VOICE, self.source.recording, *words, code=4)
        refused = creator.run("train", VOICE, short, *words, *_flags(DECLARATION), code=4)
        for answer, reason in ((undeclared, "declaration"), (refused, "30 s")):
            self.out.say(f"  refused: {answer['error']} → {answer['hint']}")
            if reason not in answer["error"] + answer["hint"]:
                raise StoryEnded(f"The recording is refused, but not for its {reason}: {answer['error']}")
        self.report["refusals"] = [undeclared, refused]

    def _train(self, creator: Person) -> None:
        card = self.folder / "voice.yaml"
        card.write_text(yaml.safe_dump(CARD), encoding="utf-8")
        flags = ["-t", TRANSCRIPT, "-l", "en", *_flags(DECLARATION), *(["--quick"] if self.quick else [])]
        creator.show("train", VOICE, self.source.recording, "--card", card, *flags)

    def _card(self, creator: Person) -> None:
        found = creator.run("info", VOICE)["version"]
        self.report |= {"voice": VOICE, "version": found["id"], "card": found["card"]}
        self.report["training_figures"] = found["figures"]
        for text in (found["description_zh"], found["description_en"]):
            self.out.say(f"  {text}")
        for name, value in found["card"].get("measured", {}).items():
            self.out.say(f"  measured {name}: {value['value']} {value.get('unit', '')} ({value.get('how', '')})")
        self.out.say(f"  declared: {', '.join(found['card'].get('declared', []))}")
        if found["state"] != "published" or found["not_auditionable"]:
            raise StoryEnded(f"The voice is {found['state']} and cannot be heard: {found['not_auditionable']}")

    def _search(self, developer: Person) -> None:
        orders = []
        for query in QUERIES:
            hits = developer.run("search", query)["items"]
            orders.append([f"{hit['repository']['owner']}/{hit['repository']['name']}" for hit in hits])
            self.out.say(f"  {query} → {', '.join(orders[-1])}")
        if orders[0] != orders[1] or VOICE not in orders[0]:
            raise StoryEnded("The two questions do not find the same voices.")
        self.report["search"] = dict(zip(QUERIES, orders, strict=True))

    def _audition(self, developer: Person) -> None:
        path = self.folder / "audition.wav"
        with developer.client() as client:
            path.write_bytes(client.synthesise(VOICE, AUDITION, "en", seed=1))
            if not read_16k(path).any():
                raise StoryEnded("The audition is silent.")
        developer.show("pull", VOICE)
        stars = developer.run("star", VOICE)["stars"]
        comment = developer.run("comment", VOICE, "A narrator for my audiobook: thank you!")
        with developer.client() as client:
            said = [one.text for one in client.comments(VOICE)]
        if stars != 1 or said != [comment["text"]]:
            raise StoryEnded(f"The voice has {stars} stars and the comments {said}.")
        self.out.say(f"  {path}\n  {stars} star; “{comment['text']}”")
        self.report["audition"] = {"text": AUDITION, "path": str(path)}

    def _speak(self, creator: Person, developer: Person) -> dict[str, list[Spoken]]:
        base = self._push_base(creator, developer)
        wavs = self.folder / "wavs"
        with developer.client() as client:
            client.pull(base)
            cache = client.cache
        spoken: dict[str, list[Spoken]] = {}
        with self.out.steps() as steps:
            voice = Booth(cache, VOICE, wavs / "fine-tuned")
            spoken["fine-tuned"] = voice.speak(self.sentences, _mover(steps, "voice"))
            spoken["base"] = Booth(cache, base, wavs / "base").speak(self.sentences, _mover(steps, "base"))
            control = Booth(cache, VOICE, wavs / "shuffled")
            spoken["shuffled"] = control.speak_shuffled(spoken["fine-tuned"], _mover(steps, "control"))
        return spoken

    def _push_base(self, creator: Person, developer: Person) -> str:
        """The base with the same prompt but no fine-tuning: what the voice must be better than."""
        shipped = Path(gptsovits.__file__).parent / "bases" / "nano"
        pair = write_pair(shipped, self.folder / "base")
        folder = Path(developer.run("pull", VOICE)["folder"])
        entry = self.report["card"]["prompts"][0]
        stem = Path(entry["file"]).stem
        prompt = next(p for p in folder.rglob("*") if p.stem == stem and p.suffix in (".wav", ".flac"))
        flags = ["--prompt-text", entry["text"], "--prompt-language", entry["language"], "--language", "en"]
        name = f"{CREATOR}/base-for-comparison"
        creator.run("push", name, *pair, "--prompt", prompt, *flags, "--tag", "comparison", *_flags(DECLARATION))
        return name

    def _judge(self, spoken: dict[str, list[Spoken]]) -> None:
        people = self._people()
        speakers = {one.name: one.embedding for one in people}
        own = speakers[OWN]
        recording = [Spoken(TRANSCRIPT, self.source.recording)]
        rows: list[Row] = []
        with self.out.steps() as steps:
            names = {"recording": recording, **spoken}
            for number, (name, clips) in enumerate(names.items(), 1):
                rows.append(judge(name, clips, None if name == "recording" else own))
                steps.update("judges", number / len(names))
        by_name = {row.name: row for row in rows}
        self.report |= {
            "judges": JUDGES,
            "speakers": [{k: v for k, v in vars(one).items() if k != "embedding"} for one in people],
            "table": [asdict(row) for row in rows],
            "gain_over_base": asdict(gain(by_name["fine-tuned"], by_name["base"])),
            "nearness": {k: asdict(v) for k, v in distances(spoken["fine-tuned"], speakers).items()},
            "wavs": {
                name: [{"path": str(s.path), "text": s.text, "reference": str(self.source.recording)} for s in clips]
                for name, clips in {"recording": recording, **spoken}.items()
            },
        }

    def _people(self) -> list[Compared]:
        """The creator first, then everybody the voice is compared with."""
        recording = self.source.recording
        people = compare(Other(OWN, str(recording), read_16k(recording)), others(self.source, self.out.say))
        for one in people[1:]:
            self.out.say(f"  compared with {one.name}: {one.source}")
        return people


def _mover(steps: Steps, name: str) -> Callable[[float], None]:
    return lambda fraction: steps.update(name, fraction)


def _flags(declaration: dict[str, str]) -> list[str]:
    return [part for key, value in declaration.items() for part in (f"--{key}", value)]
