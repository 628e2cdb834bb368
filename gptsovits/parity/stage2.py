"""Cases of stage 2: every module, decoding at several speeds, and streaming."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from gptsovits.arch.masking import length_mask
from gptsovits.arch.s2 import S2Batch, Synthesizer
from gptsovits.audio.dsp import spectrogram
from gptsovits.config import S2Config, SpectrogramConfig
from gptsovits.parity.outcome import Comparison, Outcome
from gptsovits.parity.recordings import Group
from gptsovits.parity.training import training_cases


def stage2_cases(group: Group) -> Iterator[Outcome]:
    """Every case whose name starts with ``s2.``."""
    network = load_network(group)
    yield from inference_cases(group, network)
    yield from training_cases(group, network, read_batch(group, network.config.spectrogram))


def load_network(group: Group) -> Synthesizer:
    """The recorded network with its posterior encoder."""
    network = Synthesizer(S2Config.from_config(group.expected["s2_config"]))
    group.load_weights(network, "s2")
    return network


@torch.no_grad()
def inference_cases(group: Group, network: Synthesizer) -> Iterator[Outcome]:
    """Every case that needs no gradient."""
    batch = read_batch(group, network.config.spectrogram)
    yield Outcome("s2.batch", "input")
    yield from _modules(group, network, batch)
    yield Outcome("s2.decode.in", "input")
    yield from _decoding(group, network)
    if group.has("s2.decode_streaming"):
        yield _streaming(group, network)


def read_batch(group: Group, config: SpectrogramConfig) -> S2Batch:
    """The recorded training batch; a spectrogram that was not stored is computed."""
    case = group.case("s2.batch")
    if "spec" not in case:
        case["spec"] = _spectrograms(case["wav"], case["spec_lengths"], case["ssl"].shape[2], config)
    return S2Batch(
        case["ssl"], case["spec"], case["spec_lengths"], case["text"], case["text_lengths"], case["wav"]
    )


def _spectrograms(waves: Tensor, lengths: Tensor, longest: int, config: SpectrogramConfig) -> Tensor:
    out = torch.zeros(len(waves), config.bins, longest)
    for row, (wave, frames) in enumerate(zip(waves, lengths.tolist(), strict=True)):
        out[row, :, :frames] = torch.from_numpy(spectrogram(wave[0, : frames * config.hop_length].numpy(), config))
    return out


def _modules(group: Group, network: Synthesizer, batch: S2Batch) -> Iterator[Outcome]:
    mask = length_mask(batch.spec_lengths, batch.spec.shape[2])
    text_mask = length_mask(batch.phone_lengths, batch.phones.shape[1])
    ge = network.timbre(batch.spec, mask)
    yield Comparison("s2.ref_enc").close("ge", ge, group.case("s2.ref_enc")["ge"]).outcome()
    yield from _quantiser(group, network, batch)
    content = network.quantizer(network.ssl_proj(batch.ssl)).values.repeat_interleave(2, dim=2)
    yield from _text_encoder(group, network, batch, (content, mask, text_mask, ge))
    case = group.case("s2.enc_q")
    z, mean, log_deviation = network.enc_q(batch.spec, mask, ge, case["noise"])
    comparison = Comparison("s2.enc_q").close("z", z, case["z"])
    yield comparison.close("m_q", mean, case["m_q"]).close("logs_q", log_deviation, case["logs_q"]).outcome()
    case = group.case("s2.flow")
    z_p = network.flow(z, mask, ge)
    comparison = Comparison("s2.flow").close("z_p", z_p, case["z_p"])
    yield comparison.close("z_back", network.flow.inverse(z_p, mask, ge), case["z_back"]).outcome()
    case = group.case("s2.dec")
    yield Comparison("s2.dec").wave("wav", network.dec(case["z_slice"], ge), case["wav"]).outcome()


def _quantiser(group: Group, network: Synthesizer, batch: S2Batch) -> Iterator[Outcome]:
    case = group.case("s2.quantizer")
    projected = network.ssl_proj(batch.ssl)
    found, kept = network.quantizer(projected), case["quantized"].shape[1]
    comparison = Comparison("s2.quantizer").exact("codes", found.codes, case["codes"])
    comparison.close("ssl_proj_out", projected[:, :kept], case["ssl_proj_out"])
    comparison.close("quantized", found.values[:, :kept], case["quantized"])
    yield comparison.close("commit_loss", found.commitment, case["commit_loss"]).outcome()
    case = group.case("s2.quantizer_decode")
    decoded = network.quantizer.decode(case["codes"])[:, : case["decoded"].shape[1]]
    yield Comparison("s2.quantizer_decode").close("decoded", decoded, case["decoded"]).outcome()
    codes = group.case("s2.extract_latent")["codes"]
    yield Comparison("s2.extract_latent").exact("codes", network.extract_latent(batch.ssl), codes).outcome()


def _text_encoder(
    group: Group, network: Synthesizer, batch: S2Batch, inputs: tuple[Tensor, Tensor, Tensor, Tensor]
) -> Iterator[Outcome]:
    content, mask, text_mask, ge = inputs
    prior, case = network.enc_p(content, mask, batch.phones, text_mask, ge), group.case("s2.enc_p")
    comparison = Comparison("s2.enc_p").close("m_p", prior.mean, case["m_p"])
    yield comparison.close("logs_p", prior.log_deviation, case["logs_p"]).outcome()
    for name in (name for name in group.names if name.startswith("s2.enc_p.speed")):
        case, speed = group.case(name), float(name.removeprefix("s2.enc_p.speed"))
        prior = network.enc_p(content[:1], mask[:1], batch.phones[:1], text_mask[:1], ge[:1], speed)
        comparison = Comparison(name).close("m_p", prior.mean, case["m_p"])
        comparison.close("logs_p", prior.log_deviation, case["logs_p"])
        yield comparison.close("y_mask", prior.mask, case["y_mask"]).outcome()
    if group.has("s2.enc_p.steps"):
        yield _text_encoder_steps(group, network, batch, inputs)


def _text_encoder_steps(
    group: Group, network: Synthesizer, batch: S2Batch, inputs: tuple[Tensor, Tensor, Tensor, Tensor]
) -> Outcome:
    content, mask, text_mask, ge = inputs
    encoder, case = network.enc_p, group.case("s2.enc_p.steps")
    projected = encoder.ssl_proj(content * mask) * mask
    spoken = encoder.encoder_ssl(projected, mask)
    text = encoder.encoder_text(encoder.text_embedding(batch.phones).transpose(1, 2), text_mask)
    met = encoder.mrte(spoken, mask, text, text_mask, ge)
    steps = {
        "ssl_proj": projected, "encoder_ssl": spoken, "encoder_text": text, "mrte": met,
        "encoder2": encoder.encoder2(met, mask),
    }  # fmt: skip
    comparison = Comparison("s2.enc_p.steps")
    for name, value in steps.items():
        comparison.close(name, value, case[name])
    return comparison.outcome()


def _decoding(group: Group, network: Synthesizer) -> Iterator[Outcome]:
    given = group.case("s2.decode.in")
    one, two = network.mean_timbre([given["refer1"]]), network.mean_timbre([given["refer1"], given["refer2"]])
    settings = {"noise0": (0.0, 1.0), "noise0.5": (0.5, 1.0), "speed0.75": (0.0, 0.75), "speed1.25": (0.5, 1.25)}
    settings["two_refs"] = (0.5, 1.0)
    for name in (name for name in group.names if name.startswith("s2.decode.") and name != "s2.decode.in"):
        case, kind = group.case(name), name.removeprefix("s2.decode.")
        scale, speed = settings[kind]
        ge = two if kind == "two_refs" else one
        wave = network.decode(given["codes"], given["text"], ge, scale, speed, case["noise"])
        yield Comparison(name).wave("wav", wave, case["wav"]).outcome()


def _streaming(group: Group, network: Synthesizer) -> Outcome:
    given, case = group.case("s2.decode.in"), group.case("s2.decode_streaming")
    ge, codes = network.mean_timbre([given["refer1"]]), given["codes"]
    first = case["latent1"].shape[2] // 2
    kept = case["latent2"].shape[2] // 2
    overlap = 2 * (kept - (codes.shape[2] - first))
    wave1, latent1 = network.decode_streaming(codes[..., :first], given["text"], ge, case["noise1"])
    wave2, latent2 = network.decode_streaming(
        codes, given["text"], ge, case["noise2"], result_length=kept, overlap=latent1[:, :, -overlap:]
    )
    comparison = Comparison("s2.decode_streaming").wave("wav1", wave1, case["wav1"]).wave("wav2", wave2, case["wav2"])
    return comparison.close("latent1", latent1, case["latent1"]).close("latent2", latent2, case["latent2"]).outcome()


def pro_cases(group: Group) -> Iterator[Outcome]:
    """Decoding with a speaker embedding."""
    config = S2Config.from_config(group.expected["s2v2pro_config"])
    network = Synthesizer(config)
    group.load_weights(network, "s2v2pro")
    case = group.case("v2pro.decode")
    magnitudes = torch.from_numpy(spectrogram(np.asarray(case["ref_wav"][0]), config.spectrogram))[None]
    with torch.no_grad():
        ge = network.timbre(magnitudes, None, case["sv_emb"])
        wave = network.decode(case["codes"], case["text"], ge, 0.5, 1.0, case["noise"])
    yield Comparison("v2pro.decode").wave("wav", wave, case["wav"]).outcome()
