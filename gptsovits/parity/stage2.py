"""Cases of stage 2: every module, decoding at several speeds, and streaming."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from gptsovits.arch.masking import length_mask
from gptsovits.arch.s2 import S2Batch, Synthesizer
from gptsovits.audio.dsp import spectrogram
from gptsovits.config import S2Config, SpectrogramConfig
from gptsovits.parity.outcome import Comparison, Outcome, attempted
from gptsovits.parity.recordings import Group
from gptsovits.parity.training import training_cases


def stage2_cases(group: Group) -> Iterator[Outcome]:
    """Every case whose name starts with ``s2.``."""
    network = load_network(group)
    yield from inference_cases(group, network)
    if group.has("s2.train"):
        batch = read_batch(group, network.config.spectrogram)
        yield from attempted("s2.train", lambda: training_cases(group, network, batch))


def load_network(group: Group) -> Synthesizer:
    """The recorded network with its posterior encoder."""
    network = Synthesizer(S2Config.from_config(group.expected["s2_config"]))
    group.load_weights(network, "s2")
    return network


def inference_cases(group: Group, network: Synthesizer) -> Iterator[Outcome]:
    """Every case that needs no gradient."""
    inputs = _inputs(group, network) if group.has("s2.batch") else None
    for name in group.starting("s2."):
        yield from attempted(name, lambda name=name: _case(group, network, inputs, name))  # type: ignore[misc]


@dataclass(frozen=True)
class _Inputs:
    """The recorded training batch and what most modules take: content, masks, timbre."""

    batch: S2Batch
    content: Tensor
    mask: Tensor
    text_mask: Tensor
    ge: Tensor


@torch.no_grad()
def _inputs(group: Group, network: Synthesizer) -> _Inputs:
    batch = read_batch(group, network.config.spectrogram)
    mask = length_mask(batch.spec_lengths, batch.spec.shape[2])
    content = network.quantizer(network.ssl_proj(batch.ssl)).values.repeat_interleave(2, dim=2)
    text_mask = length_mask(batch.phone_lengths, batch.phones.shape[1])
    return _Inputs(batch, content, mask, text_mask, network.timbre(batch.spec, mask, batch.speaker))


@torch.no_grad()
def _case(group: Group, network: Synthesizer, inputs: _Inputs | None, name: str) -> Iterator[Outcome]:
    """The outcome of one case; nothing for training cases and names that no comparison is known for."""
    kind = name.removeprefix("s2.")
    if kind in ("batch", "decode.in"):
        yield Outcome(name, "input")
    elif kind == "quantizer_decode":
        yield _codebook_rows(group, network)
    elif kind == "decode_streaming":
        yield _streaming(group, network)
    elif kind.startswith("decode."):
        yield _decoding(group, network, name)
    elif kind in _MODULES or kind.startswith("enc_p.speed"):
        if inputs is None:
            raise ValueError("its inputs, the case s2.batch, were not recorded")
        yield _MODULES.get(kind, _at_speed)(group, network, inputs, name)


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


def _timbre(group: Group, network: Synthesizer, inputs: _Inputs, name: str) -> Outcome:
    return Comparison(name).close("ge", inputs.ge, group.case(name)["ge"]).outcome()


def _posterior(group: Group, network: Synthesizer, inputs: _Inputs, name: str) -> Outcome:
    case = group.case(name)
    z, mean, log_deviation = network.enc_q(inputs.batch.spec, inputs.mask, inputs.ge, case["noise"])
    comparison = Comparison(name).close("z", z, case["z"])
    return comparison.close("m_q", mean, case["m_q"]).close("logs_q", log_deviation, case["logs_q"]).outcome()


def _flow(group: Group, network: Synthesizer, inputs: _Inputs, name: str) -> Outcome:
    case, noise = group.case(name), group.case("s2.enc_q")["noise"]
    z, _, _ = network.enc_q(inputs.batch.spec, inputs.mask, inputs.ge, noise)
    z_p = network.flow(z, inputs.mask, inputs.ge)
    comparison = Comparison(name).close("z_p", z_p, case["z_p"])
    back = network.flow.inverse(z_p, inputs.mask, inputs.ge)
    return comparison.close("z_back", back, case["z_back"]).outcome()


def _generator(group: Group, network: Synthesizer, inputs: _Inputs, name: str) -> Outcome:
    case = group.case(name)
    return Comparison(name).wave("wav", network.dec(case["z_slice"], inputs.ge), case["wav"]).outcome()


def _quantiser(group: Group, network: Synthesizer, inputs: _Inputs, name: str) -> Outcome:
    case, projected = group.case(name), network.ssl_proj(inputs.batch.ssl)
    found, kept = network.quantizer(projected), case["quantized"].shape[1]
    comparison = Comparison(name).exact("codes", found.codes, case["codes"])
    comparison.close("ssl_proj_out", projected[:, :kept], case["ssl_proj_out"])
    comparison.close("quantized", found.values[:, :kept], case["quantized"])
    return comparison.close("commit_loss", found.commitment, case["commit_loss"]).outcome()


def _latent(group: Group, network: Synthesizer, inputs: _Inputs, name: str) -> Outcome:
    found = network.extract_latent(inputs.batch.ssl)
    return Comparison(name).exact("codes", found, group.case(name)["codes"]).outcome()


def _codebook_rows(group: Group, network: Synthesizer) -> Outcome:
    case = group.case("s2.quantizer_decode")
    decoded = network.quantizer.decode(case["codes"])[:, : case["decoded"].shape[1]]
    return Comparison("s2.quantizer_decode").close("decoded", decoded, case["decoded"]).outcome()


def _text_encoder(group: Group, network: Synthesizer, inputs: _Inputs, name: str) -> Outcome:
    timbre = network.text_timbre(inputs.ge)
    prior = network.enc_p(inputs.content, inputs.mask, inputs.batch.phones, inputs.text_mask, timbre)
    case = group.case(name)
    comparison = Comparison(name).close("m_p", prior.mean, case["m_p"])
    return comparison.close("logs_p", prior.log_deviation, case["logs_p"]).outcome()


def _at_speed(group: Group, network: Synthesizer, inputs: _Inputs, name: str) -> Outcome:
    """The first clip of the batch alone."""
    case, speed = group.case(name), float(name.removeprefix("s2.enc_p.speed"))
    timbre, phones = network.text_timbre(inputs.ge[:1]), inputs.batch.phones[:1]
    prior = network.enc_p(inputs.content[:1], inputs.mask[:1], phones, inputs.text_mask[:1], timbre, speed)
    comparison = Comparison(name).close("m_p", prior.mean, case["m_p"])
    comparison.close("logs_p", prior.log_deviation, case["logs_p"])
    return comparison.close("y_mask", prior.mask, case["y_mask"]).outcome()


def _text_encoder_steps(group: Group, network: Synthesizer, inputs: _Inputs, name: str) -> Outcome:
    encoder, case, mask, text_mask = network.enc_p, group.case(name), inputs.mask, inputs.text_mask
    projected = encoder.ssl_proj(inputs.content * mask) * mask
    spoken = encoder.encoder_ssl(projected, mask)
    text = encoder.encoder_text(encoder.text_embedding(inputs.batch.phones).transpose(1, 2), text_mask)
    met = encoder.mrte(spoken, mask, text, text_mask, network.text_timbre(inputs.ge))
    steps = {
        "ssl_proj": projected, "encoder_ssl": spoken, "encoder_text": text, "mrte": met,
        "encoder2": encoder.encoder2(met, mask),
    }  # fmt: skip
    comparison = Comparison(name)
    for step, value in steps.items():
        comparison.close(step, value, case[step])
    return comparison.outcome()


_MODULES: Mapping[str, Callable[[Group, Synthesizer, _Inputs, str], Outcome]] = {
    "ref_enc": _timbre, "quantizer": _quantiser, "extract_latent": _latent, "enc_p": _text_encoder,
    "enc_p.steps": _text_encoder_steps, "enc_q": _posterior, "flow": _flow, "dec": _generator,
}  # fmt: skip


def _decoding(group: Group, network: Synthesizer, name: str) -> Outcome:
    """Speed, noise and number of references as the name of the case or the manifest says."""
    given, case, kind = group.case("s2.decode.in"), group.case(name), name.removeprefix("s2.decode.")
    references = [given[key] for key in sorted(given) if key.startswith("refer")]
    ge = network.mean_timbre(references if "refs" in kind else references[:1])
    speed = float(kind.removeprefix("speed")) if kind.startswith("speed") else 1.0
    scale = float(kind.removeprefix("noise")) if kind.startswith("noise") else group.number_in(name, "noise_scale", 0.5)
    wave = network.decode(given["codes"], given["text"], ge, scale, speed, case["noise"])
    return Comparison(name).wave("wav", wave, case["wav"]).outcome()


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
    """Decoding with a speaker embedding: ``v2pro.decode``, ``v2proplus.decode``."""
    for name in group.starting("v2pro"):
        yield from attempted(name, lambda name=name: _pro(group, name))  # type: ignore[misc]


@torch.no_grad()
def _pro(group: Group, name: str) -> Iterator[Outcome]:
    stage = "s2" + name.split(".")[0]
    config = S2Config.from_config(group.expected[f"{stage}_config"])
    network = Synthesizer(config)
    group.load_weights(network, stage)
    case = group.case(name)
    magnitudes = torch.from_numpy(spectrogram(np.asarray(case["ref_wav"][0]), config.spectrogram))[None]
    ge = network.timbre(magnitudes, None, case["sv_emb"])
    scale = group.number_in(name, "noise_scale", 0.5)
    wave = network.decode(case["codes"], case["text"], ge, scale, 1.0, case["noise"])
    yield Comparison(name).wave("wav", wave, case["wav"]).outcome()
