"""`python -m tools.word_sounds`: makes `services/catalog/search/sounds.txt.gz` again (seconds), after lists grew.

A line is a word of the lexicon, its pinyin and its jyutping, with tabs between them.
"""

from __future__ import annotations

import argparse
import gzip

from services.catalog.search.lexicon_data import load
from services.catalog.search.phonetics import sounding
from services.catalog.search.sounds import SOUNDS, looked_up


def main() -> None:
    """The command."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    rows = sorted(("".join(word), *looked_up(word)) for word in set(sounding(load())))
    text = "".join("\t".join(row) + "\n" for row in rows)
    SOUNDS.write_bytes(gzip.compress(text.encode(), mtime=0))


if __name__ == "__main__":
    main()
