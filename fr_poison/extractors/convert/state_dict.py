"""PyTorch state dicts <-> Flax variables, by one table of names a network.

A table is a sequence of `Entry`: the authors' key, our name, and which kind of
array it is; a kind is a pair of functions, theirs to ours and back. Nothing is
guessed: what a table does not name, or names in another shape, is refused.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from flax import traverse_util

from fr_poison import weights
from fr_poison.types import InputError, Params


class Entry(NamedTuple):
  """One array under both names."""

  key: str  # theirs, 'layer1.0.conv1.weight'
  name: str  # ours, flat, 'params/stage1_block1/conv1/kernel'
  kind: str  # 'conv', 'depthwise', 'dense' or 'plain'


class _Kind(NamedTuple):
  to_ours: Callable[[np.ndarray], np.ndarray]
  to_theirs: Callable[[np.ndarray], np.ndarray]


_same = lambda a: a
_KINDS = {
  # [O, I, h, w] <-> [h, w, I, O], also with groups.
  'conv': _Kind(
    lambda a: a.transpose(2, 3, 1, 0), lambda a: a.transpose(3, 2, 0, 1)
  ),
  # [C, 1, h, w] <-> [h, w, C]
  'depthwise': _Kind(
    lambda a: a[:, 0].transpose(1, 2, 0),
    lambda a: a.transpose(2, 0, 1)[:, None],
  ),
  # [out, in] <-> [in, out]
  'dense': _Kind(np.transpose, np.transpose),
  'plain': _Kind(_same, _same),
}
# PyTorch's counters, which no network of ours has.
_COUNTERS = r'(.*\.)?num_batches_tracked'
_SHOWN = 6  # of a list of keys, in an error


def conv(key: str, name: str, *, bias: bool = False) -> list[Entry]:
  """A convolution: `key`.weight is params/`name`/kernel."""
  kernel = Entry(f'{key}.weight', f'params/{name}/kernel', 'conv')
  return [kernel, *_bias(key, name, bias)]


def depthwise(key: str, name: str) -> list[Entry]:
  """A `layers.DepthwiseConv`."""
  return [Entry(f'{key}.weight', f'params/{name}/kernel', 'depthwise')]


def dense(key: str, name: str, *, bias: bool = True) -> list[Entry]:
  """A linear layer."""
  kernel = Entry(f'{key}.weight', f'params/{name}/kernel', 'dense')
  return [kernel, *_bias(key, name, bias)]


def norm(key: str, name: str) -> list[Entry]:
  """A batch norm with its running statistics."""
  return [
    *layer_norm(key, name),
    Entry(f'{key}.running_mean', f'batch_stats/{name}/mean', 'plain'),
    Entry(f'{key}.running_var', f'batch_stats/{name}/var', 'plain'),
  ]


def layer_norm(key: str, name: str) -> list[Entry]:
  """A norm without statistics."""
  scale = Entry(f'{key}.weight', f'params/{name}/scale', 'plain')
  return [scale, *_bias(key, name, True)]


def prelu(key: str, name: str) -> list[Entry]:
  """A `layers.PReLU`."""
  return [Entry(f'{key}.weight', f'params/{name}/slope', 'plain')]


def _bias(key, name, present):
  return [Entry(f'{key}.bias', f'params/{name}/bias', 'plain')] * present


def to_flax(
  entries: Iterable[Entry],
  arrays: Mapping[str, np.ndarray],
  expected: Mapping[str, tuple],
  *,
  ignored: str = '',
  prefixes: Sequence[str] = (),
  source: str = 'state_dict',
) -> Params:
  """Variables of a Flax module from a state dict.

  Args:
    entries: the network's table.
    arrays: by the authors' keys; any floating-point format.
    expected: shapes by our flat names, collection first
      (`weights.expected_shapes(module, size, None)`).
    ignored: pattern of keys that may be there and are not used.
    prefixes: what all keys may begin with; the first that fits is stripped,
      once, from all of them.
    source: what to call the arrays in errors.

  Returns:
    {'params': ..., 'batch_stats': ...}, float32.

  Raises:
    InputError: arrays that are missing, unexpected, misshaped, of no floating
      point, or not finite.
  """
  entries = tuple(entries)
  arrays = _stripped(arrays, ignored, prefixes)
  shapes = {
    e.key: _KINDS[e.kind].to_theirs(_placeholder(expected[e.name])).shape
    for e in entries
  }
  arrays = {
    key: np.asarray(array)
    for key, array in arrays.items()
    if key in shapes or not re.fullmatch(f'{_COUNTERS}|{ignored}', key)
  }
  _check(arrays, shapes, source)
  with np.errstate(over='ignore'):  # becomes infinite, and is refused as that
    arrays = {key: a.astype(np.float32) for key, a in arrays.items()}
  weights.check_arrays(arrays, shapes, source)
  flat = {e.name: _KINDS[e.kind].to_ours(arrays[e.key]) for e in entries}
  return traverse_util.unflatten_dict(flat, sep='/')


def to_state_dict(
  entries: Iterable[Entry], variables: Params
) -> dict[str, np.ndarray]:
  """The variables under the authors' keys, as `to_flax` takes them."""
  flat = weights.flatten(variables)
  return {
    e.key: _KINDS[e.kind].to_theirs(np.asarray(flat[e.name])) for e in entries
  }


def _placeholder(shape):
  """Zeros that take no memory."""
  return np.broadcast_to(np.float32(0), shape)


def _stripped(arrays, ignored, prefixes):
  """Without the first prefix that all keys but ignored ones begin with."""
  for prefix in prefixes:
    inside = [key for key in arrays if key.startswith(prefix)]
    outside = arrays.keys() - set(inside)
    if inside and all(re.fullmatch(ignored, key) for key in outside):
      return {key.removeprefix(prefix): arrays[key] for key in inside}
  return arrays


def _check(arrays, shapes, source):
  """Refuses other keys and shapes than expected, with those of both sides."""
  common = arrays.keys() & shapes.keys()
  show = lambda key, array: f'{key} {list(array.shape)} {array.dtype}'
  problems = {
    'missing': [f'{k} {list(shapes[k])}' for k in shapes.keys() - common],
    'unexpected': [show(k, arrays[k]) for k in arrays.keys() - common],
    'misshaped': [
      f'{k} {list(arrays[k].shape)}, expected {list(shapes[k])}'
      for k in common
      if arrays[k].shape != shapes[k]
    ],
    'not floating point': [
      show(k, arrays[k])
      for k in common
      if not jnp.issubdtype(arrays[k].dtype, jnp.floating)
    ],
  }
  if any(problems.values()):
    text = '; '.join(
      f'{what}: {_some(keys)}'
      for what, keys in problems.items()
      if keys or what in ('missing', 'unexpected')
    )
    raise InputError(f'{source}: not the weights of this network; {text}')


def _some(keys):
  more = f', and {len(keys) - _SHOWN} more' * (len(keys) > _SHOWN)
  return ', '.join(sorted(keys)[:_SHOWN]) + more or 'nothing'
