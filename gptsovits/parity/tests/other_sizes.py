"""A directory of recordings with other sizes than golden's, made by this project's own torch engine.

It proves nothing about the engine, only that the reader finds sizes and settings in the directory itself.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

from gptsovits.arch.loading import dump
from gptsovits.arch.s1 import Text2Semantic
from gptsovits.arch.s1_inference import infer, left_padded
from gptsovits.arch.s1_loss import S1Batch, training_loss
from gptsovits.arch.s2 import S2Batch, Synthesizer
from gptsovits.arch.torch_voice import TorchVoice
from gptsovits.audio.dsp import reference_level, spectrogram
from gptsovits.config import S1Config, S2Config
from gptsovits.formats.checkpoint import read_voice_file
from gptsovits.formats.checkpoint_writer import write_checkpoint
from gptsovits.parity.recordings import fill_by_rule
from gptsovits.runtime.prompt import Prompt
from gptsovits.runtime.sampling import Sampling

S1: dict[str, Any] = {
    "model": {
        "vocab_size": 41, "phoneme_vocab_size": 50, "embedding_dim": 24, "hidden_dim": 24, "head": 3, "n_layer": 2,
        "EOS": 40, "dropout": 0,
    }
}  # fmt: skip
S2: dict[str, Any] = {
    "train": {"segment_size": 2400},
    "data": {"sampling_rate": 16000, "filter_length": 512, "hop_length": 160, "win_length": 512, "n_mel_channels": 40,
             "mel_fmin": 0.0, "mel_fmax": None},
    "model": {
        "inter_channels": 16, "hidden_channels": 24, "filter_channels": 40, "n_heads": 3, "n_layers": 2,
        "kernel_size": 3, "p_dropout": 0.1, "resblock": "1", "resblock_kernel_sizes": [3, 5],
        "resblock_dilation_sizes": [[1, 2], [1, 3]], "upsample_rates": [8, 5, 4], "upsample_initial_channel": 32,
        "upsample_kernel_sizes": [16, 11, 8], "gin_channels": 20, "version": "v2",
    },
    "ext": {"ssl_dim": 12, "codebook_size": 40, "mrte_hidden": 20, "mrte_heads": 2, "ref_enc_in": 100,
            "ref_enc_hidden": 8, "enc_q_layers": 2, "flow_n_flows": 2, "flow_wn_layers": 2, "n_symbols": 50},
}  # fmt: skip
BERT = 36
EARLY_STOP = 14
Cases = dict[str, dict[str, Any]]


def write_recordings(root: Path) -> Path:
    """Writes ``other/`` (both stages, weights stored), ``ruled/`` (stage 2 by the fill rule) and ``checkpoints/``."""
    torch.manual_seed(77)
    about = {"s2.decode.speed1.5": "speed 1.5, noise_scale 0.25", "s1.infer.batch2_greedy": "2 items, repetition 1.2"}
    stage1, stage2 = _network(Text2Semantic(replace(S1Config.from_config(S1), bert_dim=BERT))), _stage2()
    s1_cases, facts = _stage1_cases(stage1)
    for folder in ("other", "ruled", "checkpoints"):
        (root / folder).mkdir(parents=True)
    files = {
        "other/s1_cases": s1_cases, "other/s2_cases": _stage2_cases(stage2), "ruled/s2": _stage2_cases(stage2),
        "checkpoints/synthesis": _synthesis(root / "checkpoints", stage1, stage2),
    }  # fmt: skip
    for name, network in (("s1", stage1), ("s2", stage2)):
        save_file(network.state_dict(), root / "other" / f"{name}_weights.safetensors")
    for folder in ("other", "ruled"):
        expected = {"s1_config": S1, "s2_config": S2, "s1_info": {"infer": facts}}
        (root / folder / "expected.json").write_text(json.dumps(expected))
    listed: dict[str, Any] = {}
    for file, cases in files.items():
        flat = {f"{case}/{key}": torch.as_tensor(value).contiguous().clone() for case, values in cases.items()
                for key, value in values.items()}  # fmt: skip
        save_file(flat, root / f"{file}.safetensors")
        listed[f"{file}.safetensors"] = {case: {"about": about.get(case, "")} for case in cases}
    (root / "manifest.json").write_text(json.dumps({"files": listed}))
    return root


def _network(network: Any) -> Any:
    fill_by_rule(network)
    return network


def _stage2() -> Synthesizer:
    network: Synthesizer = _network(Synthesizer(S2Config.from_config(S2)))
    return network


def _stage1_cases(network: Text2Semantic) -> tuple[Cases, dict[str, Any]]:
    phones, bert = torch.randint(50, (2, 9)), torch.randn(2, BERT, 9)
    tokens, lengths = torch.randint(40, (2, 12)), torch.tensor([12, 7])
    batch = {"phoneme_ids": phones, "phoneme_ids_len": torch.tensor([9, 9]), "bert_feature": bert,
             "semantic_ids": tokens, "semantic_ids_len": lengths}  # fmt: skip
    cases: Cases = {"s1.batch": batch, "s1.text_embed": {"out": network.model.embed_text(phones, bert).detach()}}
    whole = training_loss(network, S1Batch(phones, batch["phoneme_ids_len"], bert, tokens, lengths))
    cases["s1.forward_old"] = _loss(whole) | {"logits": whole.logits.detach()}
    single = training_loss(network, S1Batch(phones[:1], torch.tensor([9]), bert[:1], tokens[:1], lengths[:1]))
    cases["s1.forward_old.item0"] = _loss(single)
    given = {"phoneme_ids": phones[:1], "bert_feature": bert[:1], "prompt": torch.randint(40, (1, 5))}
    settings = {"top_k": 1, "top_p": 1.0, "temperature": 1.0, "repetition_penalty": 1.2}
    sampling = Sampling(**settings, greedy=True, early_stop=EARLY_STOP)  # type: ignore[arg-type]
    (one,) = infer(network, given["phoneme_ids"], given["bert_feature"], given["prompt"], sampling)
    cases |= {"s1.infer.in": given, "s1.infer.greedy_rp1.2": _generated(one)}
    rows = [phones[0, :6], phones[1]]
    padded, padding = left_padded(rows)
    features, _ = left_padded([bert[0, :, :6], bert[1]])
    found = infer(network, padded, features, given["prompt"].expand(2, -1), sampling, padding)
    case: dict[str, Any] = {"prompt": given["prompt"]}
    for row, generated in enumerate(found):
        kept = generated.tokens[:-1] if generated.stopped_early else generated.tokens
        case |= {f"phoneme_ids{row}": rows[row], f"bert{row}": bert[row, :, : len(rows[row])],
                 f"tokens{row}": torch.from_numpy(kept.copy()), f"idx{row}": generated.steps}  # fmt: skip
    cases["s1.infer.batch2_greedy"] = case
    return cases, {"s1.infer.greedy_rp1.2": {"params": settings, "early_stop_num": EARLY_STOP}}


def _loss(result: Any) -> dict[str, Tensor]:
    return {"loss": result.loss.detach(), "acc": result.accuracy.detach()}


def _generated(one: Any) -> dict[str, Any]:
    return {"tokens": torch.from_numpy(one.tokens[None].copy()), "idx": one.steps, "logits_first3": torch.zeros(0, 41)}


@torch.no_grad()
def _stage2_cases(network: Synthesizer) -> Cases:
    lengths, phones = torch.tensor([20, 16]), torch.randint(50, (2, 7))
    wave, ssl = torch.rand(2, 1, 3200) - 0.5, torch.randn(2, 12, 20)
    spec = torch.zeros(2, 257, 20)
    for row, frames in enumerate(lengths.tolist()):
        magnitudes = spectrogram(wave[row, 0, : frames * 160].numpy(), network.config.spectrogram)
        spec[row, :, :frames] = torch.from_numpy(magnitudes)
    stored = {"wav": wave, "ssl": ssl, "spec_lengths": lengths, "text": phones, "text_lengths": torch.tensor([7, 5])}
    batch = S2Batch(ssl, spec, lengths, phones, stored["text_lengths"], wave)
    noise, crop = torch.randn(2, 16, 20), torch.tensor([0.3, 0.9])
    output = network(batch, noise, crop)
    mask = output.mask
    ge = network.timbre(spec, mask)
    z_slice = torch.randn(2, 16, 5)
    codes = network.extract_latent(ssl)[:1]
    refer = torch.rand(1, 257, 30)
    speaking = torch.randn(1, 16, int(2 * codes.shape[2] / 1.5) + 1)
    spoken = network.decode(codes, phones[:1], network.mean_timbre([refer]), 0.25, 1.5, speaking)
    return {
        "s2.batch": stored,
        "s2.ref_enc": {"ge": ge},
        "s2.enc_p": {"m_p": output.prior.mean, "logs_p": output.prior.log_deviation},
        "s2.enc_q": {"noise": noise, "z": output.z, "m_q": output.mean_q, "logs_q": output.log_deviation_q},
        "s2.flow": {"z_p": output.z_p, "z_back": network.flow.inverse(output.z_p, mask, ge)},
        "s2.dec": {"z_slice": z_slice, "wav": network.dec(z_slice, ge)},
        "s2.decode.in": {"codes": codes, "text": phones[:1], "refer1": refer},
        "s2.decode.speed1.5": {"noise": speaking, "wav": spoken},
    }


def _synthesis(folder: Path, stage1: Text2Semantic, stage2: Synthesizer) -> Cases:
    """Spoken by torch; the suite speaks it again from the files, through ONNX."""
    write_checkpoint(folder / "other-e1.ckpt", dump(stage1), {**S1, "model": {**S1["model"], "bert_dim": BERT}}, "e1")
    write_checkpoint(folder / "other_e1_s1.pth", dump(stage2), S2, "1epoch", config_style="hparams")
    files = [read_voice_file(folder / name) for name in ("other-e1.ckpt", "other_e1_s1.pth")]
    engine = TorchVoice.from_tensors(files[0].tensors, files[0].config, files[1].tensors, files[1].config)
    wave = np.random.default_rng(3).standard_normal(8000).astype(np.float32) * 0.1
    words, target, ssl = torch.randint(50, (1, 5)), torch.randint(50, (1, 8)), torch.randn(1, 12, 20)
    bert = torch.randn(1, BERT, 5), torch.randn(1, BERT, 8)
    prompt = Prompt(wave, features=ssl.numpy(), phones=words[0].numpy(), bert=bert[0].numpy())
    conditioning = engine.prepare(prompt)
    sampling = Sampling(greedy=True, early_stop=EARLY_STOP)
    tokens = engine.generate_tokens(target[0].numpy(), bert[1].numpy(), conditioning, sampling)
    noise = np.random.default_rng(4).standard_normal((1, 16, 2 * len(tokens))).astype(np.float32)
    waves = [engine.decode(tokens, target[0].numpy(), conditioning.ge, scale, noise) for scale in (0.5, 0.0)]
    early = 1 if len(tokens) == EARLY_STOP else 0
    given = {"ref_wav": reference_level(wave)[None], "ssl": ssl, "prompt_phones": words, "prompt_bert": bert[0],
             "text_phones": target, "text_bert": bert[1]}  # fmt: skip
    case = {"prompt_semantic": conditioning.codes[None], "semantic": tokens[None, None], "idx": len(tokens),
            "all_tokens": np.zeros((1, len(conditioning.codes) + len(tokens) + early), np.int64),
            "noise": noise, "wav": waves[0][None, None], "wav_noise0": waves[1][None, None]}  # fmt: skip
    return {"in": given, "v2": case}
