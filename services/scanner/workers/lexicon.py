"""Inside: the pronunciations that a voice brings with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from gptsovits.text.lexicon import check as check_lexicon
from gptsovits.text.sequence import TextError
from services.scanner.sandbox.channel import Channel
from services.scanner.workers.upload import Upload, scan_one
from voicescan.checkpoint import open_view
from voicescan.documents import parse_yaml_texts


def main(argument: Mapping[str, Any], channel: Channel) -> None:
    """Sends a verdict and, if it is clean, the rebuilt content."""
    scan_one(argument, channel, _lexicon)


def _lexicon(upload: Upload) -> None:
    content = parse_yaml_texts(bytes(open_view(upload.path)), upload.filename)
    try:
        cleaned = _checked_lexicon(content)
    except (TextError, ValueError) as error:
        upload.refuse(
            "lexicon", f"{error} Write it as language, word, phones.", "词典格式不正确；请按“语言 → 单词 → 音素”书写。"
        )
        return
    upload.file("lexicon", ".yaml", yaml.safe_dump(cleaned, allow_unicode=True, sort_keys=True).encode())


def _checked_lexicon(content: object) -> dict[str, dict[str, list[str]]]:
    if not isinstance(content, dict):
        raise ValueError("The lexicon is no table of languages.")
    cleaned: dict[str, dict[str, list[str]]] = {}
    for language, words in content.items():
        if not isinstance(words, dict):
            raise ValueError(f"The lexicon of {language} is no table of words.")
        cleaned[language] = {word: _phones(phones) for word, phones in words.items()}
        check_lexicon(cleaned[language])
    return cleaned


def _phones(phones: object) -> list[str]:
    if isinstance(phones, str):
        return phones.split()
    if isinstance(phones, list):
        return [str(phone) for phone in phones]
    raise ValueError("Phones are a list or a line.")
