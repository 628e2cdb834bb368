"""What a request asks for as a whole, by the model of the hub."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from services.catalog.search import ranking
from services.catalog.search.clauses import Clause
from services.catalog.search.finding import prepare
from services.catalog.search.intent import LONGEST, NOTHING, Intent, IntentModel, intent
from services.catalog.search.lexicon import Facet
from services.catalog.search.lexicon_data import load
from services.catalog.search.pieces import Pieces
from services.catalog.search.query import MAX_QUERY, understand
from services.catalog.search.ranking import plan
from services.catalog.search.tokens import fold
from services.catalog.search.words import load_words
from tests.relevance.texts import KEYS, texts

LEXICON = load()
UNTAUGHT = frozenset(
    Facet(key, value)
    for key, values in {
        "lang": "en-au en-gb en-gb-scotland en-ie en-in en-sg en-us en-us-south "
        "zh-cn-beijing zh-hk-mandarin zh-my zh-sg zh-tw",
        "emotion": "elegant",
        "style": "anime asmr audiobook bedtime documentary fast game radio slow theatrical",
        "timbre": "thick",
        "topic": "assassin bandit beggar best-friend big-sister catgirl courtesan general girl-next-door "
        "hermit housewife hunter in-laws innkeeper journalist loli martial-master monster mother "
        "noble-lady prince princess puppy-boyfriend salesperson scholar-gentleman schoolchild shota "
        "strategist temptress tomboy tribal-elder upperclassman young-master",
    }.items()
    for value in values.split()
)
"""Values that came after the model was taught: it tells the coarser ones that they are near to."""
HOARSE, MALE, FEMALE = Facet("timbre", "hoarse"), Facet("gender", "male"), Facet("gender", "female")


@pytest.fixture(scope="module")
def model() -> IntentModel:
    """The model of the hub."""
    return IntentModel()


def clauses(text: str) -> tuple[Clause, ...]:
    return plan(understand(text, LEXICON), LEXICON, load_words(), lambda phrases: ({}, 1000)).clauses


def wholes(text: str) -> dict[str, float]:
    return {clause.label: clause.weight for clause in clauses(text) if clause.label.startswith("as a whole")}


def test_texts_are_cut_as_a_unigram_tokenizer_of_the_same_pieces_cuts_them(model: IntentModel) -> None:
    unknown = next(number for number, piece in enumerate(model.pieces.scores) if piece == "<unk>")
    theirs = Tokenizer(models.Unigram(list(model.pieces.scores.items()), unk_id=unknown))
    theirs.pre_tokenizer = pre_tokenizers.Metaspace()
    chance = random.Random(5)
    said = [fold(text.text) for text in chance.sample(texts("requests") + texts("cards"), 2000)]
    said += ["", "☃☃ a☃b ☃", "한국어 ja にほんご ру́сский", "x" * MAX_QUERY]
    for text in said:
        assert [model.pieces.numbers.get(piece, unknown) for piece in model.pieces.cut(text)] == theirs.encode(text).ids


def test_the_most_probable_pieces_win_and_what_nothing_knows_is_one_piece() -> None:
    pieces = Pieces({"\u2581": -2.0, "\u2581a": -3.0, "b": -3.0, "ab": -2.5, "\u2581ab": -9.0})
    assert pieces.cut("ab b") == ["\u2581", "ab", "\u2581", "b"]
    assert pieces.cut("a??b") == ["\u2581a", "??", "b"]


def test_the_model_speaks_of_values_of_the_lexicon(model: IntentModel) -> None:
    lists = (LEXICON.terms, LEXICON.suggests, LEXICON.topics)
    known = {facet for words in lists for facets in words.values() for facet in facets if facet.key in KEYS}
    assert set(model.values) == known - UNTAUGHT, "values changed: run tools.intent.teach and tools.intent.pack"
    assert known >= UNTAUGHT
    assert len(model.values) > 400


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        ("somebody who can get my toddler to sleep", "topic:sleep"),
        ("sounds like gravel in a blender", "timbre:hoarse"),
        ("the gruff old sailor in the corner of the pub", "age:senior"),
        ("能在村口大喇叭里喊人开会的", "timbre:booming"),
        ("给我们寺院录早课用的", "topic:buddhism"),
    ],
)
def test_what_no_list_names_is_understood(model: IntentModel, said: str, wanted: str) -> None:
    told = model.read(fold(said)).wanted
    assert told.get(Facet(*wanted.split(":")), 0.0) >= 0.2, told


def test_the_model_learnt_its_lessons(model: IntentModel) -> None:
    """What it tells surely of texts that it was taught is right, and much of what they say."""
    chosen = random.Random(8).sample(texts("requests"), 400)
    read = [model.read(fold(text.text)).wanted for text in chosen]
    told = [{facet for facet, share in one.items() if share >= 0.5} for one in read]
    right = sum(len(found & text.wanted) for found, text in zip(told, chosen, strict=True))
    assert right / sum(map(len, told)) >= 0.75
    assert right / sum(len(text.wanted) for text in chosen) >= 0.4
    shares = [tuple(one.get(value, 0.0) for one in read) for value in model.values]
    assert len({row for row in shares if max(row) >= 0.5}) == sum(max(row) >= 0.5 for row in shares)  # no two are one


def test_a_file_that_is_no_model_is_said_to_be_none(tmp_path: Path) -> None:
    for content in (None, b"", b"no graph"):
        path = tmp_path / "intent.onnx"
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(ValueError, match="no model of requests: install VoiceHub again"):
            IntentModel(path)


def test_a_text_of_nothing_asks_for_nothing(model: IntentModel) -> None:
    assert model.read("") == model.read(" ") == NOTHING
    assert max(model.read("☃").wanted.values(), default=0.0) < 0.5


def test_of_what_is_too_long_the_beginning_and_the_end_are_read(model: IntentModel) -> None:
    long = "街边的小店里人来人往 " * LONGEST
    senior = Facet("age", "senior")
    assert senior not in model.read(long).wanted
    assert model.read(f"{long}想找一个沙哑的老爷爷").wanted[senior] >= 0.2
    assert model.read(f"{long}x{long}") == model.read(f"{long}y{long}")


@pytest.mark.parametrize(
    ("said", "again"),
    [
        ("找一個聲音沙啞的老爺爺講武俠", "找一个声音沙哑的老爷爷讲武侠"),
        ("A HOARSE old Man", "a hoarse old man"),
        ("ａｂｃ", "abc"),
    ],
)
def test_scripts_and_cases_ask_for_the_same(said: str, again: str) -> None:
    assert intent(understand(said, LEXICON).said) == intent(understand(again, LEXICON).said)


def test_keys_and_quotes_and_what_is_excluded_are_not_read_again() -> None:
    assert understand('lang:yue gender:male stars:>3 "old tea house" -hoarse calm  voice', LEXICON).said == "calm voice"


def test_a_hub_that_is_ready_has_opened_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    read: dict[str, Intent] = {}
    monkeypatch.setattr(ranking, "intent", lambda text: read.setdefault(text, NOTHING))
    prepare(LEXICON)
    assert read


def test_what_is_named_in_full_is_not_guessed_at(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(text: str) -> Intent:
        raise AssertionError(text)

    monkeypatch.setattr(ranking, "intent", never)
    assert clauses("粤语 老年 男性")
    assert clauses("lang:yue gender:male hoarse")


def test_what_is_named_or_excluded_is_asked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    told = Intent({HOARSE: 0.9, MALE: 0.9, FEMALE: 0.8, Facet("emotion", "calm"): 0.7, Facet("age", "senior"): 0.1}, {})
    monkeypatch.setattr(ranking, "intent", lambda text: told)
    assert wholes("male hoarse xyzzy plugh frotz").keys() == {"as a whole (emotion:calm)"}
    assert wholes("male xyzzy plugh frotz -hoarse").keys() == {"as a whole (emotion:calm)"}
    assert "as a whole (timbre:hoarse)" in wholes("xyzzy plugh frotz bletch quux")


@pytest.mark.parametrize(
    ("said", "refused"),
    [
        ("anything but a yoga instructor, for my guided forest walk", "topic:yoga"),
        ("-football commentator shouting goal", "topic:football"),
        ("别像卖保险的那样,讲点人生感悟", "topic:insurance"),
        ("唔好講鬼故事,想聽下啲輕鬆嘢", "topic:horror"),  # near to ghosts, which are what is refused
    ],
)
def test_what_is_refused_is_not_guessed_at(said: str, refused: str, monkeypatch: pytest.MonkeyPatch) -> None:
    facet = Facet(*refused.split(":"))
    monkeypatch.setattr(ranking, "intent", lambda text: Intent({facet: 0.9, Facet("emotion", "calm"): 0.9}, {}))
    assert wholes(said).keys() == {"as a whole (emotion:calm)"}


def test_a_guess_is_never_the_only_way_to_be_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    """马尾 hints at what is named: no text is left, and all female voices stay exact."""
    monkeypatch.setattr(ranking, "intent", lambda text: Intent({Facet("age", "young"): 0.9}, {}))
    planned = plan(understand("女生 马尾", LEXICON), LEXICON, load_words(), lambda phrases: ({}, 1000))
    assert planned.any_text == ()
    assert wholes("女生 马尾")


def test_guesses_weigh_little_beside_what_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    many = Intent({Facet("topic", "taxi"): 0.9, MALE: 0.9, HOARSE: 0.9, Facet("age", "middle"): 0.9}, {})
    monkeypatch.setattr(ranking, "intent", lambda text: many)
    named = next(c.weight for c in clauses("calm anna xyzzy plugh frotz") if c.label == "emotion:calm")
    assert sum(wholes("calm anna xyzzy plugh frotz").values()) == pytest.approx(1.5 * named, rel=1e-3)


@pytest.mark.parametrize(("name", "said"), [("crystal", 1), ("joy", 1), ("bella luna", 1), ("anna 2", 1), ("hope", 0)])
def test_a_name_outweighs_what_it_may_mean(name: str, said: int, monkeypatch: pytest.MonkeyPatch) -> None:
    told = Intent({FEMALE: 0.9, Facet("emotion", "happy"): 0.9, Facet("timbre", "bright"): 0.8}, {})
    monkeypatch.setattr(ranking, "intent", lambda text: told)
    planned = plan(understand(name, LEXICON), LEXICON, load_words(), lambda ph: (dict.fromkeys(ph, said), 1000))
    itself = sum(clause.weight for clause in planned.clauses if clause.label.endswith(" itself"))
    assert itself >= 0.999 * sum(wholes(name).values()) > 0
    rare = [clause.weight for clause in planned.clauses if clause.label.endswith(" itself")]
    assert len(rare) == len(understand(name, LEXICON).text)


def test_an_exclusion_names_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who wants no man may well be told to want a woman; and whom a request denies itself, it does not want."""
    told = Intent({FEMALE: 0.9, HOARSE: 0.45}, {HOARSE: 0.9})
    monkeypatch.setattr(ranking, "intent", lambda text: told)
    assert wholes("-male xyzzy plugh frotz").keys() == {"as a whole (gender:female)"}
    assert wholes("male xyzzy plugh frotz").keys() == set()


