"""Text front end: normalisation, phones, language segmentation and cutting. Needs neither torch nor a network."""

from gptsovits.text.cutting import cut, pieces
from gptsovits.text.frontends import Language, languages
from gptsovits.text.phonemizing import phonemize, unreadable
from gptsovits.text.segmentation import Segment, segment
from gptsovits.text.sequence import NothingReadable, PhonemeSequence, TextError, WordSpan

__all__ = [
    "Language",
    "NothingReadable",
    "PhonemeSequence",
    "Segment",
    "TextError",
    "WordSpan",
    "cut",
    "languages",
    "phonemize",
    "pieces",
    "segment",
    "unreadable",
]
