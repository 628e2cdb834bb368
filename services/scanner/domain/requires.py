"""What a voice stands on: content encoder, symbol table, BERT, each by digest or as `unverified:<kind>`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_DIGEST = re.compile(r"[0-9a-f]{64}")
_V2_ENCODER = "cnhubert"
_V2_BERT = "chinese-roberta-wwm-ext-large"
_CHINESE = frozenset({"zh", "cmn"})


def requirements(
    family: str, configs: Mapping[str, Mapping[str, Any]], card: Mapping[str, Any], symbols: str
) -> dict[str, str]:
    """Requirements by kind.

    Args:
        family: `v2`, `nano`, ...
        configs: of the stages, by `s1` and `s2`.
        card: the validated card; `base` binds the content encoder to a registered base.
        symbols: digest of the symbol table that the family's ids index.
    """
    needed = {"symbols": symbols, "content_encoder": _content_encoder(family, configs, card)}
    languages = {str(tag).split("-")[0].lower() for tag in card.get("languages", ()) or ()}
    if family != "nano" and languages & _CHINESE:
        needed["bert"] = f"unverified:{_V2_BERT}"
    return needed


def _content_encoder(family: str, configs: Mapping[str, Mapping[str, Any]], card: Mapping[str, Any]) -> str:
    chosen = (str(card.get("base", "")), _named_in(configs.get("s2", {})))
    for digest in chosen:
        if _DIGEST.fullmatch(digest):
            return digest
    if family == "nano":
        return "unverified:nano"
    return f"unverified:{configs.get('s2', {}).get('content_module') or _V2_ENCODER}"


def _named_in(config: Mapping[str, Any]) -> str:
    """The base digest that this project's own files carry in their config."""
    requires = config.get("requires")
    return str(requires.get("content_encoder", "")) if isinstance(requires, Mapping) else ""
