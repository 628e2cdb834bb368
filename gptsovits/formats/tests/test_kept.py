"""What a hub keeps of a tensor is read as it was, and is nobody's to change."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from gptsovits.formats.kept import tensor_of


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16", "int64", "bool"])
def test_a_kept_tensor_is_what_it_was_and_read_only(dtype: str) -> None:
    saved = torch.tensor([[0.0, 1.0, 2.5], [-7.0, 40.0, 0.375]]).to(getattr(torch, dtype))
    found = tensor_of(saved.view(torch.uint8).numpy().tobytes(), dtype, [2, 3])
    np.testing.assert_array_equal(found, (saved.float() if dtype == "bfloat16" else saved).numpy())
    assert not found.flags.writeable
