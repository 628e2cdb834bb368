"""Few-shot fine-tuning of the nano base on a minute of one speaker (needs torch)."""

from gptsovits.finetune.align import AlignmentError, Clip, align
from gptsovits.finetune.choice import prompt_of
from gptsovits.finetune.run import FinetuneError, finetune
from gptsovits.finetune.settings import Candidate, FinetuneResult, FinetuneSettings, Progress

__all__ = [
    "AlignmentError",
    "Candidate",
    "Clip",
    "FinetuneError",
    "FinetuneResult",
    "FinetuneSettings",
    "Progress",
    "align",
    "finetune",
    "prompt_of",
]
