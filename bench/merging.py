"""Two forks of a nano voice that each improved another thing, and their merge: `python -m bench.merging`.

*Timbre* learns the reader of the demo from half of his recording (both stages). *Terms* learns a dispatcher's shorthand
from text alone: a lexicon, and stage 1 tuned on the base voice's own reading of the words. Every voice then speaks the
same sentences, full of shorthand, after the same prompt; judged are the likeness to the reader (half of the recording
that was not learned from) and the word errors, sentence by sentence, with bootstrap intervals of paired differences.
Exit code 0 when the merge is no worse than the worse fork on both axes, and surely better than the base on both.
"""

from __future__ import annotations

import sys

if not __package__:
    sys.path[0] += "/.."  # Run as a file: beside it, operator.py would stand for Python's own.

import argparse
import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

import gptsovits
from gptsovits.finetune.align import Clip, align
from gptsovits.finetune.speaker import features_of_clips, replay_set
from gptsovits.finetune.stages import AcousticStage, SemanticStage, Stage, VocoderStage, update
from gptsovits.judge.intelligibility import Listener
from gptsovits.judge.intervals import Interval, paired_gain
from gptsovits.judge.similarity import embedding, similarity
from gptsovits.merging import NotMergeable, Recipe, Voice, merge, plan_base
from gptsovits.merging.report import render
from gptsovits.nano.base import NanoBase, NanoVoice, load_base, voice_of
from gptsovits.nano.speaking import condition, decode, speak, tokens_of
from gptsovits.pretrain.semantic import spoken_texts
from gptsovits.text import phonemize
from tools.demo.recording import TRANSCRIPT, find_source, read_16k

PLACE = Path(gptsovits.__file__).parent / "bases" / "nano"
SHORTHAND = {
    "appt": "appointment", "dept": "department", "govt": "government", "mgmt": "management", "qty": "quantity",
    "hosp": "hospital", "univ": "university", "bldg": "building", "pkg": "package", "mtg": "meeting",
}  # fmt: skip
SENTENCES = (
    "The bldg is next to the hosp.", "She has an appt at the univ.", "The govt gave money to the dept.",
    "Please bring the pkg to the mtg.", "The mgmt did not like the qty.", "He works for the govt in the city.",
    "My mtg at the hosp was very long.", "The dept is in a new bldg.", "There is a pkg for the mgmt.",
    "A large qty of water came to the univ.", "The appt with the dept was late.", "They left the pkg at the hosp.",
    "The mtg of the mgmt is on Monday.", "The univ sold the old bldg.", "His appt at the hosp is in the morning.",
    "The govt will build a hosp.",
)  # fmt: skip
LEARNED = ("The {} was open all day.", "We talked about the {} again.", "He asked for a {} this morning.")
STEPS = 60


@dataclass(frozen=True)
class Judged:
    """A voice by sentence: likeness to the reader, and word errors per word."""

    likeness: list[float]
    errors: list[float]


def spelled_out(text: str) -> str:
    """A sentence as it is meant to be read."""
    for short, long in SHORTHAND.items():
        text = text.replace(f" {short}", f" {long}")
    return text


def lexicon() -> dict[str, list[str]]:
    """Phones of each shorthand."""
    marks = set(".,!?…")
    return {short: [p for p in phonemize(long, "en").phones if p not in marks] for short, long in SHORTHAND.items()}


def tensors_of(voice: NanoVoice) -> dict[str, Any]:
    """As a hub stores them: half precision, names by stage."""
    states = {"s1": voice.s1.state_dict(), "s2": voice.s2.state_dict()}
    named = {f"{stage}/{name}": value for stage, state in states.items() for name, value in state.items()}
    return {name: value.detach().to(torch.float16).numpy() for name, value in named.items()}


def stored(voice: NanoVoice, words: Mapping[str, Any] | None = None) -> Voice:
    """The voice as a merge sees it."""
    configs = {"s1": voice.s1_config, "s2": voice.s2_config}
    return Voice(tensors_of(voice), configs, {"content_encoder": "nano"}, {"en": dict(words)} if words else {})


def spoken(voice: Voice) -> NanoVoice:
    """Networks again."""
    stages: dict[str, dict[str, torch.Tensor]] = {"s1": {}, "s2": {}}
    for name, value in voice.tensors.items():
        stages[name[:2]][name[3:]] = torch.from_numpy(np.array(value))
    return voice_of(stages["s1"], dict(voice.configs["s1"]), stages["s2"], dict(voice.configs["s2"]))


def train(stages: Sequence[Stage], steps: int, seed: int) -> None:
    """Real steps, one stage after the other."""
    torch.manual_seed(seed)
    source = np.random.default_rng(seed)
    for stage in stages:
        for step in range(steps):
            update(stage, stage.step(step / steps, source))
        print(f"{stage.name}: {steps} steps", file=sys.stderr, flush=True)


