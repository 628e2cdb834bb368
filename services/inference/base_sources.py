"""Where a base comes from: a path of this machine, or a name on a model hub, from which it is fetched first.

A name is `OWNER/NAME`, with a folder or file of the repository behind it (`OWNER/NAME/folder/file.ckpt`) and a
revision (`…@v1`). Which hub, its mirror, its token and being offline are the settings of `huggingface_hub`
(`HF_ENDPOINT`, `HF_TOKEN`, `HF_HUB_OFFLINE`), in whose cache the files stay. What was fetched is as foreign as a file.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from services.inference.registry import BaseRefused

NAME = re.compile(r"(?P<repository>\w[\w.-]*/\w[\w.-]*)(?:/(?P<inside>[\w./ =+-]+))?(?:@(?P<revision>[\w./-]+))?")
STAGE_FILES = (".ckpt", ".pth", ".safetensors")
MODEL_PARTS = ("config.json", "model.safetensors", "pytorch_model.bin", "vocab.txt", "tokenizer.json")
"""What is fetched of the folder of a HuBERT or BERT: no code, and no weights of other frameworks."""


@dataclass(frozen=True)
class Source:
    """Where it lies now, and what it is called if nobody says otherwise."""

    path: Path
    name: str


def located(given: str) -> Source:
    """The path itself, or where the files of that name lie now.

    Raises:
        BaseRefused: it is neither, or the hub did not give it.
    """
    path = Path(given)
    if path.exists():
        return Source(path, path.name if path.is_dir() else path.stem)
    named = NAME.fullmatch(given)
    if named is None or ".." in PurePosixPath(given).parts:
        raise BaseRefused(f"{given} is neither a path on this machine nor a name OWNER/NAME on a model hub.")
    fetched = _fetched(named["repository"], named["inside"] or "", named["revision"])
    called = PurePosixPath(named["inside"] or named["repository"])
    return Source(fetched, called.stem if called.suffix in STAGE_FILES else called.name)


def _fetched(repository: str, inside: str, revision: str | None) -> Path:
    try:
        from huggingface_hub import hf_hub_download, snapshot_download
    except ImportError as error:
        raise BaseRefused("Fetching a base by name needs huggingface_hub: pip install 'voicehub[train]'.") from error
    place = PurePosixPath(inside)
    try:
        if place.suffix in STAGE_FILES:
            return Path(hf_hub_download(repository, inside, revision=revision))
        wanted = [(place / part).as_posix() for part in MODEL_PARTS]
        return Path(snapshot_download(repository, revision=revision, allow_patterns=wanted)) / inside
    except (OSError, ValueError) as error:  # what the client raises for every answer of a hub, and for none
        told = str(error).strip().partition("\n")[0]
        raise BaseRefused(
            f"{repository} could not be fetched ({told}); fetch it elsewhere and name its path."
        ) from error
