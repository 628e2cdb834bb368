import subprocess
import sys

import pytest

_PROGRAM = """
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from gptsovits.text import phonemize
code, text = sys.argv[1:]
start = Barrier(16)
def speak(number):
    start.wait()
    return [phonemize(text + str(turn), code).phones for turn in range(3)]
with ThreadPoolExecutor(16) as pool:
    heard = list(pool.map(speak, range(16)))
assert all(one == heard[0] for one in heard)
"""


@pytest.mark.parametrize(
    ("code", "text"), [("en", "A blicket at 3:30."), ("ko", "학교에 갑니다."), ("ja", "今日は天気。")]
)
def test_first_use_by_many_threads_at_once(code: str, text: str) -> None:
    subprocess.run([sys.executable, "-W", "ignore", "-c", _PROGRAM, code, text], check=True)
