"""Losses of stage 2: least-squares adversarial, feature matching, mel distance, KL of the latent, commitment."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gptsovits.arch.discriminator import Discriminator, Verdict
from gptsovits.arch.s2 import S2Batch, TrainingOutput, crops
from gptsovits.train.mel import MelFrontEnd

MEL_WEIGHT = 45.0
KL_WEIGHT = 1.0


@dataclass(frozen=True)
class GeneratorLosses:
    """Weighted terms and their sum ``total``."""

    adversarial: Tensor
    features: Tensor
    mel: Tensor
    kl: Tensor
    commitment: Tensor

    @property
    def total(self) -> Tensor:
        """What the generator minimises."""
        return self.adversarial + self.features + self.mel + self.commitment + self.kl


def real_crop(batch: S2Batch, output: TrainingOutput, hop: int) -> Tensor:
    """The samples ``(B, 1, segment)`` that the generated crop imitates."""
    return crops(batch.wave, output.start * hop, output.wave.shape[2])


def discriminator_loss(judge: Discriminator, real: Tensor, generated: Tensor) -> Tensor:
    """``sum(mean((1 - D(y))^2) + mean(D(g)^2))``; no gradient reaches the generator."""
    judged = zip(judge(real), judge(generated.detach()), strict=True)
    terms = [(1 - yes.float()).square().mean() + no.float().square().mean() for (yes, _), (no, _) in judged]
    return torch.stack(terms).sum()


def generator_losses(
    judge: Discriminator, front_end: MelFrontEnd, batch: S2Batch, output: TrainingOutput, real: Tensor,
    mel_weight: float = MEL_WEIGHT, kl_weight: float = KL_WEIGHT,
) -> GeneratorLosses:  # fmt: skip
    """All terms of one batch, after the discriminator's own step."""
    on_real, on_generated = judge(real), judge(output.wave)
    real_mel, generated_mel = mel_pair(front_end, batch, output)
    return GeneratorLosses(
        adversarial=torch.stack([(1 - verdict.float()).square().mean() for verdict, _ in on_generated]).sum(),
        features=feature_loss(on_real, on_generated),
        mel=(real_mel - generated_mel).abs().mean() * mel_weight,
        kl=kl_loss(output) * kl_weight,
        commitment=output.commitment,
    )


def mel_pair(front_end: MelFrontEnd, batch: S2Batch, output: TrainingOutput) -> tuple[Tensor, Tensor]:
    """Mel of the real crop (cut from the clip's own spectrogram) and of the generated wave, ``(B, n_mel, T)``."""
    with torch.autocast(output.wave.device.type, enabled=False):
        generated = front_end(output.wave.float().squeeze(1))
        return crops(front_end.log_mel(batch.spec), output.start, generated.shape[2]), generated


def feature_loss(on_real: list[Verdict], on_generated: list[Verdict]) -> Tensor:
    """Twice the mean absolute distance of all feature maps, the output included."""
    distances = [
        (real.detach().float() - generated.float()).abs().mean()
        for (_, reals), (_, fakes) in zip(on_real, on_generated, strict=True)
        for real, generated in zip(reals, fakes, strict=True)
    ]
    return 2 * torch.stack(distances).sum()


def kl_loss(output: TrainingOutput) -> Tensor:
    """KL of posterior and prior, summed over channels, divided by the number of valid frames."""
    mean, log_deviation = output.prior.mean.float(), output.prior.log_deviation.float()
    divergence = log_deviation - output.log_deviation_q.float() - 0.5
    divergence = divergence + 0.5 * (output.z_p.float() - mean).square() * torch.exp(-2 * log_deviation)
    return (divergence * output.mask).sum() / output.mask.sum()