def test_an_age_that_is_named_is_the_only_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranking, "intent", lambda text: Intent({Facet("age", "senior"): 0.9}, {}))
    assert not wholes("teenage xyzzy plugh frotz")
    assert wholes("xyzzy plugh frotz -teenage")


def test_a_topic_of_the_whole_finds_what_is_near_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    ocean = Facet("topic", "ocean")
    monkeypatch.setattr(ranking, "intent", lambda text: Intent({ocean: 0.9}, {}))
    (found,) = [one for one in clauses("lullaby xyzzy plugh frotz") if one.label == "as a whole (ocean)"]
    assert {a.facet for a in found.alternatives} == {ocean, *LEXICON.near.get(ocean, {})}


def test_only_what_is_sure_makes_a_hit_exact_and_nothing_beside_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranking, "intent", lambda text: Intent({HOARSE: 0.9, Facet("timbre", "soft"): 0.3}, {}))

    def exact(text: str) -> set[str]:
        planned = plan(understand(text, LEXICON), LEXICON, load_words(), lambda phrases: ({}, 1000))
        return {planned.clauses[number].label for number in planned.any_text} & wholes(text).keys()

    assert exact("anna xyzzy plugh frotz") == {"as a whole (timbre:hoarse)"}
    assert wholes("anna").keys() == {"as a whole (timbre:hoarse)", "as a whole (timbre:soft)"}
    assert exact("anna") == set()


@pytest.mark.parametrize("name", ["xyzzy", "kokoro minara", "0815", "犇"])
def test_names_are_not_read_at_all(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranking, "intent", lambda text: pytest.fail(text))
    assert clauses(name)


def test_the_surer_the_more_it_weighs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranking, "intent", lambda text: Intent({HOARSE: 0.9, Facet("timbre", "soft"): 0.3}, {}))
    weights = wholes("xyzzy plugh frotz bletch quux")
    assert weights["as a whole (timbre:hoarse)"] > 2 * weights["as a whole (timbre:soft)"] > 0
