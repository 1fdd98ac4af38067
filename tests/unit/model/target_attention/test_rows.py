"""The rows of the matrix products and their chunks."""

import torch

from recbole_tagnnpp.model.target_attention.rows import Rows, chunks


def test_chunks_cover_every_session_once_within_the_limit() -> None:
    lengths = torch.tensor([1, 2, 9, 1, 1, 3, 2])  # rows 1, 3, 17, 1, 1, 5, 3
    found = list(chunks(lengths, 4))  # the first two fill a chunk exactly
    assert [(c.sessions.start, c.sessions.stop) for c in found] == [(0, 2), (2, 3), (3, 5), (5, 6), (6, 7)]
    assert [(c.values.start, c.values.stop) for c in found] == [(0, 3), (3, 12), (12, 14), (14, 17), (17, 19)]
    assert [(c.keys.start, c.keys.stop) for c in found] == [(0, 1), (1, 9), (9, 9), (9, 11), (11, 12)]
    assert found[0].first.tolist() == [0, 1, 3]


def test_gradient_of_rows_is_that_of_autograd() -> None:
    lengths = torch.tensor([1, 3, 2])
    generator = torch.Generator().manual_seed(1)
    keys, values, session = (
        torch.randn(n, 5, generator=generator, dtype=torch.float64, requires_grad=True) for n in (6, 6, 3)
    )
    rows = Rows(keys, values, session, lengths)
    assert rows.values.shape == (6, 5) and rows.keys.shape == (3, 5)
    torch.testing.assert_close(rows.keys[1], keys[3] - keys[1])
    upstream = [torch.randn(r.shape, generator=generator, dtype=torch.float64) for r in (rows.values, rows.keys)]
    expected = torch.autograd.grad([rows.values, rows.keys], [keys, values, session], upstream)
    for found, wanted in zip(rows.gradients(*upstream, 3), expected, strict=True):
        torch.testing.assert_close(found, wanted)
