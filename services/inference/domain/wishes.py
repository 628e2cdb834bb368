"""What somebody wants to hear, and its bounds."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum

from gptsovits.audio.containers import CONTAINERS, Container
from gptsovits.runtime.limits import SPEED
from gptsovits.runtime.sampling import Sampling
from gptsovits.text.cutting import METHODS
from services.common.errors import Invalid
from services.inference.domain import ssml
from services.inference.domain.script import Script, Stretch

MAX_CHARACTERS = 20_000
MAX_PAUSE = 10.0
WIDEST_TOP_K = 1_000


@dataclass(frozen=True)
class Ways:
    """How tokens are chosen; None leaves the voice's own way."""

    top_k: int | None = None
    top_p: float | None = None
    temperature: float | None = None
    repetition_penalty: float | None = None

    def applied(self, own: Sampling, seed: int | None) -> Sampling:
        """The voice's sampling with these changes."""
        changed = {name: value for name, value in vars(self).items() if value is not None}
        return replace(own, seed=seed, **changed)


@dataclass(frozen=True)
class Wish:
    """What is to be said. An empty language is the card's first; a seed makes it repeatable, None does not.

    Attributes:
        ssml: the text is a `<speak>` document.
        prompt: file name of one of the voice's prompts; empty means its first.
        notice: a tone mark before the speech.
        pause: seconds after each piece; None is the usual pause.
        cutting: cutting method of the text.
    """

    text: str
    language: str = ""
    seed: int | None = 0
    speed: float = 1.0
    ssml: bool = False
    prompt: str = ""
    notice: bool = False
    pause: float | None = None
    cutting: str = "cut5"
    ways: Ways = field(default_factory=Ways)

    def script(self) -> Script:
        """What is to be said, in order.

        Raises:
            Invalid: the wish is out of bounds, or the document is not understood.
        """
        _check_manner(self)
        if len(self.text) > 4 * MAX_CHARACTERS:  # mark-up has its length, too
            raise _too_long(len(self.text))
        found = ssml.parse(self.text) if self.ssml else (Stretch(self.text),)
        stretches = [item for item in found if isinstance(item, Stretch) and item.text.strip()]
        if not stretches:
            raise Invalid("There is no text to speak.", hint="Give a word.", fields={"text": "must not be empty"})
        characters = sum(stretch.characters for stretch in stretches)
        if characters > MAX_CHARACTERS:
            raise _too_long(characters)
        return found


class Delivery(Enum):
    """A whole file, a stream of sentences, or one of chunks that begins while a sentence is still being thought."""

    FILE = 1
    PIECES = 2
    CHUNKS = 3


@dataclass(frozen=True)
class Form:
    """The file that is wanted; ``sample_rate`` 0 is the voice's own or the nearest above.

    With ``same_bytes`` a whole file is not signed: a signature and its time are others each time.
    """

    container: Container
    sample_rate: int = 0
    delivery: Delivery = Delivery.FILE
    same_bytes: bool = False

    def rate(self, own: int) -> int:
        """Hz of the file of a voice that speaks at ``own`` Hz; Invalid if the format lacks the wanted rate."""
        try:
            return self.container.rate(own, self.sample_rate)
        except ValueError as error:
            reason = str(error)
            raise Invalid(
                f"This sample rate is not possible: {reason}.", hint="Leave it out.", fields={"sample_rate": reason}
            ) from error


def form(name: str, sample_rate: int, delivery: Delivery) -> Form:
    """The form of these names; Invalid if there is none, or not at that sample rate."""
    container = CONTAINERS.get(name or "wav")
    if container is None:
        known = ", ".join(CONTAINERS)
        raise Invalid(f"The format {name!r} is not known.", hint=f"Use one of {known}.", fields={"format": known})
    if sample_rate and not 8_000 <= sample_rate <= 48_000:
        raise Invalid("The sample rate is out of bounds.", fields={"sample_rate": "8000 to 48000 Hz"})
    wanted = Form(container, sample_rate, delivery)
    if sample_rate:
        wanted.rate(sample_rate)
    return wanted


def _too_long(characters: int) -> Invalid:
    return Invalid(
        f"The text has {characters} characters; at most {MAX_CHARACTERS} are spoken at once.",
        hint="Send it in parts, or pull the voice and say it on your own machine.",
        fields={"text": f"at most {MAX_CHARACTERS} characters"},
    )


def _check_manner(wish: Wish) -> None:
    ways, (slowest, fastest) = wish.ways, SPEED
    bounds = {
        "speed": (wish.speed, slowest, fastest),
        "pause": (wish.pause, 0.0, MAX_PAUSE),
        "top_k": (ways.top_k, 1, WIDEST_TOP_K),
        "top_p": (ways.top_p, 0.01, 1.0),
        "temperature": (ways.temperature, 0.0, 5.0),
        "repetition_penalty": (ways.repetition_penalty, 0.1, 10.0),
    }
    for name, (value, least, most) in bounds.items():
        if value is not None and not least <= value <= most:
            raise Invalid(
                f"{name} is out of bounds.",
                hint=f"Choose {least:g} to {most:g}.",
                fields={name: f"{least:g} to {most:g}"},
            )
    if wish.cutting not in METHODS:
        raise Invalid(f"The cutting method {wish.cutting!r} is not known.", hint=f"Use one of {', '.join(METHODS)}.")
