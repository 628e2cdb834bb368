"""The folder of this package on the user's machine: which hub, which token, and the cache.

`$VOICEHUB_HOME` (default `~/.voicehub`) holds `hubs.json` (mode 0600) and `cache/`.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from voicehub.errors import Unreadable, UsageError

DEFAULT_URL = "http://127.0.0.1:8484"


def home() -> Path:
    """The folder itself; it need not exist."""
    return Path(os.environ.get("VOICEHUB_HOME") or Path.home() / ".voicehub")


def hub_folder() -> Path:
    """The data folder of the hub of this machine: `$VOICEHUB_DATA`, else `hub` in the folder of this package."""
    return Path(os.environ.get("VOICEHUB_DATA") or home() / "hub")


@dataclass(frozen=True)
class Login:
    """Who the user is on one hub."""

    url: str
    account: str = ""
    token: str = field(default="", repr=False)


def resolve(url: str | None = None) -> Login:
    """The hub to talk to, and as whom.

    The address is, in this order: `url`, `$VOICEHUB_URL`, the hub logged in to last, the hub running on this machine
    (`voicehub up` writes `hub.json`), `http://127.0.0.1:8484`. A token in `$VOICEHUB_TOKEN` wins over a saved one.
    """
    saved = _load()
    chosen = url or os.environ.get("VOICEHUB_URL") or saved.get("last") or _running() or DEFAULT_URL
    chosen = normalise(chosen)
    entry = saved.get("hubs", {}).get(chosen, {})
    token = os.environ.get("VOICEHUB_TOKEN") or entry.get("token", "")
    return Login(chosen, entry.get("account", ""), token)


def save(login: Login) -> None:
    """Keeps a login, readable by the user alone, and makes its hub the one talked to from now on."""
    data = _load()
    data.setdefault("hubs", {})[login.url] = {"account": login.account, "token": login.token}
    data["last"] = login.url
    write_private(home() / "hubs.json", json.dumps(data, indent=1))


def forget(url: str) -> None:
    """Keeps no login of a hub any more."""
    data = _load()
    if data.get("hubs", {}).pop(url, None) is not None:
        write_private(home() / "hubs.json", json.dumps(data, indent=1))


def normalise(url: str) -> str:
    """The address with a scheme and without a slash at its end."""
    given, url = url, url.strip().rstrip("/")
    if "://" not in given and url.lower() not in ("http:", "https:"):
        url = f"http://{url}"
    if not url.startswith(("http://", "https://")) or url.endswith("://"):
        raise UsageError(f"“{given}” is no address of a hub.", hint="Write it like http://127.0.0.1:8484.")
    return url


def write_private(path: Path, text: str) -> None:
    """Writes a file that only the user may read; a reader sees the old or the new content, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(temporary, path)


def _load() -> dict[str, Any]:
    path = home() / "hubs.json"
    try:
        data: Any = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        raise Unreadable(f"{path} cannot be read: {error}.", hint="Remove it and log in again.") from error
    hubs = data.get("hubs", {}) if isinstance(data, dict) else None
    if not isinstance(hubs, dict) or not all(isinstance(entry, dict) for entry in hubs.values()):
        raise Unreadable(f"{path} is not what this program wrote.", hint="Remove it and log in again.")
    return dict(data)


def _running() -> str:
    """The address of a hub that runs from the default data folder; empty if none does."""
    try:
        return str(json.loads((hub_folder() / "hub.json").read_text(encoding="utf-8"))["url"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""
