"""Networks that compile in no time, under the names of those that ship.

For tests of what programs do with networks, not of networks. A program that is
started in their place of the real ones:

  python tests/little_networks.py experiments/evaluate.py --config=...
"""

import contextlib
import functools
import pathlib
import runpy
import sys
import zlib
from unittest import mock

import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from flax import traverse_util

from fr_poison import weights
from fr_poison.extractors import loading
from fr_poison.extractors.network import Network

_PATCH, _SIZE = 4, 16


class Little(Network):
  """[B, H, W, 3] -> [B, 16]: the same of every patch, then a dense layer."""

  @nn.compact
  def __call__(self, x):
    batch, side = len(x), x.shape[1] // _PATCH
    x = x[:, : side * _PATCH, : side * _PATCH]
    x = x.reshape(batch, side, _PATCH, side, _PATCH, 3)
    x = x.transpose(0, 1, 3, 2, 4, 5).reshape(batch, side**2, -1)
    x = jnp.tanh(nn.Dense(4, dtype=x.dtype, name='patches')(x))
    return nn.Dense(_SIZE, dtype=x.dtype, name='dense')(x.reshape(batch, -1))


_SPECS = {
  name: entry._replace(module=Little, embedding_size=_SIZE)
  for name, entry in loading._SPECS.items()
  if entry.pretrained
}


def _load(name, expected, *args):
  """Random weights, others for each name."""
  if name not in _SPECS:
    return _load_real(name, expected, *args)
  rng = np.random.default_rng(zlib.crc32(name.encode()))
  flat = {
    key: (rng.standard_normal(shape) / shape[0] ** 0.5).astype(np.float32)
    for key, shape in expected.items()
  }
  params = traverse_util.unflatten_dict(flat, sep='/')
  return {'params': params}, weights.digest(flat)


_load_real = weights.load
# Those of a process are made once, and none is kept for a real one.
_PATCHES = {
  '_SPECS': loading._SPECS | _SPECS,
  '_embed_fn': functools.cache(loading._embed_fn.__wrapped__),
  '_shapes': functools.cache(loading._shapes.__wrapped__),
}


@contextlib.contextmanager
def instead():
  """They are loaded, while it lasts."""
  with (
    mock.patch.multiple(loading, **_PATCHES),
    mock.patch.object(weights, 'load', _load),
  ):
    yield


if __name__ == '__main__':
  del sys.argv[0]
  sys.path[0] = str(pathlib.Path(sys.argv[0]).parent)
  with instead():
    runpy.run_path(sys.argv[0], run_name='__main__')
