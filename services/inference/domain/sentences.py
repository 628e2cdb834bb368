"""What audition samples say: two sentences a language, plain words that every front end reads."""

from __future__ import annotations

SAMPLES: dict[str, tuple[str, str]] = {
    "en": ("Good morning, and welcome to the voice hub.", "A quiet river runs behind the old stone house."),
    "zh": ("早上好，欢迎来到声音社区。", "老房子后面有一条安静的小河。"),
    "yue": ("早晨，歡迎嚟到聲音社區。", "舊屋後面有一條好靜嘅小河。"),
    "ja": ("おはようございます、声の広場へようこそ。", "古い家の裏を静かな川が流れています。"),
    "ko": ("안녕하세요, 목소리 광장에 오신 것을 환영합니다.", "오래된 집 뒤로 조용한 강이 흐릅니다."),
}
