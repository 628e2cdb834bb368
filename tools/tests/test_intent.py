"""Making the file of the model of requests, with a small encoder made here."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray

from services.catalog.search.intent import LONGEST
from services.catalog.search.lexicon import Facet
from tests.relevance.texts import KINDS, Text, texts
from tools.intent import pack
from tools.intent.encoder import NORMS, PAD, PARTS, Packed, tokenizer
from tools.intent.lessons import Example, Lessons
from tools.intent.model import LAYERS, STATE, keep, opened, untaught
from tools.intent.teach import TOKENS, learn, steps

WIDTH, INNER, PIECES = 64, 128, 40
VALUES = [f"topic:{number}" for number in range(5)]


@pytest.fixture
def packed() -> Packed:
    """An encoder of chance."""
    chance = np.random.default_rng(3)

    def some(*shape: int) -> NDArray[np.float32]:
        return chance.normal(0, 0.3, shape).astype(np.float32).reshape(-1)

    shapes = {"q": (WIDTH, WIDTH), "k": (WIDTH, WIDTH), "v": (WIDTH, WIDTH), "ao": (WIDTH, WIDTH)}
    shapes |= {"fi": (INNER, WIDTH), "fo": (WIDTH, INNER)}
    tensors = {"emb.word": some(PIECES, WIDTH), "emb.pos": some(LONGEST + 50, WIDTH), "emb.type": some(WIDTH)}
    tensors |= {"emb.ln.w": some(WIDTH), "emb.ln.b": some(WIDTH)}
    for layer in range(LAYERS):
        tensors |= {f"l{layer}.{part}.w": some(*shapes[part]) for part in PARTS}
        tensors |= {f"l{layer}.{part}.b": some(shapes[part][0]) for part in PARTS}
        tensors |= {f"l{layer}.{norm}.{end}": some(WIDTH) for norm in NORMS for end in "wb"}
    pieces = tuple(f"\u2581{number}" for number in range(PIECES))
    return Packed(WIDTH, LAYERS, 4, INNER, LONGEST + 50, 1e-12, pieces, some(PIECES), 3, tensors)


def test_a_block_comes_back_within_its_step_and_its_largest_exactly() -> None:
    weights = np.random.default_rng(1).normal(0, 1, (7, 64)).astype(np.float32)
    weights[2, :32] = 0
    numbers, scales = pack.quantized(weights)
    again = ((numbers.astype(np.float32) - 8) * scales[:, None]).reshape(7, 64)
    assert np.all(np.abs(again - weights).reshape(-1, 32) <= np.abs(scales[:, None]) * 1.0001)
    largest = np.abs(weights.reshape(-1, 32)).argmax(axis=1)
    np.testing.assert_allclose(
        again.reshape(-1, 32)[np.arange(14), largest], weights.reshape(-1, 32)[np.arange(14), largest], rtol=1e-6
    )


def test_the_file_tells_what_the_model_told(packed: Packed, monkeypatch: pytest.MonkeyPatch) -> None:
    net = untaught(packed, VALUES).eval()
    with torch.no_grad():
        net.told.bias.zero_()
        net.told.weight.mul_(20)
    rows = [0, 2, 3, *range(5, PIECES, 2)]
    model = pack.graph(net, rows)
    ids = np.array([0, 4, 7, 9, 1], np.int64)
    with torch.no_grad():
        words = torch.tensor([[rows[number] for number in ids]])
        true = net(words, torch.ones_like(words)).sigmoid()[0].numpy()
    assert np.ptp(true) > 0.5
    np.testing.assert_allclose(told(model, ids), true, atol=0.1)  # its words have 4 bits already
    before = model.ByteSize()
    monkeypatch.setattr(pack, "SMALLEST", 1)
    pack.shrink(model)
    onnx.checker.check_model(model)
    assert model.ByteSize() < before / 3
    products = [node for node in model.graph.node if node.op_type == "DequantizeLinear"]
    assert len(products) >= 6 * LAYERS + 2
    np.testing.assert_allclose(told(model, ids), true, atol=0.2)


def told(model: onnx.ModelProto, ids: NDArray[np.int64]) -> NDArray[np.float32]:
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {"ids": ids})[0])


def test_a_leg_goes_on_from_what_was_kept_and_not_from_another_model(packed: Packed, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        opened(packed, VALUES, tmp_path)
    net = untaught(packed, VALUES)
    with torch.no_grad():
        net.told.weight.fill_(0.25)
    keep(net, VALUES, tmp_path)
    assert opened(packed, VALUES, tmp_path).told.weight.detach().numpy().flat[0] == 0.25
    assert [path.name for path in tmp_path.iterdir()] == [STATE]  # nothing half written
    other = untaught(packed, VALUES)
    with torch.no_grad():
        other.told.weight.fill_(0.75)
    keep(other, VALUES, tmp_path / "later")
    mean = opened(packed, VALUES, tmp_path, tmp_path / "later")
    assert mean.told.weight.detach().numpy().flat[0] == 0.5
    with pytest.raises(ValueError, match="other values than the lexicon has now"):
        opened(packed, ["topic:renamed", *VALUES[1:]], tmp_path)
    (tmp_path / STATE).write_bytes(b"no model")
    with pytest.raises(ValueError, match="cannot be read: name another folder"):
        opened(packed, VALUES, tmp_path)


def test_all_is_learnt_in_steps_of_about_one_length() -> None:
    examples = [Example(tuple(range(length)), ()) for length in (3, 400, 7, 7, 500, 90, 3, 600)]
    found = steps([*examples], random.Random(2))
    assert Counter(example.ids for step in found for example in step) == Counter(one.ids for one in examples)
    assert all(len(step) * max(len(example.ids) for example in step) <= TOKENS for step in found)
    assert len(found) < len(examples)


def test_a_leg_teaches_all_but_the_words(packed: Packed) -> None:
    lessons = Lessons(tokenizer(packed))
    net = untaught(packed, lessons.names)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    others = {text.list for kind in KINDS for text in texts(kind)} - {"par1"}
    assert learn(net, lessons, 0.1, random.Random(1), others) > 1
    changed = {name for name, value in net.state_dict().items() if not torch.equal(value, before[name])}
    assert not [name for name in changed if ".embeddings." in name]
    assert changed >= {"views", "keys.weight", "mix.weight", "told.weight", "told.bias"}
    assert {f"body.encoder.layer.{layer}.attention.self.value.weight" for layer in range(LAYERS)} <= changed
    assert all(value.isfinite().all() for value in net.state_dict().values())


def test_lessons_say_what_is_wanted_and_what_is_not(packed: Packed) -> None:
    lessons = Lessons(tokenizer(packed))
    hoarse, male = Facet("timbre", "hoarse"), Facet("gender", "male")
    example = lessons.of(Text("en1", "a man, but not hoarse", frozenset({male}), frozenset({hoarse})))
    ids, mask, true = lessons.tensors([example, Example((0, 2), ())])
    assert true.nonzero().tolist() == [[0, lessons.numbers[male]], [0, len(lessons.values) + lessons.numbers[hoarse]]]
    assert mask.sum(1).tolist() == [len(example.ids), 2]
    assert ids[1].tolist() == [0, 2, *[PAD] * (len(example.ids) - 2)]
    many = list(lessons.joined(random.Random(4), 50))
    assert len(many) == 50
    assert max(output for one in many for output in one.outputs) < len(lessons.values)
