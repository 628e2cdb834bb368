"""Mandarin: normalisation, word segmentation, pinyin, tone sandhi and phones. Needs the extra ``cjk``."""
