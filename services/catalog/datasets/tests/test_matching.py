"""Which voices a query means, without an index."""

from __future__ import annotations

import pytest

from services.catalog.datasets.matching import matches
from services.catalog.search.lexicon_data import load
from services.catalog.search.query import understand
from tests.contract.search_suite import voice

LEXICON = load()


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("eren", True),  # read as 恶人, a villain
        ("yuki", False),
        ("-老年男性", False),
        ("-老年女性", True),
        ("-stars:>=20", False),
        ("-mos:>=3", True),
    ],
)
def test_what_a_query_means(text: str, meant: bool) -> None:
    record = voice(1, name="eren-tts", gender="male", age="senior", stars=20, description_en="", description_zh="")
    assert matches(record, understand(text, LEXICON), LEXICON) == meant
