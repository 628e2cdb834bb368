"""A base of the published sizes, as an operator has it: weights by rule, small encoders of the real classes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile
import torch
from transformers import BertConfig, BertForMaskedLM, HubertConfig, HubertModel

from gptsovits.formats.checkpoint_writer import write_checkpoint
from gptsovits.parity.fill import filled
from gptsovits.parity.published import published_networks
from gptsovits.parity.recordings import read_json
from tests.e2e.golden import GOLDEN

FILES = {"s1_v2": "s1.ckpt", "s2G_v2": "s2G.pth", "s2D_v2": "s2D.pth"}
WORDS = "你好世界今天天气很，。"
LINES = ("你好，世界。", "今天天气很好。", "Hello there, world.", "你好，今天。", "How are you today?")
RATE = 32000


def write_stages(folder: Path) -> list[Path]:
    """Stage 1, stage 2 with its posterior encoder, and the discriminator, in half precision: 350 MB."""
    expected = read_json(GOLDEN / "full" / "expected.json", {})
    configs = {"s1_v2": expected["s1_config"], "s2G_v2": expected["s2_config"], "s2D_v2": expected["s2_config"]}
    networks, made = published_networks({}), []
    for name, file in FILES.items():
        shapes = {key: tuple(value.shape) for key, value in networks[name].state_dict().items()}
        made.append(write_checkpoint(folder / file, filled(shapes), configs[name], "by rule", precision="half"))
    return made


def write_encoders(folder: Path) -> list[Path]:
    """A HuBERT and a BERT as wide as the published ones, and otherwise as small as their classes allow."""
    torch.manual_seed(3)
    hubert = HubertConfig(
        hidden_size=768, num_hidden_layers=1, num_attention_heads=4, intermediate_size=32, conv_dim=(16,) * 7,
        num_conv_pos_embeddings=16, num_conv_pos_embedding_groups=16,
    )  # fmt: skip
    HubertModel(hubert).save_pretrained(folder / "hubert")
    marks = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *dict.fromkeys(WORDS)]
    bert = BertConfig(
        vocab_size=len(marks), hidden_size=1024, num_hidden_layers=3, num_attention_heads=4, intermediate_size=32,
    )  # fmt: skip
    BertForMaskedLM(bert).save_pretrained(folder / "bert")
    (folder / "bert" / "vocab.txt").write_text("".join(f"{mark}\n" for mark in marks), encoding="utf-8")
    return [folder / "hubert", folder / "bert"]


def write_recordings(folder: Path) -> Path:
    """A list of short tones with words to them, as `gptsovits.train prepare` reads it."""
    rows = []
    for number, text in enumerate(LINES):
        path = write_tone(folder / f"{number}.wav", 1.2, 120 + 30 * number)
        rows.append(f"{path}|me|{'zh' if text[0] in WORDS else 'en'}|{text}")
    (folder / "my.list").write_text("\n".join(rows), encoding="utf-8")
    return folder / "my.list"


def write_tone(path: Path, seconds: float, pitch: float) -> Path:
    """A tone of changing pitch and loudness."""
    at = np.arange(int(seconds * RATE)) / RATE
    wave = np.sin(2 * np.pi * (pitch * at + 15 * np.sin(4 * at))) * (0.3 + 0.2 * np.sin(19 * at))
    soundfile.write(path, wave, RATE, subtype="PCM_16")
    return path
