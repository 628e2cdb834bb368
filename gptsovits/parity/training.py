"""Cases of stage-2 training: forward, discriminators, losses and gradients of one step."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor, nn

from gptsovits.arch.discriminator import Discriminator
from gptsovits.arch.s2 import S2Batch, Synthesizer, TrainingOutput
from gptsovits.parity.gradients import compare_norms
from gptsovits.parity.outcome import MODULE_TOLERANCE, Comparison, Outcome
from gptsovits.parity.recordings import Group, fill_by_rule
from gptsovits.train.mel import MelFrontEnd
from gptsovits.train.s2_losses import (
    GeneratorLosses,
    discriminator_loss,
    generator_losses,
    mel_pair,
    real_crop,
)


def training_cases(group: Group, network: Synthesizer, batch: S2Batch) -> Iterator[Outcome]:
    """``s2.train``, its gradients, the discriminator's outputs and gradients."""
    case = group.case("s2.train")
    judge = Discriminator.for_config(network.config)
    fill_by_rule(judge, "D/" if group.stores_weights("s2") else "")
    front_end = MelFrontEnd(network.config.spectrogram)
    output = network(batch, case["noise"], case["rand_slice_u"])
    real = real_crop(batch, output, network.config.spectrogram.hop_length)
    if group.has("s2.D.out"):
        yield _verdicts(group, judge, real, output.wave.detach())
    disc = discriminator_loss(judge, real, output.wave)
    disc.backward()  # type: ignore[no-untyped-call]
    yield from _norms(group, "D", judge)
    losses = generator_losses(judge, front_end, batch, output, real)
    yield _forward(case, output, real, mel_pair(front_end, batch, output), disc, losses)
    network.zero_grad()
    losses.total.backward()  # type: ignore[no-untyped-call]
    yield from _norms(group, "G", network)
    if group.has("s2.train.grads"):
        yield _gradients(group, network)


def _norms(group: Group, letter: str, network: nn.Module) -> Iterator[Outcome]:
    norms = group.expected.get("s2_info", {}).get(f"grad_norm_{letter}")
    if norms:
        yield compare_norms(f"s2.train gradients of {letter}", network, norms)


def _verdicts(group: Group, judge: Discriminator, real: Tensor, generated: Tensor) -> Outcome:
    case, comparison = group.case("s2.D.out"), Comparison("s2.D.out")
    for kind, wave in (("real", real), ("fake", generated)):
        for index, (verdict, _) in enumerate(judge(wave)):
            comparison.close(f"{kind}{index}", verdict.detach(), case[f"{kind}{index}"])
    return comparison.outcome()


def _forward(
    case: dict[str, Tensor], output: TrainingOutput, real: Tensor, mels: tuple[Tensor, Tensor], disc: Tensor,
    losses: GeneratorLosses,
) -> Outcome:  # fmt: skip
    comparison = Comparison("s2.train").exact("ids_slice", output.start, case["ids_slice"])
    tensors = {
        "z": output.z, "z_p": output.z_p, "m_p": output.prior.mean, "logs_p": output.prior.log_deviation,
        "m_q": output.mean_q, "logs_q": output.log_deviation_q, "y_mel": mels[0], "y_hat_mel": mels[1],
    }  # fmt: skip
    for name, value in tensors.items():
        comparison.close(name, value.detach(), case[name])
    comparison.wave("y_hat", output.wave.detach(), case["y_hat"]).wave("y_slice", real, case["y_slice"])
    scalars = {
        "loss_disc": disc, "loss_gen": losses.adversarial, "loss_fm": losses.features, "loss_mel": losses.mel,
        "loss_kl": losses.kl, "loss_ssl": losses.commitment, "loss_gen_all": losses.total,
    }  # fmt: skip
    for name, value in scalars.items():
        comparison.relative(name, value.item(), case[name].item())
    return comparison.outcome()


def _gradients(group: Group, network: Synthesizer) -> Outcome:
    comparison, parameters = Comparison("s2.train.grads"), dict(network.named_parameters())
    for label, recorded in group.case("s2.train.grads").items():
        name = label.split("__", 1)[1]
        gradient = parameters[name].grad
        assert gradient is not None
        # Gradients are sums over many frames: the reference itself varies by 1e-3 between thread counts.
        comparison.close(name, gradient, recorded, 10 * MODULE_TOLERANCE)
    return comparison.outcome()
