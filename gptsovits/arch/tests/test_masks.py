"""What only fills a batch changes nothing: each clip of a padded batch gives what it gives alone."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gptsovits.arch.masking import length_mask
from gptsovits.arch.s2 import Synthesizer
from gptsovits.config import S2Config, SpectrogramConfig
from gptsovits.parity.recordings import fill_by_rule

torch.set_num_threads(1)
SMALL = S2Config(
    inter_channels=8, hidden_channels=8, filter_channels=12, n_layers=2, upsample_rates=(4, 4),
    upsample_initial_channel=8, upsample_kernel_sizes=(8, 8), gin_channels=6, mrte_hidden=6, mrte_heads=2, ssl_dim=6,
    codebook_size=10, ref_enc_in=9, ref_enc_hidden=4, enc_q_layers=2, flow_n_flows=2, flow_wn_layers=2, n_symbols=20,
    spectrogram=SpectrogramConfig(8000, 16, 16, 16, 4),
)  # fmt: skip


@given(
    st.lists(st.tuples(st.integers(4, 20), st.integers(1, 9)), min_size=2, max_size=3), st.floats(-50, 50),
    st.integers(0, 1 << 20),
)  # fmt: skip
@settings(max_examples=20, deadline=None)
def test_padding_of_a_batch_changes_no_clip(sizes: list[tuple[int, int]], filler: float, seed: int) -> None:
    torch.manual_seed(seed)
    network = Synthesizer(SMALL)
    fill_by_rule(network)
    frames, phones = (torch.tensor(column) for column in zip(*sizes, strict=True))
    longest, most = int(frames.max()), int(phones.max())
    mask, text_mask = length_mask(frames, longest), length_mask(phones, most)
    spec = torch.rand(len(sizes), 9, longest) * mask + filler * (1 - mask)
    content = torch.randn(len(sizes), 6, longest) * mask + filler * (1 - mask)
    text, noise = torch.randint(20, (len(sizes), most)), torch.randn(len(sizes), 8, longest)
    with torch.no_grad():
        # The style encoder lets the frames beside the padding see where a clip ends, as the original does: only what
        # fills the padding must not matter.
        ge = network.timbre(spec, mask)
        torch.testing.assert_close(network.timbre(spec * mask, mask), ge)
        prior = network.enc_p(content, mask, text, text_mask, ge)
        z, _, _ = network.enc_q(spec, mask, ge, noise)
        z_p = network.flow(z, mask, ge)
        for row, (long, said) in enumerate(sizes):
            one, alone, timbre = slice(row, row + 1), spec[row : row + 1, :, :long], ge[row : row + 1]
            single = network.enc_p(content[one, :, :long], None, text[one, :said], None, timbre)
            ones = torch.ones(1, 1, long)
            latent, _, _ = network.enc_q(alone, ones, timbre, noise[one, :, :long])
            pairs = [(prior.mean[one, :, :long], single.mean), (z[one, :, :long], latent),
                     (z_p[one, :, :long], network.flow(latent, ones, timbre))]  # fmt: skip
            for found, expected in pairs:
                torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)
            assert not z[row, :, long:].any()