def timbre_fork(clips: Sequence[Clip], steps: int) -> Voice:
    """Both stages learn the reader; acoustic weights stay halfway to the base, as the product's fine-tune does."""
    base = load_base(PLACE)
    before = copy.deepcopy(base.voice.s2.state_dict())
    items, replay = features_of_clips(base, clips), replay_set(PLACE)
    semantic = SemanticStage(base.voice, spoken_texts(items), replay, 1)
    train([semantic, VocoderStage(base.voice, items, 1), AcousticStage(base.voice, items, replay, 1)], steps, seed=1)
    after = base.voice.s2.state_dict()
    blended = {k: torch.lerp(before[k], v, 0.5) if k.startswith(("enc_p", "ref_enc")) else v for k, v in after.items()}
    base.voice.s2.load_state_dict(blended)
    return stored(base.voice)


def terms_fork(prompt: Clip, steps: int) -> Voice:
    """A lexicon, and stage 1 tuned on the base voice's own reading of the long words."""
    base = load_base(PLACE)
    told = condition(base, base.voice, prompt.wave, prompt.text)
    texts = [form.format(word) for word in SHORTHAND.values() for form in LEARNED]
    clips = [Clip(speak(base.voice, text, told, seed=number), text) for number, text in enumerate(texts)]
    items = features_of_clips(base, clips)
    base.voice.s1.train()
    train([SemanticStage(base.voice, spoken_texts(items), replay_set(PLACE), 1)], steps, seed=2)
    return stored(base.voice, lexicon())


def judge(base: NanoBase, voice: Voice, prompt: Clip, reader: Any, listener: Listener) -> Judged:
    """Speaks and judges every sentence."""
    networks = spoken(voice)
    told = condition(base, networks, prompt.wave, prompt.text)
    found = Judged([], [])
    for number, text in enumerate(SENTENCES):
        phones = torch.tensor(phonemize(text, "en", voice.lexicons.get("en")).ids)
        wave = decode(networks, tokens_of(networks, phones, told, number), phones, told.ge, number)
        found.likeness.append(similarity(embedding(wave), reader))
        found.errors.append(listener.judge(wave, spelled_out(text)).rate)
    return found


def gain(name: str, better: Sequence[float], worse: Sequence[float]) -> Interval:
    """Printed, and given back."""
    found = paired_gain(better, worse)
    print(f"{name:58} {found.mean:+.3f} [{found.low:+.3f}, {found.high:+.3f}]")
    return found


def verdict(base: Judged, timbre: Judged, terms: Judged, merged: Judged) -> bool:
    """All comparisons; word errors count as losses."""
    correct = {name: [-e for e in one.errors] for name, one in
               {"base": base, "timbre": timbre, "terms": terms, "merged": merged}.items()}  # fmt: skip
    worse_likeness = min((timbre, terms), key=lambda one: float(np.mean(one.likeness))).likeness
    worse_words = min((correct["timbre"], correct["terms"]), key=lambda one: float(np.mean(one)))
    print("difference (likeness, or share of words right), mean and 95 % interval over the sentences:")
    sure = [
        gain("timbre fork over base, likeness (it improved that)", timbre.likeness, base.likeness).low > 0,
        gain("terms fork over base, words (it improved that)", correct["terms"], correct["base"]).low > 0,
        gain("merge over base, likeness", merged.likeness, base.likeness).low > 0,
        gain("merge over base, words", correct["merged"], correct["base"]).low > 0,
        gain("merge over the worse fork, likeness", merged.likeness, worse_likeness).high >= 0,
        gain("merge over the worse fork, words", correct["merged"], worse_words).high >= 0,
    ]
    return all(sure)


def main() -> int:
    """0 when all holds."""
    parser = argparse.ArgumentParser(prog="python -m bench.merging", description=__doc__)
    parser.add_argument("--strategy", default="task")
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--steps", type=int, default=STEPS, help="of each stage of a fork")
    given = parser.parse_args()
    torch.set_num_threads(1)
    base, listener = load_base(PLACE), Listener()
    clips = align(base, read_16k(find_source().recording), TRANSCRIPT)
    learned, held_out = clips[: len(clips) // 2], clips[len(clips) // 2 :]
    reader, prompt = embedding(np.concatenate([clip.wave for clip in held_out])), held_out[0]
    sides = {"base": stored(base.voice), "timbre": timbre_fork(learned, given.steps)}
    sides["terms"] = terms_fork(prompt, given.steps)
    merged = merge(sides["base"], sides["timbre"], sides["terms"], Recipe(given.strategy, scale=given.scale))
    print(render(merged.report))
    voices = {**sides, "merged": merged.voice}
    judged = {name: judge(base, voice, prompt, reader, listener) for name, voice in voices.items()}
    for name, one in judged.items():
        print(f"{name:8} likeness {np.mean(one.likeness):.3f}, word errors {np.mean(one.errors):.1%}")
    holds = verdict(*(judged[name] for name in ("base", "timbre", "terms", "merged")))
    return 0 if holds and refused() else 1


def refused() -> bool:
    """Voices without a common ancestor are not merged."""
    try:
        plan_base({"mine": [], "yours": []}, "mine", "yours")
    except NotMergeable as error:
        print(f"unrelated voices: {error}")
        return True
    return False


if __name__ == "__main__":
    sys.exit(main())
