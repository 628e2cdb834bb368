"""Shapes and exactness of the nano networks."""

import torch

from gptsovits.nano.config import NanoConfig
from gptsovits.nano.content import ContentEncoder
from gptsovits.nano.spectral import FrameTransform
from gptsovits.nano.synthesizer import NOISE_CHANNELS, NanoSynthesizer
from gptsovits.nano.vocoder import pulses

TINY = NanoConfig(content_dim=16, content_layers=1, codebook_size=32, gin_channels=8, hidden=16, token_layers=1,
                  frame_layers=1, text_dim=8, ref_hidden=8, dec_hidden=16, dec_layers=1)  # fmt: skip


def test_analysis_and_synthesis_give_the_wave_back() -> None:
    transform, wave = FrameTransform(), torch.randn(1, 3200)
    again = transform.synthesise(*transform.analyse(wave))
    assert (wave - again)[:, 480:-480].abs().max() < 1e-4


def test_pulses_have_unit_power_and_the_asked_pitch() -> None:
    wave = pulses(torch.full((1, 100), 100.0))
    assert abs(float(wave.square().mean()) - 1) < 0.02
    assert torch.allclose(wave[0, 160:320], wave[0, 320:480], atol=1e-2)


def test_a_second_of_speech_is_25_tokens_and_decodes_to_its_length() -> None:
    content, network = ContentEncoder(TINY).eval(), NanoSynthesizer(TINY).eval()
    codes = network.quantise(content(torch.randn(1, 16000)))
    assert codes.shape == (1, 25)
    ge = network.style(torch.rand(1, 257, 50))
    wave = network.decode(codes, torch.tensor([[1, 2, 3]]), ge, torch.randn(1, NOISE_CHANNELS, 50), torch.tensor([0.5]))
    assert wave.shape == (1, 1, 16000)


def test_the_recording_gain_does_not_change_the_content() -> None:
    content, wave = ContentEncoder(TINY).eval(), torch.randn(1, 8000)
    assert (content(wave) - content(wave * 0.5)).abs().max() < 0.05


def test_the_codebook_finds_every_entry_again() -> None:
    quantiser = NanoSynthesizer(NanoConfig()).quantizer
    tokens = torch.arange(len(quantiser.codebook))[None]
    assert torch.equal(quantiser.encode(quantiser.decode(tokens) * 7), tokens)
