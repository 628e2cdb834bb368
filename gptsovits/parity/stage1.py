"""Cases of stage 1: embeddings, losses, gradients, sampling and generation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gptsovits.arch.s1 import Text2Semantic
from gptsovits.arch.s1_inference import infer, left_padded
from gptsovits.arch.s1_loss import S1Batch, preference_loss, training_loss
from gptsovits.config import S1Config
from gptsovits.parity.gradients import compare_norms
from gptsovits.parity.outcome import Comparison, Outcome, attempted
from gptsovits.parity.recordings import Group, stored_column_step
from gptsovits.runtime.sampling import Floats, Sampling


def stage1_cases(group: Group) -> Iterator[Outcome]:
    """Every case whose name starts with ``s1.``."""
    network = load_stage1(group)
    for name in group.starting("s1."):
        yield from attempted(name, lambda name=name: _case(group, network, name))  # type: ignore[misc]


def load_stage1(group: Group) -> Text2Semantic:
    """The recorded network; its BERT input is as wide as the recorded features."""
    wide = next((value.shape[-2] for value in _features(group) if value.ndim >= 2), S1Config.bert_dim)
    network = Text2Semantic(replace(S1Config.from_config(group.expected["s1_config"]), bert_dim=wide))
    group.load_weights(network, "s1")
    return network


def _features(group: Group) -> Iterator[Tensor]:
    for name in group.starting("s1."):
        yield from (value for key, value in group.case(name).items() if key.startswith("bert"))


def _case(group: Group, network: Text2Semantic, name: str) -> Iterator[Outcome]:
    """The outcomes of one case; nothing for a name that no comparison is known for."""
    kind = name.removeprefix("s1.")
    if kind in ("batch", "infer.in"):
        yield Outcome(name, "input")
    elif kind == "pe":
        yield _positions(group, network)
    elif kind == "text_embed":
        yield _text_embedding(group, network)
    elif kind == "forward_old":
        yield from _forward(group, network)
    elif kind.startswith("forward_old.item"):
        yield _single_item(group, network, int(kind.removeprefix("forward_old.item")))
    elif kind == "forward_unequal":
        yield _unequal(group, network)
    elif kind == "forward_dpo":
        yield _preference(group, network)
    elif kind.startswith("infer.batch"):
        yield _batch(group, network, name)
    elif kind.startswith("infer."):
        yield _generation(group, network, name, group.expected["s1_info"]["infer"][name])


def _positions(group: Group, network: Text2Semantic) -> Outcome:
    recorded = group.case("s1.pe")["pe"]
    table = network.model.ar_text_position.table(torch.arange(recorded.shape[0]))
    return Comparison("s1.pe").close("pe", table[:, : recorded.shape[1]], recorded).outcome()


@torch.no_grad()
def _text_embedding(group: Group, network: Text2Semantic) -> Outcome:
    batch, out = group.case("s1.batch"), group.case("s1.text_embed")["out"]
    embedded = network.model.embed_text(batch["phoneme_ids"], batch["bert_feature"])
    return Comparison("s1.text_embed").close("out", embedded[..., : out.shape[2]], out).outcome()


def _forward(group: Group, network: Text2Semantic) -> Iterator[Outcome]:
    recorded = group.case("s1.forward_old")
    network.zero_grad()
    result = training_loss(network, _as_batch(group.case("s1.batch")))
    result.loss.backward()  # type: ignore[no-untyped-call]
    step = stored_column_step(result.logits.shape[2], recorded["logits"].shape[2])
    comparison = Comparison("s1.forward_old").relative("loss", result.loss.item(), recorded["loss"].item())
    comparison.relative("acc", result.accuracy.item(), recorded["acc"].item())
    yield comparison.close("logits", result.logits.detach()[..., ::step], recorded["logits"]).outcome()
    norms = group.expected.get("s1_info", {}).get("forward_old", {}).get("grad_norms")
    if norms:
        yield compare_norms("s1.forward_old gradients", network, norms, "model.")


@torch.no_grad()
def _single_item(group: Group, network: Text2Semantic, item: int) -> Outcome:
    name = f"s1.forward_old.item{item}"
    recorded, result = group.case(name), training_loss(network, _item(group.case("s1.batch"), item))
    comparison = Comparison(name).relative("loss", result.loss.item(), recorded["loss"].item())
    return comparison.relative("acc", result.accuracy.item(), recorded["acc"].item()).outcome()


@torch.no_grad()
def _unequal(group: Group, network: Text2Semantic) -> Outcome:
    unequal = group.case("s1.forward_unequal")
    if "bert_feature" not in unequal:
        unequal["bert_feature"] = _cut_bert(group.case("s1.batch")["bert_feature"], unequal["phoneme_ids_len"])
    comparison = Comparison("s1.forward_unequal")
    rows = range(len(unequal["phoneme_ids"]))
    singles = [training_loss(network, _item(unequal, row)).loss.item() for row in rows]
    for row, loss in enumerate(singles):
        comparison.relative(f"item{row}_loss", loss, unequal[f"item{row}_loss"].item())
    whole, padding = training_loss(network, _as_batch(unequal)), _padding_terms(network, unequal)
    return comparison.relative("batch = items + padding", whole.loss.item() - padding, sum(singles)).outcome()


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


def _batch(group: Group, network: Text2Semantic, name: str) -> Outcome:
    case = group.case(name)
    rows = sum(key.startswith("phoneme_ids") for key in case)
    phones, padding = left_padded([case[f"phoneme_ids{row}"] for row in range(rows)])
    bert, _ = left_padded([case[f"bert{row}"] for row in range(rows)])
    settings = _batch_settings(group, name)
    sampling = Sampling(**settings["params"], greedy=True, early_stop=settings["early_stop_num"])
    found = infer(network, phones, bert, case["prompt"].expand(rows, -1), sampling, padding)
    comparison = Comparison(name)
    for row, generated in enumerate(found):
        # After an early stop the batched original drops the last token, the single one keeps it.
        tokens = generated.tokens[:-1] if generated.stopped_early else generated.tokens
        comparison.exact(f"tokens{row}", tokens, case[f"tokens{row}"])
        comparison.exact(f"idx{row}", generated.steps, case[f"idx{row}"])
    return comparison.outcome()


def _batch_settings(group: Group, name: str) -> dict[str, Any]:
    """Its own facts, else those of the greedy case with the penalty that the manifest names (1.35 if it names none)."""
    facts: dict[str, Any] = group.expected["s1_info"]["infer"]
    penalty = group.number_in(name, "repetition", 1.35)
    return dict(facts.get(name) or facts[f"s1.infer.greedy_rp{penalty:g}"])


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
