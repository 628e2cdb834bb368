"""Parameter layouts of the published models as name patterns with symbolic shapes.

A letter in a shape stands for one size throughout the file, ``*`` for any size, a number for itself.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Pattern:
    """Names (``#`` stands for an index), the shape they have, and whether a model needs them to speak."""

    label: str
    shape: tuple[str, ...]
    required: bool

    @functools.cached_property
    def name(self) -> re.Pattern[str]:
        """The names this pattern stands for."""
        text = re.escape(self.label).replace("\\{", "(").replace("\\}", ")").replace(",", "|")
        text = text.replace("\\#", "[0-9]{1,3}")
        return re.compile(text)

    def fits(self, shape: tuple[int, ...], sizes: dict[str, int]) -> bool:
        """Whether the shape agrees with the pattern and with the sizes seen so far, which it adds to."""
        if len(shape) != len(self.shape):
            return False
        for symbol, size in zip(self.shape, shape, strict=True):
            if symbol == "*":
                continue
            expected = int(symbol) if symbol.isdigit() else sizes.setdefault(symbol, size)
            if expected != size:
                return False
        return True


def _patterns(text: str, required: bool = True) -> tuple[Pattern, ...]:
    rows = (line.split() for line in text.strip().splitlines())
    return tuple(Pattern(label, tuple(shape.split("x")), required) for label, shape in rows)


STAGE1 = _patterns(
    """
    model.ar_text_embedding.word_embeddings.weight PxD
    model.ar_audio_embedding.word_embeddings.weight VxD
    model.ar_text_position.alpha 1
    model.ar_audio_position.alpha 1
    model.h.layers.#.self_attn.in_proj_weight TxD
    model.h.layers.#.self_attn.in_proj_bias T
    model.h.layers.#.self_attn.out_proj.weight DxD
    model.h.layers.#.self_attn.out_proj.bias D
    model.h.layers.#.linear1.weight FxD
    model.h.layers.#.linear1.bias F
    model.h.layers.#.linear2.weight DxF
    model.h.layers.#.linear2.bias D
    model.h.layers.#.norm{1,2}.weight D
    model.h.layers.#.norm{1,2}.bias D
    model.ar_predict_layer.weight VxD
    """
) + _patterns(
    """
    model.bert_proj.weight DxB
    model.bert_proj.bias D
    """,
    required=False,
)

_ENCODERS = "enc_p.{encoder_ssl,encoder_text,encoder2}"

VITS = _patterns(
    f"""
    enc_p.ssl_proj.weight HxSx1
    enc_p.ssl_proj.bias H
    {_ENCODERS}.attn_layers.#.emb_rel_{{k,v}} *x*x*
    {_ENCODERS}.attn_layers.#.conv_{{q,k,v,o}}.weight HxHx1
    {_ENCODERS}.attn_layers.#.conv_{{q,k,v,o}}.bias H
    {_ENCODERS}.norm_layers_{{1,2}}.#.{{gamma,beta}} H
    {_ENCODERS}.ffn_layers.#.conv_1.weight FxHx*
    {_ENCODERS}.ffn_layers.#.conv_1.bias F
    {_ENCODERS}.ffn_layers.#.conv_2.weight HxFx*
    {_ENCODERS}.ffn_layers.#.conv_2.bias H
    enc_p.text_embedding.weight PxH
    enc_p.mrte.cross_attention.conv_{{q,k,v,o}}.weight MxMx1
    enc_p.mrte.cross_attention.conv_{{q,k,v,o}}.bias M
    enc_p.mrte.{{c_pre,text_pre}}.weight MxHx1
    enc_p.mrte.{{c_pre,text_pre}}.bias M
    enc_p.mrte.c_post.weight HxMx1
    enc_p.mrte.c_post.bias H
    enc_p.proj.weight *xHx1
    enc_p.proj.bias *
    dec.conv_pre.weight UxIx7
    dec.conv_pre.bias U
    dec.ups.#.weight_g *x1x1
    dec.ups.#.weight_v *x*x*
    dec.ups.#.bias *
    dec.resblocks.#.convs{{1,2}}.#.weight_g *x1x1
    dec.resblocks.#.convs{{1,2}}.#.weight_v *x*x*
    dec.resblocks.#.convs{{1,2}}.#.bias *
    dec.conv_post.weight 1x*x7
    dec.cond.weight UxGx1
    dec.cond.bias U
    flow.flows.#.pre.weight *x*x1
    flow.flows.#.pre.bias *
    flow.flows.#.enc.{{in_layers,res_skip_layers}}.#.weight_g *x1x1
    flow.flows.#.enc.{{in_layers,res_skip_layers}}.#.weight_v *x*x*
    flow.flows.#.enc.{{in_layers,res_skip_layers}}.#.bias *
    flow.flows.#.enc.cond_layer.weight_g *x1x1
    flow.flows.#.enc.cond_layer.weight_v *xGx1
    flow.flows.#.enc.cond_layer.bias *
    flow.flows.#.post.weight *x*x1
    flow.flows.#.post.bias *
    ref_enc.spectral.0.fc.weight Rx*
    ref_enc.spectral.#.fc.weight RxR
    ref_enc.spectral.#.fc.bias R
    ref_enc.temporal.#.conv1.conv.weight *xRx*
    ref_enc.temporal.#.conv1.conv.bias *
    ref_enc.slf_attn.{{w_qs,w_ks,w_vs,fc}}.weight RxR
    ref_enc.slf_attn.{{w_qs,w_ks,w_vs,fc}}.bias R
    ref_enc.fc.fc.weight GxR
    ref_enc.fc.fc.bias G
    ssl_proj.weight SxSx*
    ssl_proj.bias S
    quantizer.vq.layers.0._codebook.inited 1
    quantizer.vq.layers.0._codebook.cluster_size C
    quantizer.vq.layers.0._codebook.{{embed,embed_avg}} CxS
    """
) + _patterns(
    """
    enc_q.{pre,proj}.weight *x*x1
    enc_q.{pre,proj}.bias *
    enc_q.enc.{in_layers,res_skip_layers}.#.weight_g *x1x1
    enc_q.enc.{in_layers,res_skip_layers}.#.weight_v *x*x*
    enc_q.enc.{in_layers,res_skip_layers}.#.bias *
    enc_q.enc.cond_layer.weight_g *x1x1
    enc_q.enc.cond_layer.weight_v *xGx1
    enc_q.enc.cond_layer.bias *
    """,
    required=False,
)

PRO = _patterns(
    """
    sv_emb.weight Gx*
    sv_emb.bias G
    ge_to512.weight MxG
    ge_to512.bias M
    prelu.weight G
    """
)

FLOW_MATCHING = re.compile(
    r"(cfm|bridge|wns1|linear_mel|enc_p|enc_q|ref_enc|ssl_proj|quantizer|dec|flow)\.[A-Za-z0-9_.]{1,200}"
)
"""Names of v3 and v4 (flow matching, with or without LoRA): stored and delivered, so only their form is checked."""


def encoder_names() -> dict[str, re.Pattern[str]]:
    """Names of the published encoders that an operator registers: HuBERT and BERT."""
    return {
        "content_encoder": re.compile(
            r"(hubert\.)?(masked_spec_embed|(feature_extractor|feature_projection|encoder)\.[A-Za-z0-9_.]{1,200})"
        ),
        "bert": re.compile(r"(bert\.)?((embeddings|encoder|pooler)\.[A-Za-z0-9_.]{1,200})|cls\.[A-Za-z0-9_.]{1,200}"),
    }
