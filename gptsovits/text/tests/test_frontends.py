import subprocess
import sys

import pytest

from gptsovits.text import TextError, frontends, languages, phonemize
from gptsovits.text.symbols import V1, V2, id_table, phone_ids
from gptsovits.text.tests.golden import recorded


def test_inventories_equal_recording() -> None:
    assert {"v1": list(V1), "v2": list(V2)} == recorded("symbols")
    assert (len(V1), len(V2)) == (322, 732)


def test_an_unknown_phone_is_unk() -> None:
    assert phone_ids(["SP", "nonsense"]) == (77, 86)


def test_an_unknown_inventory_is_refused() -> None:
    with pytest.raises(ValueError, match="v1 and v2"):
        id_table("v9")


def test_all_languages_are_listed_with_nothing_missing_here() -> None:
    assert {code: language.missing for code, language in languages().items()} == dict.fromkeys(
        ("en", "zh", "yue", "ja", "ko"), ()
    )


def test_a_missing_package_is_named_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    frontends.load.cache_clear()
    monkeypatch.setattr(frontends, "find_spec", lambda name: None)
    with pytest.raises(TextError, match=r"Japanese needs pyopenjtalk; install with: pip install 'voicehub\[cjk\]'"):
        phonemize("はい", "ja")


def test_importing_and_english_load_neither_torch_nor_the_large_libraries() -> None:
    heavy = ("torch", "jieba", "pypinyin", "pyopenjtalk", "g2pk2", "mecab", "ToJyutping", "opencc", "nltk")
    code = (
        "import sys; from gptsovits.text import phonemize; phonemize('Hello world.', 'en'); "
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_short_text_can_be_guarded_by_a_full_stop() -> None:
    assert phonemize("啊", "zh", guard_short=True).phones == (".", "AA", "a5")


@pytest.mark.parametrize("language", ["en", "zh", "ja", "ko", "yue", "auto", "all_zh", "auto_yue"])
@pytest.mark.parametrize("text", ["", " ", "...", "\n", "😀", "12", "-", "\x00"])
def test_texts_without_words_are_no_error(text: str, language: str) -> None:
    result = phonemize(text, language)
    assert len(result.ids) == len(result.phones)


def test_parts_of_mixed_text_make_up_the_whole() -> None:
    result = phonemize("我们用GPU，今日はいい天気です。", "auto")
    assert [part.language for part in result.parts] == ["zh", "en", "ja"]
    assert result.phones == tuple(phone for part in result.parts for phone in part.phones)
    assert result.ids == phone_ids(result.phones)
