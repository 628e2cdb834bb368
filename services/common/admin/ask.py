"""`voicehub-admin ask URL`: is the hub that people reach whole? What `helm test` runs."""

from __future__ import annotations

import threading
import time

import click
import httpx

ASK_SECONDS = 10.0
PAUSE_SECONDS = 1.0
DOORS = ("/", "/openapi.json", "/v1/search?q=voice", "/v1/bases")


@click.command(name="ask")
@click.argument("url")
@click.option("--patience", type=float, default=60.0, show_default=True, help="Seconds to wait until all serve.")
def group(url: str, patience: float) -> None:
    """Ask the hub at URL for its health, its page, a search and its bases; all of it must be answered."""
    deadline = time.monotonic() + patience
    pause = threading.Event()
    while wrong := look(url.rstrip("/")):
        if time.monotonic() > deadline:
            raise click.ClickException(
                f"{wrong}\nLook at the pods and the logs of what is down; docs/operate.md lists causes by symptom."
            )
        pause.wait(PAUSE_SECONDS)
    click.echo(f"✓ {url}: all services serve, and page, search and bases are answered")


def look(url: str) -> str:
    """What is wrong with the hub, or an empty text."""
    try:
        with httpx.Client(base_url=url, timeout=ASK_SECONDS, trust_env=False) as client:
            services = client.get("/healthz").raise_for_status().json()["services"]
            if down := sorted(name for name, state in services.items() if state != "serving"):
                return f"The hub answers, but not its {', '.join(down)}."
            for door in DOORS:
                client.get(door).raise_for_status()
    except (httpx.HTTPError, ValueError, KeyError) as error:
        return f"The hub at {url} does not answer as it should: {error}"
    return ""
