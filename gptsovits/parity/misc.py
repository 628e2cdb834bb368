"""Cases without a network: spectrograms, sampler, quantiser updates, optimiser trajectories, slicer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from gptsovits.arch.quantizer import Quantizer
from gptsovits.audio.dsp import log_mel, mel_filters, spectrogram
from gptsovits.audio.slicer import SlicerOptions, slice_recording
from gptsovits.config import S2Config, SpectrogramConfig
from gptsovits.parity.outcome import Comparison, Outcome, attempted
from gptsovits.parity.recordings import Group
from gptsovits.runtime.sampling import Sampling, penalised, probabilities
from gptsovits.train.mel import MelFrontEnd
from gptsovits.train.scaled_adam import ScaledAdam, ScaledAdamOptions


def misc_cases(group: Group) -> Iterator[Outcome]:
    """Everything in the file, and the slicer of ``expected.json``."""
    if group.has("dsp"):
        yield from attempted("dsp", lambda: _dsp(group))
    yield from attempted("sampler", lambda: _sampler(group))
    if group.has("rvq_ema.init"):
        yield from attempted("rvq_ema", lambda: _quantiser(group))
    for case in (name for name in group.starting("scaled_adam") if name.endswith(".init")):
        yield from attempted(case, lambda case=case: _optimiser(group, case.removesuffix(".init")))  # type: ignore[misc]
    if "slicer" in group.expected:
        yield from attempted("slicer", lambda: iter([slicer_case(group.expected["slicer"])]))


def _spectrogram_config(group: Group) -> SpectrogramConfig:
    """That of the stage-2 network of the folder, where there is one."""
    config = group.expected.get("s2_config")
    return S2Config.from_config(config).spectrogram if config else SpectrogramConfig()


def _dsp(group: Group) -> Iterator[Outcome]:
    case, config = group.case("dsp"), _spectrogram_config(group)
    magnitudes = spectrogram(case["wav"][0].numpy(), config)
    comparison = Comparison("dsp").close("spec", magnitudes[None], case["spec"])
    comparison.close("mel_basis", mel_filters(config), case["mel_basis"])
    comparison.close("mel_from_spec", log_mel(magnitudes, config)[None], case["mel_from_spec"])
    yield comparison.close("mel (torch)", MelFrontEnd(config)(case["wav"]), case["mel"]).outcome()


def _sampler(group: Group) -> Iterator[Outcome]:
    if group.has("sampler"):
        yield Outcome("sampler", "input")
    previous = group.case("sampler").get("prev")
    for index, settings in enumerate(group.expected.get("sampler_params", [])):
        case = group.case(f"sampler.case{index}")
        assert previous is not None
        sampling = Sampling(**settings)
        logits = penalised(case["logits"].numpy(), previous.numpy(), sampling.repetition_penalty)
        found = probabilities(logits, sampling)
        yield Comparison(f"sampler.case{index}").close("probs", found, case["probs"]).outcome()


def _quantiser(group: Group) -> Iterator[Outcome]:
    initial = group.case("rvq_ema.init")
    size, dim = initial["embed"].shape
    quantiser = Quantizer(size, dim).train()
    for name, value in initial.items():
        getattr(quantiser.codebook, name).copy_(value)
    quantiser.codebook.inited.fill_(1)
    yield Outcome("rvq_ema.init", "input")
    steps = group.starting("rvq_ema.step")
    for name in sorted(steps, key=lambda name: int(name.removeprefix("rvq_ema.step"))):
        case = group.case(name)
        x = case["x"].clone().requires_grad_()
        found = quantiser(x)
        (found.values.square().mean() + found.commitment).backward()
        comparison = Comparison(name).exact("codes", found.codes, case["codes"])
        comparison.close("quantized", found.values.detach(), case["quantized"]).close("grad_x", x.grad, case["grad_x"])
        for buffer in ("embed", "embed_avg", "cluster_size"):
            comparison.close(buffer, getattr(quantiser.codebook, buffer), case[buffer])
        yield comparison.relative("commit_loss", found.commitment.item(), case["commit_loss"].item()).outcome()


def _optimiser(group: Group, name: str) -> Iterator[Outcome]:
    settings = group.expected[name]
    parameters = {key: torch.nn.Parameter(value.clone()) for key, value in group.case(f"{name}.init").items()}
    options = ScaledAdamOptions(
        betas=tuple(settings["betas"]), clipping_scale=settings["clipping_scale"],
        clipping_update_period=settings["clipping_update_period"],
    )  # fmt: skip
    optimiser = ScaledAdam(parameters.values(), settings["lr"], options)
    yield Outcome(f"{name}.init", "input")
    steps = sum(case.startswith(f"{name}.step") for case in group.names)
    for step in range(steps):
        case, comparison = group.case(f"{name}.step{step}"), Comparison(f"{name}.step{step}")
        for key, parameter in parameters.items():
            parameter.grad = case[f"grad_{key}"].clone()
        optimiser.step()
        for key, parameter in parameters.items():
            comparison.close(key, parameter.detach(), case[f"param_{key}"], 1e-5)
        yield comparison.outcome()


def slicer_case(recorded: dict[str, Any]) -> Outcome:
    """Clips of the synthetic recording that the file describes."""
    wave, comparison = slicer_signal(recorded), Comparison("slicer")
    for result in recorded["results"]:
        clips = slice_recording(wave, recorded["sr"], SlicerOptions(**result["params"]))
        comparison.exact(str(result["params"]), [[clip.start, clip.end] for clip in clips],
                         [chunk[:2] for chunk in result["chunks"]])  # fmt: skip
    return comparison.outcome()


def slicer_signal(recorded: dict[str, Any]) -> np.ndarray[Any, np.dtype[np.float32]]:
    """The recording, from its segments of tone and near silence."""
    rate, parts = recorded["sr"], []
    for index, (seconds, amplitude) in enumerate(recorded["segments"]):
        time = np.arange(int(seconds * rate)) / rate
        hum = 1e-4 * np.sin(2 * np.pi * 50 * time) * (1 + 0.5 * np.sin(2 * np.pi * (1.3 + 0.1 * index) * time))
        tone = np.sin(2 * np.pi * (180 + 13 * index) * time) * (0.6 + 0.4 * np.sin(2 * np.pi * 3.1 * time))
        parts.append(amplitude * tone if amplitude else hum)
    return np.concatenate(parts).astype(np.float32)
