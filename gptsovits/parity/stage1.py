"""Cases of stage 1: embeddings, losses, gradients, sampling and generation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gptsovits.arch.s1 import Text2Semantic
from gptsovits.arch.s1_inference import infer, left_padded
from gptsovits.arch.s1_loss import S1Batch, preference_loss, training_loss
from gptsovits.config import S1Config
from gptsovits.parity.gradients import compare_norms
from gptsovits.parity.outcome import Comparison, Outcome
from gptsovits.parity.recordings import Group, stored_column_step
from gptsovits.runtime.sampling import Floats, Sampling


def stage1_cases(group: Group) -> Iterator[Outcome]:
    """Every case whose name starts with ``s1.``."""
    network = Text2Semantic(S1Config.from_config(group.expected["s1_config"]))
    group.load_weights(network, "s1")
    yield Outcome("s1.batch", "input")
    yield Outcome("s1.infer.in", "input")
    yield from _embeddings(group, network)
    yield from _losses(group, network)
    for name, facts in group.expected["s1_info"]["infer"].items():
        yield _generation(group, network, name, facts)
    yield _batch(group, network)


def _embeddings(group: Group, network: Text2Semantic) -> Iterator[Outcome]:
    recorded = group.case("s1.pe")["pe"]
    table = network.model.ar_text_position.table(torch.arange(recorded.shape[0]))
    yield Comparison("s1.pe").close("pe", table[:, : recorded.shape[1]], recorded).outcome()
    batch, out = group.case("s1.batch"), group.case("s1.text_embed")["out"]
    with torch.no_grad():
        embedded = network.model.embed_text(batch["phoneme_ids"], batch["bert_feature"])
    yield Comparison("s1.text_embed").close("out", embedded[..., : out.shape[2]], out).outcome()


def _losses(group: Group, network: Text2Semantic) -> Iterator[Outcome]:
    batch, recorded = group.case("s1.batch"), group.case("s1.forward_old")
    network.zero_grad()
    result = training_loss(network, _as_batch(batch))
    result.loss.backward()  # type: ignore[no-untyped-call]
    step = stored_column_step(result.logits.shape[2], recorded["logits"].shape[2])
    comparison = Comparison("s1.forward_old").relative("loss", result.loss.item(), recorded["loss"].item())
    comparison.relative("acc", result.accuracy.item(), recorded["acc"].item())
    yield comparison.close("logits", result.logits.detach()[..., ::step], recorded["logits"]).outcome()
    norms = group.expected["s1_info"]["forward_old"]["grad_norms"]
    yield compare_norms("s1.forward_old gradients", network, norms, "model.")
    yield from _single_items(group, network)
    yield _preference(group, network)


@torch.no_grad()
def _single_items(group: Group, network: Text2Semantic) -> Iterator[Outcome]:
    batch = group.case("s1.batch")
    for item in range(2):
        recorded = group.case(f"s1.forward_old.item{item}")
        result = training_loss(network, _item(batch, item))
        comparison = Comparison(f"s1.forward_old.item{item}")
        comparison.relative("loss", result.loss.item(), recorded["loss"].item())
        yield comparison.relative("acc", result.accuracy.item(), recorded["acc"].item()).outcome()
    unequal = group.case("s1.forward_unequal")
    if "bert_feature" not in unequal:
        unequal["bert_feature"] = _cut_bert(batch["bert_feature"], unequal["phoneme_ids_len"])
    comparison = Comparison("s1.forward_unequal")
    singles = [training_loss(network, _item(unequal, item)).loss.item() for item in range(2)]
    for item, loss in enumerate(singles):
        comparison.relative(f"item{item}_loss", loss, unequal[f"item{item}_loss"].item())
    whole, padding = training_loss(network, _as_batch(unequal)), _padding_terms(network, unequal)
    yield comparison.relative("batch = items + padding", whole.loss.item() - padding, sum(singles)).outcome()


def _padding_terms(network: Text2Semantic, batch: dict[str, Tensor]) -> float:
    """Cross entropy of the EOS targets that only fill the batch."""
    result = training_loss(network, _as_batch(batch))
    minus_log = -result.logits.log_softmax(-1)[..., network.config.EOS]
    filler = torch.arange(minus_log.shape[1])[None] > batch["semantic_ids_len"][:, None]
    return float(minus_log[filler].sum())


@torch.no_grad()
def _preference(group: Group, network: Text2Semantic) -> Outcome:
    case = group.case("s1.forward_dpo")
    batch = {**group.case("s1.batch"), **{name: case[name] for name in ("semantic_ids", "semantic_ids_len")}}
    result = preference_loss(network, _as_batch(batch), case["reject_y"], case["reject_y_lens"])
    comparison = Comparison("s1.forward_dpo").relative("loss", result.loss.item(), case["loss"].item())
    return comparison.relative("acc", result.accuracy.item(), case["acc"].item()).outcome()


def _generation(group: Group, network: Text2Semantic, name: str, facts: dict[str, Any]) -> Outcome:
    case, given = group.case(name), group.case("s1.infer.in")
    noise = case["exp_noise"].numpy() if "exp_noise" in case else None
    prompt = given["prompt"] if "no_prompt" not in name else torch.zeros(1, 0, dtype=torch.long)
    sampling = Sampling(**facts["params"], greedy=noise is None, early_stop=facts["early_stop_num"])
    race = None if noise is None else lambda step, shape: noise[step : step + 1, : shape[1]]
    seen: list[Floats] = []
    found = infer(
        network, given["phoneme_ids"], given["bert_feature"], prompt, sampling,
        race=race, on_logits=lambda _, logits: seen.append(logits[0]),
    )[0]  # fmt: skip
    comparison = Comparison(name).exact("tokens", found.tokens, case["tokens"][0])
    comparison.exact("idx", found.steps, case["idx"])
    for step, recorded in enumerate(case["logits_first3"].numpy()[: len(seen)]):
        comparison.close(f"logits of step {step}", seen[step], recorded[: len(seen[step])])
    return comparison.outcome()


def _batch(group: Group, network: Text2Semantic) -> Outcome:
    name = "s1.infer.batch3_greedy"
    case = group.case(name)
    rows = sum(key.startswith("phoneme_ids") for key in case)
    phones, padding = left_padded([case[f"phoneme_ids{row}"] for row in range(rows)])
    bert, _ = left_padded([case[f"bert{row}"] for row in range(rows)])
    early_stop = group.expected["s1_info"]["infer"]["s1.infer.greedy_rp1.35"]["early_stop_num"]
    sampling = Sampling(greedy=True, early_stop=early_stop)
    found = infer(network, phones, bert, case["prompt"].expand(rows, -1), sampling, padding)
    comparison = Comparison(name)
    for row, generated in enumerate(found):
        # After an early stop the batched original drops the last token, the single one keeps it.
        tokens = generated.tokens[:-1] if generated.stopped_early else generated.tokens
        comparison.exact(f"tokens{row}", tokens, case[f"tokens{row}"])
        comparison.exact(f"idx{row}", generated.steps, case[f"idx{row}"])
    return comparison.outcome()


def _as_batch(case: dict[str, Tensor]) -> S1Batch:
    return S1Batch(
        case["phoneme_ids"], case["phoneme_ids_len"], case["bert_feature"],
        case["semantic_ids"], case["semantic_ids_len"],
    )  # fmt: skip


def _item(case: dict[str, Tensor], item: int) -> S1Batch:
    phones, tokens = int(case["phoneme_ids_len"][item]), int(case["semantic_ids_len"][item])
    rows = slice(item, item + 1)
    return S1Batch(
        case["phoneme_ids"][rows, :phones], case["phoneme_ids_len"][rows], case["bert_feature"][rows, :, :phones],
        case["semantic_ids"][rows, :tokens], case["semantic_ids_len"][rows],
    )  # fmt: skip


def _cut_bert(bert: Tensor, lengths: Tensor) -> Tensor:
    valid = torch.from_numpy(np.arange(bert.shape[2]))[None] < lengths[:, None]
    return bert * valid[:, None]
