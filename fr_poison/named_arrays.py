"""Any pytree as named host arrays, and back into the pytree it came from.

A leaf's name is its path, 'params/conv/kernel'. Its entry says what it was:
the shape and dtype of its data, and its kind ('array', 'int', 'float', 'bool'
of Python, or the dtype of a typed key). Nodes without leaves (None, optax's
EmptyState) and static fields are not stored: they come from the target.
"""

import urllib.parse
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from fr_poison.types import InputError

Arrays = dict[str, np.ndarray]
Entries = dict[str, dict]

_PYTHON = {bool: 'bool', int: 'int64', float: 'float64'}
_NUM_LISTED = 8  # names per kind of difference in a message


def to_host(state: Any) -> tuple[Arrays, Entries]:
  """Takes the leaves of `state` to host memory, with their entries.

  Raises:
    InputError: a leaf is not a number, an array of numbers or a key, is
      spread over several processes, or there is nothing to save.
  """
  arrays, entries = {}, {}
  for name, leaf in _named_leaves(state, 'state').items():
    entry = _entry(leaf, f'state: {name}')
    if entry['kind'].startswith('key<'):
      entry['impl'] = str(jax.random.key_impl(leaf))
      leaf = jax.random.key_data(leaf)
    if isinstance(leaf, jax.Array) and not (
      leaf.is_fully_addressable or leaf.is_fully_replicated
    ):
      raise InputError(f'state: {name} is spread over several processes')
    arrays[name] = np.asarray(leaf, jnp.dtype(entry['dtype']))
    entries[name] = entry
  if not any(array.size for array in arrays.values()):
    raise InputError('state: nothing to save, no array has any values')
  return arrays, entries


def to_target(
  target: Any, arrays: Arrays, entries: Entries, source: str
) -> Any:
  """Fills the pytree `target` with `arrays` for leaves.

  Leaves are NumPy arrays where the target has them, Python numbers where it
  has those, else on the default device. A Python number and a scalar array of
  its kind stand for each other where no digit is lost: a state starts with
  step 0 and goes on with an int32.

  Args:
    target: arrays, `jax.ShapeDtypeStruct`s, keys, Python numbers.
    arrays: host arrays by name.
    entries: by name, as `to_host` gave them.
    source: where the arrays are from, for the message.

  Raises:
    InputError: naming every missing, unexpected, misshaped or otherwise typed
      leaf; nothing is cast.
  """
  wanted = _named_leaves(target, 'target')
  found = {
    name: _entry(leaf, f'target: {name}') for name, leaf in wanted.items()
  }
  differences = _differences(arrays, entries, found)
  if differences:
    raise InputError(
      f'target: another architecture than in {source}: '
      + '; '.join(differences)
    )
  leaves = [
    _leaf(leaf, arrays[n], entries[n], found[n]) for n, leaf in wanted.items()
  ]
  return jax.tree.unflatten(jax.tree.structure(target), leaves)


def _named_leaves(tree, field):
  named = {}
  for path, leaf in jax.tree_util.tree_flatten_with_path(tree)[0]:
    parts = [jax.tree_util.keystr((key,), simple=True) for key in path]
    if not all(parts) or not parts:
      raise InputError(f'{field}: has a leaf without a name; use a dict')
    # Orbax joins names with dots, we with slashes: neither may be in a name.
    quoted = [
      urllib.parse.quote(p, safe=' ').replace('.', '%2E') for p in parts
    ]
    named['/'.join(quoted)] = leaf
  return named


def _entry(leaf, what):
  """What a leaf, saved or wanted, is: shape, dtype and kind."""
  if type(leaf) in _PYTHON:
    kind, shape, dtype = type(leaf).__name__, (), _PYTHON[type(leaf)]
    if dtype == 'int64' and not -(2**63) <= leaf < 2**63:
      raise InputError(f'{what}: {leaf} does not fit 64 bits')
  elif not hasattr(leaf, 'shape') or not hasattr(leaf, 'dtype'):
    raise InputError(f'{what}: a {type(leaf).__name__}, not a number or array')
  elif jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
    data = jax.eval_shape(jax.random.key_data, leaf)
    kind, shape, dtype = str(leaf.dtype), data.shape, data.dtype.name
  elif jnp.issubdtype(leaf.dtype, np.number) or leaf.dtype == bool:
    kind, shape, dtype = 'array', leaf.shape, np.dtype(leaf.dtype).name
  else:
    raise InputError(f'{what}: {leaf.dtype} cannot be stored')
  return {'shape': list(shape), 'dtype': dtype, 'kind': kind}


def _differences(arrays, saved, wanted):
  found = {
    'missing': [name for name in wanted if name not in saved],
    'unexpected': [name for name in saved if name not in wanted],
    'shape': [],
    'dtype': [],
  }
  for name in wanted.keys() & saved.keys():
    one, other = saved[name], wanted[name]
    if one['shape'] != other['shape']:
      found['shape'].append(f'{name} ({one["shape"]}, wanted {other["shape"]})')
    elif not _agree(arrays[name], one, other):
      types = f'{_type(one)}, wanted {_type(other)}'
      found['dtype'].append(f'{name} ({types})')
  return [f'{what} {_listed(names)}' for what, names in found.items() if names]


def _agree(array, saved, wanted):
  kinds = {saved['kind'], wanted['kind']}
  if len(kinds) == 1:
    return saved['dtype'] == wanted['dtype']
  if not kinds & {t.__name__ for t in _PYTHON} or saved['shape']:
    return False
  dtypes = [jnp.dtype(entry['dtype']) for entry in (saved, wanted)]
  if not any(
    all(jnp.issubdtype(dtype, family) for dtype in dtypes)
    for family in (np.bool_, np.integer, np.floating)
  ):
    return False
  with np.errstate(over='ignore', invalid='ignore'):
    back = array.astype(dtypes[1]).astype(array.dtype)
  return bool(array == back or array != array)  # NaN is exact


def _type(entry):
  if entry['kind'] == 'array':
    return entry['dtype']
  is_key = entry['kind'].startswith('key<')
  return entry['kind'] if is_key else f'Python {entry["kind"]}'


def _listed(names):
  more = len(names) - _NUM_LISTED
  tail = f' and {more} more' if more > 0 else ''
  return ', '.join(sorted(names)[:_NUM_LISTED]) + tail


def _leaf(wanted, array, saved, entry):
  if type(wanted) in _PYTHON:
    return type(wanted)(array.item())
  if entry['kind'] != 'array':
    return jax.random.wrap_key_data(jnp.array(array), impl=saved['impl'])
  array = array.astype(jnp.dtype(entry['dtype']), copy=False)
  if isinstance(wanted, np.generic):
    return array[()]
  if isinstance(wanted, np.ndarray):
    return array
  # A float64 without jax_enable_x64 would be cast on a device.
  fits = jax.dtypes.canonicalize_dtype(array.dtype) == array.dtype
  return jnp.array(array) if fits else array


def nested(arrays: Arrays) -> dict:
  """Makes {'a': {'b': array}} of {'a/b': array}."""
  tree = {}
  for name, array in arrays.items():
    *parents, last = [urllib.parse.unquote(part) for part in name.split('/')]
    node = tree
    for parent in parents:
      node = node.setdefault(parent, {})
    node[last] = array
  return tree
