import jax
import numpy as np
import pytest

from fr_poison.data.batches import map_batches, pictures_a_call


@pytest.mark.parametrize('count', [1, 3, 4, 5, 8])
def test_every_picture_once_in_batches_of_one_shape(count):
  images = np.arange(count, dtype=np.uint8).reshape(-1, 1, 1, 1)
  images = np.broadcast_to(images, (count, 2, 2, 3))
  shapes = set()

  def fn(batch):
    assert batch.dtype == np.float32
    shapes.add(batch.shape)
    return batch[:, 0, 0, 0] * 255

  results = map_batches(fn, images, 4)
  np.testing.assert_allclose(results, np.arange(count), rtol=1e-6)
  assert shapes == {(4, 2, 2, 3)}


def test_a_number_is_only_wanted_of_an_accelerator(monkeypatch):
  assert pictures_a_call(64, on_cpu=8) == pictures_a_call(1, on_cpu=8) == 8
  monkeypatch.setattr(jax, 'default_backend', lambda: 'gpu')
  assert pictures_a_call(64, on_cpu=8) == 64
