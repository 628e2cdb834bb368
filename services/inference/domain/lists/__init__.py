"""Lists of lines to be spoken, as people have them: JSONL, CSV, SRT and EPUB. All of them are hostile until parsed."""
