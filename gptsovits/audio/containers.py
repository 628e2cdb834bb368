"""The files that speech is delivered in: names, media types, sample rates, where their labels are."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Container:
    """A kind of file.

    Attributes:
        kind: libsndfile's names of container and coding; empty where the samples are written as they are.
        rates: sample rates in Hz that it has, ascending; empty means any.
        labelled: it has a place for the AIGC label.
        signed: signed provenance (C2PA) can be embedded in a whole file.
    """

    name: str
    media_type: str
    ending: str
    kind: tuple[str, str] | None = None
    rates: tuple[int, ...] = ()
    labelled: bool = True
    signed: bool = False

    def rate(self, own: int, wanted: int = 0) -> int:
        """The sample rate in Hz of a file from a voice that speaks at ``own``: the wanted one, or the next above.

        Raises:
            ValueError: the format does not have the wanted rate.
        """
        if wanted and self.rates and wanted not in self.rates:
            raise ValueError(f"{self.name} has {', '.join(map(str, self.rates))} Hz, not {wanted}")
        aim = wanted or own
        return next((rate for rate in self.rates if rate >= aim), self.rates[-1]) if self.rates else aim


_OPUS_RATES = (8_000, 12_000, 16_000, 24_000, 48_000)
_MP3_RATES = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
CONTAINERS: dict[str, Container] = {
    container.name: container
    for container in (
        Container("wav", "audio/wav", ".wav", signed=True),
        Container("flac", "audio/flac", ".flac", ("FLAC", "PCM_16"), signed=True),
        Container("mp3", "audio/mpeg", ".mp3", ("MP3", "MPEG_LAYER_III"), _MP3_RATES, signed=True),
        Container("opus", "audio/ogg", ".opus", ("OGG", "OPUS"), _OPUS_RATES),
        Container("pcm", "audio/pcm", ".pcm", labelled=False),
    )
}
