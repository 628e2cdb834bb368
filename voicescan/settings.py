"""The settings a voice model may carry.

Known names with types and ranges. Unknown plain settings are dropped and listed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from voicescan.findings import Finding, Place
from voicescan.plain import FORMATIVE
from voicescan.rules import found, printable


@dataclass(frozen=True)
class _Number:
    low: float
    high: float
    whole: bool = True

    def accepts(self, value: object) -> bool:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return False
        return self.low <= value <= self.high and (not self.whole or value == int(value))


@dataclass(frozen=True)
class _Text:
    longest: int = 1024

    def accepts(self, value: object) -> bool:
        return isinstance(value, str) and len(value) <= self.longest and not any(char < " " for char in value)


@dataclass(frozen=True)
class _Flag:
    def accepts(self, value: object) -> bool:
        return isinstance(value, bool) or (type(value) is int and value in (0, 1))


@dataclass(frozen=True)
class _ListOf:
    """A list of at most ``longest`` acceptable items, each possibly a list of such itself (dilations)."""

    item: _Number
    longest: int = 32
    depth: int = 2

    def accepts(self, value: object, depth: int = 0) -> bool:
        if isinstance(value, list) and depth < self.depth:
            return 0 < len(value) <= self.longest and all(self.accepts(item, depth + 1) for item in value)
        return depth > 0 and self.item.accepts(value)


@dataclass(frozen=True)
class _Either:
    options: tuple[_Number | _Text | _Flag | _ListOf | None, ...]

    def accepts(self, value: object) -> bool:
        return any(value is None if option is None else option.accepts(value) for option in self.options)


Check = _Number | _Text | _Flag | _ListOf | _Either

_WIDTH = _Number(1, 65_536)
_COUNT = _Number(0, 1 << 31)
_REAL = _Number(-1e12, 1e12, whole=False)
_RATE = _Number(0, 1, whole=False)
_TEXT = _Text()
_FLAG = _Flag()
_ANY_TEXT = _Either((_TEXT, None, _REAL, _ListOf(_COUNT)))


def _table(check: Check, names: str) -> dict[str, Check]:
    return dict.fromkeys(names.split(), check)


SECTIONS: dict[str, dict[str, Check]] = {
    "train": {
        **_table(
            _COUNT,
            "log_interval eval_interval seed epochs "
            "batch_size segment_size warmup_epochs save_every_n_epoch save_every_epoch",
        ),
        **_table(_REAL, "learning_rate eps lr_decay init_lr_ratio c_mel c_kl text_low_lr_rate gradient_clip"),
        **_table(_FLAG, "fp16_run grad_ckpt if_save_latest if_save_every_weights if_dpo"),
        **_table(
            _ANY_TEXT, "pretrained_s2G pretrained_s2D gpu_numbers lora_rank precision half_weights_save_dir exp_name"
        ),
        "betas": _ListOf(_RATE),
    },
    "data": {
        **_table(
            _COUNT,
            "sampling_rate filter_length hop_length win_length "
            "n_mel_channels n_speakers pad_val max_eval_sample num_workers",
        ),
        **_table(_REAL, "max_wav_value max_sec mel_fmin"),
        "mel_fmax": _Either((_REAL, None)),
        **_table(_FLAG, "add_blank cleaned_text"),
        **_table(_TEXT, "exp_dir training_files validation_files"),
    },
    "model": {
        **_table(
            _WIDTH,
            "inter_channels hidden_channels filter_channels n_heads n_layers kernel_size upsample_initial_channel",
        ),
        **_table(
            _WIDTH,
            "gin_channels n_layers_q vocab_size phoneme_vocab_size embedding_dim hidden_dim head linear_units n_layer",
        ),
        **_table(_COUNT, "EOS random_bert bert_dim"),
        **_table(_RATE, "p_dropout dropout"),
        "resblock": _Either((_Text(8), _COUNT)),
        **_table(_ListOf(_WIDTH), "resblock_kernel_sizes resblock_dilation_sizes upsample_rates upsample_kernel_sizes"),
        **_table(_FLAG, "use_spectral_norm freeze_quantizer use_sdp"),
        **_table(_Either((_Text(32), None)), "semantic_frame_rate version"),
    },
    "ext": _table(
        _WIDTH,
        "ssl_dim codebook_size mrte_hidden mrte_heads ref_enc_in "
        "ref_enc_hidden enc_q_layers flow_n_flows flow_wn_layers n_symbols sv_dim",
    ),
    "optimizer": _table(_REAL, "lr lr_init lr_end warmup_steps decay_steps"),
    "inference": _table(_REAL, "top_k top_p temperature repetition_penalty"),
}

TOP: dict[str, Check] = {
    **_table(_ANY_TEXT, "s2_ckpt_dir content_module save_weight_dir name version pretrain resume_step"),
    **_table(_ANY_TEXT, "pretrained_s1 train_semantic_path train_phoneme_path output_dir"),
}


@dataclass(frozen=True)
class Settings:
    """The validated settings, the names that were dropped, and what was wrong."""

    config: dict[str, object]
    dropped: tuple[str, ...]
    findings: tuple[Finding, ...]


def validate(config: Mapping[str, object], entry: str, nano: bool = False) -> Settings:
    """Check every setting.

    ``nano`` models of this project keep further plain numbers, flags, texts and lists of their own.
    """
    return _Validation(entry, nano).run(config)


class _Validation:
    def __init__(self, entry: str, nano: bool) -> None:
        self.entry, self.nano = entry, nano
        self.dropped: list[str] = []
        self.findings: list[Finding] = []

    def run(self, config: Mapping[str, object]) -> Settings:
        kept: dict[str, object] = {}
        for name, value in config.items():
            if name not in SECTIONS:
                kept |= self.checked(name, name, value, TOP.get(name), formative=False)
            elif isinstance(value, dict):
                kept[name] = self.section(name, value)
            elif name in FORMATIVE:
                self.findings.append(found("config", Place(self.entry), f"{name} is not a table"))
            else:
                self.dropped.append(printable(f"setting {name}"))
        return Settings(kept, tuple(self.dropped), tuple(self.findings))

    def section(self, title: str, values: Mapping[str, object]) -> dict[str, object]:
        kept: dict[str, object] = {}
        for name, value in values.items():
            check = SECTIONS[title].get(name)
            kept |= self.checked(name, f"{title}.{name}", value, check, title in FORMATIVE)
        return kept

    def checked(self, name: str, label: str, value: object, check: Check | None, formative: bool) -> dict[str, object]:
        """The setting as a table of one, empty if it is not kept."""
        good = check.accepts(value) if check is not None else self.nano and _is_plain(value)
        if good:
            return {name: value}
        if check is not None and formative:
            self.findings.append(found("config", Place(self.entry), f"{label} = {str(value)[:80]}"))
        else:
            self.dropped.append(printable(f"setting {label[:120]}"))
        return {}


def _is_plain(value: object) -> bool:
    if isinstance(value, dict):
        return all(_is_plain(item) for item in value.values())
    if isinstance(value, list):
        return all(_is_plain(item) for item in value)
    return value is None or isinstance(value, (bool, int, float)) or _TEXT.accepts(value)
