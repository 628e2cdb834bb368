"""A recorded pair of files speaks as recorded, from any thread, alone or in a batch, and without torch."""

from __future__ import annotations

import gc
import json
import shutil
import subprocess
import sys
import weakref
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from gptsovits.errors import BrokenVoice, MissingInput
from gptsovits.parity.recorded_synthesis import recorded_prompt, recorded_target
from gptsovits.runtime import stage1
from gptsovits.runtime.bundle import Bundle
from gptsovits.runtime.sampling import Sampling
from gptsovits.runtime.speaking import Manner, Piece, speak
from gptsovits.runtime.tests.conftest import GOLDEN, BundleOf
from gptsovits.runtime.voice import Voice

FILES = [
    ("tiny_v2_e8_s128.pth", "v2"),
    ("tiny_v2_header01.pth", "v2"),
    ("tiny_v2_pretrained_style.pth", "v2"),
    ("tiny_v2Pro_e8_s128.pth", "v2Pro"),
]
V2 = "tiny_v2_e8_s128.pth"
RECORDED = Sampling(greedy=True, early_stop=60)


@pytest.mark.parametrize(("file", "version"), FILES)
def test_tokens_are_equal_and_waves_within_tolerance(bundle_of: BundleOf, file: str, version: str) -> None:
    speaks_as_recorded(Voice.load(bundle_of(file)), version)


def speaks_as_recorded(voice: Voice, version: str) -> None:
    recorded = load_file(GOLDEN / "checkpoints" / "synthesis.safetensors")
    target, conditioning = recorded_target(GOLDEN, version), voice.prepare(recorded_prompt(GOLDEN, version))
    np.testing.assert_array_equal(conditioning.codes, recorded[f"{version}/prompt_semantic"][0])
    tokens = voice.generate_tokens(target.phones, target.bert, conditioning, RECORDED)
    np.testing.assert_array_equal(tokens, recorded[f"{version}/semantic"][0, 0])
    for key, scale in (("wav", 0.5), ("wav_noise0", 0.0)):
        wave = voice.decode(tokens, target.phones, conditioning.ge, scale, target.noise)
        assert np.abs(wave - recorded[f"{version}/{key}"][0, 0]).max() < 2e-4


def test_every_graph_was_compared_with_torch(bundle_of: BundleOf) -> None:
    graphs = json.loads((bundle_of(V2) / "bundle.json").read_text())["graphs"]
    assert set(graphs) == {"quantise", "style", "s1_prefill", "s1_step", "s2"}
    assert all(entry["compared_with_torch"]["max_error"] < 1e-4 for entry in graphs.values())


def test_runtime_text_and_formats_never_import_torch() -> None:
    modules = "runtime.streaming runtime.content formats.features formats.checkpoint formats.checkpoint_writer text"
    code = f"import sys\nfor name in {modules.split()!r}: __import__('gptsovits.' + name)\n"
    code += "print(sorted(name for name in sys.modules if name.split('.')[0] in ('torch', 'transformers', 'onnx')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_threads_do_not_mix(bundle_of: BundleOf) -> None:
    voice, target = Voice.load(bundle_of(V2)), recorded_target(GOLDEN)
    conditioning = voice.prepare(recorded_prompt(GOLDEN))

    def spoken(cut: int) -> tuple[int, ...]:
        phones = target.phones[: 4 + cut % 8]
        sampling = Sampling(seed=cut % 8, early_stop=20)
        return tuple(voice.generate_tokens(phones, None, conditioning, sampling).tolist())

    alone = [spoken(cut) for cut in range(8)]
    assert len(set(alone)) > 1
    with ThreadPoolExecutor(64) as pool:
        together = list(pool.map(spoken, range(64)))
    assert together == alone * 8


def test_several_references_are_averaged(bundle_of: BundleOf) -> None:
    voice, prompt = Voice.load(bundle_of(V2)), recorded_prompt(GOLDEN)
    other = replace(prompt, wave=prompt.wave[:64000][::-1].copy())
    found = voice.prepare(prompt, others=[other])
    expected = (voice.timbre(prompt.wave) + voice.timbre(other.wave)) / 2
    np.testing.assert_allclose(found.ge, expected, atol=1e-6)
    np.testing.assert_array_equal(found.codes, voice.prepare(prompt).codes)


def test_voices_share_equal_graphs_and_let_them_go(bundle_of: BundleOf) -> None:
    one, two = Bundle.open(bundle_of(V2), 1, True), Bundle.open(bundle_of("tiny_v2Pro_e8_s128.pth"), 1, True)
    assert one.graphs["s1_step"] is two.graphs["s1_step"]
    assert one.graphs["s2"] is not two.graphs["s2"]
    gone = weakref.ref(one.graphs["s2"])
    del one
    gc.collect()
    assert gone() is None


