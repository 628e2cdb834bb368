"""The Viterbi path of alignment."""

import numpy as np

from gptsovits.finetune.align import viterbi


def test_phones_are_found_where_they_sound() -> None:
    scores = np.full((12, 4), -5.0, np.float32)
    for frame, number in enumerate([0, 0, 1, 1, 1, 2, 2, 0, 0, 3, 3, 0]):
        scores[frame, number] = -0.1
    assert viterbi(scores, [1, 2, 3], frozenset({3})) == [(2, 5), (5, 7), (9, 11)]
