"""The fixed sentences of the judges by language; no corpus and no fine-tune ever sees them."""

from __future__ import annotations

TEST_SENTENCES: tuple[str, ...] = (
    "The morning train was late because of heavy snow.",
    "My brother left his keys on the kitchen table.",
    "We walked along the river until the sun went down.",
    "She bought a new pair of shoes for the party.",
    "The doctor told him to drink more water every day.",
    "There is a small shop at the end of the street.",
    "I would like a cup of coffee and a piece of cake.",
    "The children were playing in the garden after school.",
    "He has worked for the same company for ten years.",
    "Please close the window before you leave the room.",
    "The old man told us a story about the war.",
    "They are building a new bridge across the river.",
    "It was so cold that the lake was frozen.",
    "You can find the answer on the next page.",
    "The president will give a speech on Friday night.",
    "Nobody knew where the money had come from.",
    "The dog was sleeping under the big oak tree.",
    "We need to find a better way to do this.",
    "Her father was a teacher in a small town.",
    "The price of oil has gone up again this year.",
)
"""Twenty sentences that every report uses."""

DEVELOPMENT_SENTENCES: tuple[str, ...] = (
    "I will call you when I get home from work.",
    "The summer was long and very dry.",
    "He could not remember the name of the hotel.",
    "Most people in the city go to work by bus.",
    "The book was on the shelf behind the door.",
    "We had fish and fresh bread for lunch.",
    "She did not want to talk about the problem.",
    "The boat came into the harbor at four.",
    "My sister plays the piano very well.",
    "It takes about an hour to get to the airport.",
    "The judge asked the young man to stand up.",
    "They found the lost child near the church.",
    "A cold wind was blowing from the north.",
    "The team won the game in the last minute.",
    "You should always wash your hands before dinner.",
    "The farmer sold his land to the government.",
    "I have never seen such a beautiful place.",
    "The lights went out and everyone was quiet.",
    "He opened the letter and began to read.",
    "The new law will help people find jobs.",
)
"""Twenty more, for choosing among recipes and checkpoints without looking at the test sentences."""

MANDARIN_SENTENCES: tuple[str, ...] = (
    "今天早上的火车因为大雪晚点了。",
    "哥哥把钥匙忘在厨房的桌子上了。",
    "我们沿着河边一直走到太阳下山。",
    "医生让他每天多喝一点水。",
    "街道的尽头有一家小商店。",
    "请给我一杯咖啡和一块蛋糕。",
    "孩子们放学以后在花园里玩耍。",
    "他在同一家公司工作了十年。",
    "离开房间之前请把窗户关上。",
    "老人给我们讲了一个很长的故事。",
)
CANTONESE_SENTENCES: tuple[str, ...] = (
    "今朝嘅火車因為落大雪遲咗到。",
    "大佬將條鎖匙漏咗喺廚房張枱度。",
    "我哋沿住河邊行到日落先返屋企。",
    "醫生叫佢每日飲多啲水。",
    "條街嘅盡頭有一間細細嘅舖頭。",
    "唔該畀一杯咖啡同一件蛋糕我。",
    "啲細路放學之後喺花園度玩。",
    "佢喺同一間公司做咗十年嘢。",
    "離開間房之前請閂好個窗。",
    "嗰個伯伯同我哋講咗個好長嘅故事。",
)
JAPANESE_SENTENCES: tuple[str, ...] = (
    "今朝の電車は大雪で遅れました。",
    "兄は台所の机に鍵を忘れました。",
    "私たちは日が沈むまで川沿いを歩きました。",
    "医者は毎日もっと水を飲むように言いました。",
    "通りの端に小さな店があります。",
    "コーヒーを一杯とケーキを一つください。",
    "子どもたちは放課後に庭で遊んでいました。",
    "彼は十年間同じ会社で働いています。",
    "部屋を出る前に窓を閉めてください。",
    "老人は私たちに長い話をしてくれました。",
)
KOREAN_SENTENCES: tuple[str, ...] = (
    "오늘 아침 기차는 눈 때문에 늦었습니다.",
    "형은 열쇠를 부엌 식탁에 두고 갔습니다.",
    "우리는 해가 질 때까지 강가를 걸었습니다.",
    "의사는 매일 물을 더 마시라고 말했습니다.",
    "길 끝에 작은 가게가 하나 있습니다.",
    "커피 한 잔과 케이크 한 조각을 주세요.",
    "아이들은 방과 후에 마당에서 놀고 있었습니다.",
    "그는 같은 회사에서 십 년 동안 일했습니다.",
    "방을 나가기 전에 창문을 닫아 주세요.",
    "노인은 우리에게 긴 이야기를 들려주었습니다.",
)
_BY_LANGUAGE = {
    "en": TEST_SENTENCES,
    "zh": MANDARIN_SENTENCES,
    "yue": CANTONESE_SENTENCES,
    "ja": JAPANESE_SENTENCES,
    "ko": KOREAN_SENTENCES,
}


def sentences_of(language: str) -> tuple[str, ...]:
    """The sentences of a BCP 47 language; English ones for a language that has none here."""
    main, _, region = language.lower().partition("-")
    return _BY_LANGUAGE["yue" if region.startswith("yue") else main] if main in _BY_LANGUAGE else TEST_SENTENCES