def test_a_batch_equals_single_sentences(bundle_of: BundleOf) -> None:
    voice, target = Voice.load(bundle_of(V2)), recorded_target(GOLDEN)
    conditioning = voice.prepare(recorded_prompt(GOLDEN))
    rows = [target.phones[:9], target.phones, target.phones[5:17]]
    single = [voice.generate_tokens(row, None, conditioning, RECORDED).tolist() for row in rows]
    batch = voice.generate_many(rows, [None] * 3, conditioning, RECORDED)
    assert [row.tolist() for row in batch] == single


def test_a_growing_cache_changes_nothing(bundle_of: BundleOf, monkeypatch: pytest.MonkeyPatch) -> None:
    voice, target = Voice.load(bundle_of(V2)), recorded_target(GOLDEN)
    conditioning = voice.prepare(recorded_prompt(GOLDEN))
    whole = voice.generate_tokens(target.phones, target.bert, conditioning, RECORDED)
    monkeypatch.setattr(stage1, "GROWTH", 3)
    np.testing.assert_array_equal(voice.generate_tokens(target.phones, target.bert, conditioning, RECORDED), whole)


def test_reference_free_speech_has_only_the_timbre(bundle_of: BundleOf) -> None:
    voice, target = Voice.load(bundle_of(V2)), recorded_target(GOLDEN)
    conditioning = voice.prepare(replace(recorded_prompt(GOLDEN), phones=None))
    assert conditioning.codes.size == 0
    assert voice.generate_tokens(target.phones, target.bert, conditioning, RECORDED).size > 0


def test_speech_repeats_with_a_seed_and_marks_its_pieces(bundle_of: BundleOf) -> None:
    voice, target = Voice.load(bundle_of(V2)), recorded_target(GOLDEN)
    conditioning = voice.prepare(recorded_prompt(GOLDEN))
    pieces = [Piece("one", target.phones[:12]), Piece("two", target.phones[12:])]
    manner = Manner(Sampling(seed=5, early_stop=20), pause=0.25)
    first, second = (speak(voice, "one two", "en", conditioning, manner, lambda *_: pieces) for _ in range(2))
    np.testing.assert_array_equal(first.wave, second.wave)
    assert [piece.text for piece in first.pieces] == ["one", "two"]
    one, two = first.pieces
    assert one.end - one.start == 1280 * len(one.codes)
    assert two.start - one.end == 8000
    assert not first.wave[one.end : two.start].any()
    assert len(first.wave) == two.end + 8000
    other = speak(voice, "one two", "en", conditioning, replace(manner, sampling=Sampling(seed=6, early_stop=20)),
                  lambda *_: pieces)  # fmt: skip
    assert not np.array_equal(other.wave, first.wave)


def test_speed_changes_the_length(bundle_of: BundleOf) -> None:
    voice, target = Voice.load(bundle_of(V2)), recorded_target(GOLDEN)
    ge, codes = voice.timbre(recorded_prompt(GOLDEN).wave), np.arange(20)
    assert len(voice.decode(codes, target.phones, ge, speed=1.25)) == 640 * 33
    with pytest.raises(MissingInput, match=r"between 0\.25 and 4"):
        voice.decode(codes, target.phones, ge, speed=9)
    with pytest.raises(MissingInput, match="noise"):
        voice.decode(codes, target.phones, ge, noise=np.zeros((1, 32, 3), np.float32))


def test_what_is_missing_is_named(bundle_of: BundleOf) -> None:
    voice, prompt = Voice.load(bundle_of(V2)), recorded_prompt(GOLDEN)
    with pytest.raises(MissingInput, match="base add"):
        voice.prepare(replace(prompt, features=None))
    with pytest.raises(MissingInput, match="one column per phone"):
        voice.prepare(replace(prompt, bert=np.zeros((1024, 3), np.float32)))
    with pytest.raises(MissingInput, match="sv_emb"):
        Voice.load(bundle_of("tiny_v2Pro_e8_s128.pth")).prepare(prompt)
    with pytest.raises(MissingInput, match="does not speak 'fr'"):
        speak(voice, "un", "fr", voice.prepare(prompt), None, lambda *_: [Piece("un", np.array([1, 2]))])


def test_inputs_of_another_voice_are_refused(bundle_of: BundleOf) -> None:
    voice, prompt = Voice.load(bundle_of(V2)), recorded_prompt(GOLDEN)
    with pytest.raises(MissingInput, match="knows phones 0 to 731"):
        voice.prepare(replace(prompt, phones=np.full(17, 732)))
    with pytest.raises(BrokenVoice, match="quantise refuses its inputs"):
        voice.prepare(replace(prompt, features=np.zeros((1, 768, 20), np.float32)))


def test_a_changed_or_missing_file_is_refused(bundle_of: BundleOf, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(bundle_of(V2), copy)
    with (copy / "s2.onnx").open("ab") as file:
        file.write(b"x")
    with pytest.raises(BrokenVoice, match="digest differs"):
        Bundle.open(copy, 1, verify=True)
    (copy / "s2.onnx").unlink()
    with pytest.raises(BrokenVoice, match="is missing"):
        Bundle.open(copy, 1, verify=True)
    with pytest.raises(BrokenVoice, match=r"no bundle\.json"):
        Voice.load(tmp_path)
