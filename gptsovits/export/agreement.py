"""How often a bundle of reduced precision chooses the token that torch in float32 chooses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from gptsovits.arch.s1 import Text2Semantic
from gptsovits.runtime.bundle import Bundle
from gptsovits.runtime.stage1 import started

SENTENCES = 4
STEPS = 40
PHONES, PROMPT = 30, 20


@torch.inference_mode()
def token_agreement(network: Text2Semantic, folder: Path) -> dict[str, Any]:
    """Teacher-forced along torch's greedy tokens on drawn phones: the share of equal choices and the logits' distance.

    On real sentences it is as high as the network is sure of itself; these draws are a hard case.
    """
    config, bundle = network.config, Bundle.open(folder, torch.get_num_threads(), verify=False)
    generator = torch.Generator().manual_seed(5)
    equal, distances = 0, []
    for _ in range(SENTENCES):
        phones = torch.randint(config.phoneme_vocab_size, (1, PHONES), generator=generator)
        prompt = torch.randint(config.EOS, (1, PROMPT), generator=generator)
        bert = torch.randn(1, config.bert_dim, PHONES, generator=generator) if config.bert_dim else None
        logits, past = network(phones, bert, prompt)
        wanted = logits[:, -1]
        stepper, found, _ = started(
            bundle, [phones[0].numpy()], None if bert is None else [bert[0].numpy()], prompt[0].numpy()
        )
        for step in range(STEPS):
            token = wanted[:, : config.EOS].argmax(-1)
            equal += int(found[0, : config.EOS].argmax()) == int(token)
            distances.append(float(np.abs(wanted[0].numpy() - found[0]).max()))
            wanted, past = network.step(token, PROMPT + step, past)
            found = stepper.step(token.numpy(), PROMPT + step)
    total = SENTENCES * STEPS
    return {"steps": total, "equal": equal / total, "max_logit_error": max(distances)}
