"""The parts of a voice by the names of its tensors: what a person means by "the decoder", and what never moves."""

from __future__ import annotations

MODULES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("stage1.text", ("s1/model.ar_text_", "s1/model.bert_proj.")),
    ("stage1.tokens", ("s1/model.ar_audio_",)),
    ("stage1.layers", ("s1/model.h.",)),
    ("stage1.prediction", ("s1/model.ar_predict_layer.",)),
    ("text_encoder", ("s2/enc_p.",)),
    ("posterior", ("s2/enc_q.",)),
    ("flow", ("s2/flow.",)),
    ("style", ("s2/ref_enc.",)),
    ("speaker", ("s2/sv_emb.", "s2/ge_to512.", "s2/prelu.")),
    ("decoder", ("s2/dec.",)),
    ("quantizer", ("s2/quantizer.", "s2/ssl_proj.")),
)
OTHER = "other"
FROZEN = ("s2/quantizer.", "s2/ssl_proj.")
"""Never trained: they make the tokens of one voice mean the same in another."""
STAGES = {"stage1": "s1/", "stage2": "s2/"}
NAMES = (*STAGES, *(name for name, _ in MODULES), OTHER)


def module_of(tensor: str) -> str:
    """The part that a tensor belongs to."""
    return next((name for name, prefixes in MODULES if tensor.startswith(prefixes)), OTHER)


def is_frozen(tensor: str) -> bool:
    """Whether no fine-tune may change it."""
    return tensor.startswith(FROZEN)


def is_meant(selector: str, tensor: str) -> bool:
    """Whether `selector` (a part, `stage1`, `stage2`, or a beginning of names with its `/`) covers the tensor."""
    if "/" in selector:
        return tensor.startswith(selector)
    return tensor.startswith(STAGES[selector]) if selector in STAGES else module_of(tensor) == selector
