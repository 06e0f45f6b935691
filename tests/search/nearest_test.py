import jax
import numpy as np
import pytest

from fr_poison.search import nearest
from fr_poison.types import InputError


def _draw(num_probes, num_faces, num_columns=6, seed=0):
  rng = np.random.default_rng(seed)
  draw = lambda n: rng.standard_normal((n, num_columns)).astype(np.float32)
  return draw(num_probes), draw(num_faces)


def _by_hand(probes, gallery, metric):
  """float64 scores of all pairs; rows in order, of equals the lowest first."""
  probes, gallery = probes.astype(np.float64), gallery.astype(np.float64)
  if metric == 'inner_product':
    scores = (probes[:, None] * gallery).sum(-1)
  else:
    scores = -((probes[:, None] - gallery) ** 2).sum(-1)
  return scores, np.argsort(-scores, 1, kind='stable')


@pytest.mark.parametrize('metric', nearest.METRICS)
def test_equals_argsort_whatever_the_blocks_and_devices(monkeypatch, metric):
  probes, gallery = _draw(7, 1111)
  gallery[900] = gallery[3]  # equals, on different devices and blocks
  gallery[1110] = gallery[3]
  probes[0] = gallery[3]
  scores, order = _by_hand(probes, gallery, metric)
  devices = jax.local_devices()
  for num_devices, rows, columns in ((4, 64, 3), (1, 8192, 7), (3, 128, 1024)):
    monkeypatch.setattr(jax, 'local_devices', lambda n=num_devices: devices[:n])
    found = nearest.top_k(
      probes,
      gallery,
      5,
      metric=metric,
      block_size=rows,
      probe_block_size=columns,
    )
    np.testing.assert_array_equal(found.indices, order[:, :5])
    expected = np.take_along_axis(scores, order[:, :5], 1)
    np.testing.assert_array_equal(found.scores, expected)


def test_float32_does_not_decide_what_float64_can_tell_apart():
  # Products of 4096 + i / 2^20, up to i = 199: in float32, whose steps there
  # are 1 / 2048, all of them are 4096.
  numbers = np.arange(200) * 77 % 200  # 13 * 77 = 1 modulo 200
  gallery = np.stack([np.full(200, 4096.0), numbers / 2**20], 1)
  found = nearest.top_k(np.ones((1, 2)), gallery.astype(np.float32), 3)
  rows = [i * 13 % 200 for i in (199, 198, 197)]
  np.testing.assert_array_equal(found.indices, [rows])
  expected = [4096 + i / 2**20 for i in (199, 198, 197)]
  np.testing.assert_array_equal(found.scores[0], expected)


def test_all_of_a_gallery_of_equals_in_order():
  gallery = np.ones((70, 3), np.float32)
  found = nearest.top_k(gallery[:2], gallery, 70, metric='squared_euclidean')
  np.testing.assert_array_equal(found.indices, [np.arange(70)] * 2)
  assert (found.scores == 0).all()


class _Streamed:
  """A gallery that counts the rows of every read."""

  def __init__(self, rows):
    self._rows, self.shape, self.ndim, self.reads = rows, rows.shape, 2, []

  def __len__(self):
    return len(self._rows)

  def __getitem__(self, which):
    result = self._rows[which]
    self.reads.append(len(result))
    return result


def test_a_gallery_is_read_once_block_by_block():
  probes, rows = _draw(5, 600)
  gallery = _Streamed(rows)
  found = nearest.top_k(probes, gallery, 1, block_size=64, probe_block_size=2)
  expected = _by_hand(probes, rows, 'inner_product')[1][:, :1]
  np.testing.assert_array_equal(found.indices, expected)
  # On four devices 256 rows at a time; then a few rows for each probe.
  assert gallery.reads[:3] == [256, 256, 88] and len(gallery.reads) == 8
  assert max(gallery.reads[3:]) < 64


def test_approximate_search_finds_its_share():
  probes, gallery = _draw(20, 512)
  exact = nearest.top_k(probes, gallery, 4)
  found = nearest.top_k(probes, gallery, 4, recall_target=0.8)
  assert nearest.recall(found, exact) >= 0.8


def test_recall_is_the_share_of_exact_matches_that_were_found():
  matches = lambda *rows: nearest.Matches(np.array(rows), np.zeros((2, 2)))
  found, exact = matches([4, 1], [0, 2]), matches([1, 2], [2, 0])
  assert nearest.recall(found, exact) == 0.75
  assert nearest.recall(exact, exact) == 1


def test_what_cannot_be_searched_is_refused():
  probes, gallery = _draw(3, 9)
  broken = np.where(np.arange(9)[:, None] == 8, np.nan, gallery)
  run = lambda p=probes, g=gallery, k=1, **settings: nearest.top_k(
    p, g, k, **settings
  )
  for message, call in (
    ('k: 10; a whole number from 1 to 9', lambda: run(k=10)),
    ('k: 0', lambda: run(k=0)),
    ("metric: 'cosine' is unknown", lambda: run(metric='cosine')),
    ('recall_target: 1', lambda: run(recall_target=1.0)),
    ('probes, gallery: expected', lambda: run(g=gallery[:, :5])),
    ('probes, gallery: expected', lambda: run(p=probes[0])),
    ('probes: NaN', lambda: run(p=broken[-1:])),
    ('gallery: NaN', lambda: run(g=broken)),
    ('gallery: NaN', lambda: run(p=1e30 * probes, g=1e15 * gallery)),
  ):
    with pytest.raises(InputError, match=f'^{message}'):
      call()
  assert run(p=probes[:0]).indices.shape == (0, 1)
