"""One line about a voice in Chinese and English, composed from its card.

The form is that of “中年男性，粤语母语，略带沙哑，叙事风格”. Only what is stated or measured is said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

AGE_ZH = {"child": "儿童", "teen": "少年", "young": "青年", "middle": "中年", "senior": "老年"}
AGE_EN = {"child": "Child", "teen": "Teenage", "young": "Young", "middle": "Middle-aged", "senior": "Elderly"}
GENDER_ZH = {"male": "男性", "female": "女性", "neutral": "中性"}
GENDER_EN = {"male": "man", "female": "woman", "neutral": "neutral voice"}
LANGUAGE_ZH = {"en": "英语", "zh": "普通话", "yue": "粤语", "ja": "日语", "ko": "韩语"}
LANGUAGE_EN = {"en": "English", "zh": "Mandarin", "yue": "Cantonese", "ja": "Japanese", "ko": "Korean"}
REGISTER_ZH = {"low": "音区偏低", "medium": "", "high": "音区偏高"}
REGISTER_EN = {"low": "low register", "medium": "", "high": "high register"}
ROUGHNESS_ZH = {"clear": "", "slightly-hoarse": "略带沙哑", "hoarse": "沙哑"}
ROUGHNESS_EN = {"clear": "", "slightly-hoarse": "slightly hoarse", "hoarse": "hoarse"}
MANNER_ZH = {"calm": "语调平稳", "even": "", "lively": "语调生动"}
MANNER_EN = {"calm": "calm delivery", "even": "", "lively": "lively delivery"}
STYLE_ZH = {
    "narrative": "叙事", "news": "新闻", "conversational": "对话", "audiobook": "有声书", "assistant": "助手",
    "storytelling": "讲故事", "commercial": "广告", "teaching": "教学", "singing": "歌唱",
}  # fmt: skip


def describe_zh(card: Mapping[str, Any], tags: Mapping[str, str]) -> str:
    """The Chinese line."""
    who = AGE_ZH.get(str(card.get("age")), "") + GENDER_ZH.get(str(card.get("gender")), "")
    languages = "、".join(LANGUAGE_ZH.get(code, code) for code in _list(card, "languages"))
    styles = "、".join(STYLE_ZH.get(style, style) for style in _list(card, "styles"))
    parts = [
        who,
        f"{languages}母语" if languages else "",
        REGISTER_ZH.get(tags.get("register", ""), ""),
        ROUGHNESS_ZH.get(tags.get("roughness", ""), ""),
        MANNER_ZH.get(tags.get("manner", ""), ""),
        f"{styles}风格" if styles else "",
    ]
    return "，".join(part for part in parts if part)


def describe_en(card: Mapping[str, Any], tags: Mapping[str, str]) -> str:
    """The English line."""
    age, gender = AGE_EN.get(str(card.get("age")), ""), GENDER_EN.get(str(card.get("gender")), "")
    languages = " and ".join(LANGUAGE_EN.get(code, code) for code in _list(card, "languages"))
    styles = " and ".join(_list(card, "styles"))
    parts = [
        " ".join(word for word in (age, gender) if word),
        f"native {languages}" if languages else "",
        REGISTER_EN.get(tags.get("register", ""), ""),
        ROUGHNESS_EN.get(tags.get("roughness", ""), ""),
        MANNER_EN.get(tags.get("manner", ""), ""),
        f"{styles} style" if styles else "",
    ]
    line = ", ".join(part for part in parts if part)
    return line[:1].upper() + line[1:]


def _list(card: Mapping[str, Any], key: str) -> Sequence[str]:
    value = card.get(key)
    return [str(item) for item in value] if isinstance(value, list) else []
