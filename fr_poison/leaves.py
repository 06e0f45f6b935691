"""Pytrees as named arrays, 'params/conv/kernel': what checkpoints hold."""

import textwrap
from collections.abc import Iterable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from fr_poison.types import InputError


def check(target: Any, arrays: dict, source: object) -> None:
  """Refuses a pytree that has other arrays than these, by name, shape or dtype.

  InputError: lists each difference to `source`, which has the arrays.
  """
  wanted = named(target, 'target')
  saved, asked = (
    {name: f'{x.dtype}{list(x.shape)}' for name, x in named.items()}
    for named in (arrays, wanted)
  )
  differences = {
    'missing': asked.keys() - saved.keys(),
    'unexpected': saved.keys() - asked.keys(),
    'different': [
      f'{name} ({saved[name]}, wanted {asked[name]})'
      for name in saved.keys() & asked.keys()
      if saved[name] != asked[name]
    ],
  }
  texts = [f'{k} {", ".join(sorted(x))}' for k, x in differences.items() if x]
  if texts:
    listed = textwrap.shorten('; '.join(texts), 1000)
    raise InputError(f'target: another architecture than in {source}: {listed}')


def filled(target: Any, arrays: dict[str, np.ndarray]) -> Any:
  """Gives the pytree `target`, checked before, these arrays for leaves."""
  names = iter(named(target, 'target'))  # in the order of the leaves
  return jax.tree.map(lambda leaf: _like(leaf, arrays[next(names)]), target)


def flat(tree: Any) -> dict[str, Any]:
  """Gives a pytree's leaves by their paths."""
  return dict(_pairs(tree))


def _pairs(tree):
  return [
    (jax.tree_util.keystr(path, simple=True, separator='/'), leaf)
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree)
  ]


def check_names(names: Iterable[str], field: str) -> None:
  """Refuses names that cannot all be leaves of one tree.

  Orbax joins names with dots, so neither a dot nor a slash keeps two apart.
  InputError: an empty one, two that are the same, or one within another.
  """
  places, inner = set(), set()
  for name in names:
    place = name.replace('/', '.')
    if not all(name.split('/')) or place in places:
      raise InputError(f'{field}: {name!r} names no single leaf; use a dict')
    places.add(place)
    while '.' in place:
      place = place.rpartition('.')[0]
      inner.add(place)
  for place in sorted(places & inner):
    raise InputError(f'{field}: {place!r} is a leaf and holds others')


def named(tree: Any, field: str) -> dict[str, Any]:
  """Gives the leaves of a pytree by their paths: arrays or shapes of numbers.

  InputError: what cannot be stored, in `field`.
  """
  pairs, found = _pairs(tree), {}
  check_names([name for name, _ in pairs], field)
  for name, leaf in pairs:
    array = leaf if hasattr(leaf, 'dtype') else np.asarray(leaf)
    if not (jnp.issubdtype(array.dtype, np.number) or array.dtype == bool):
      raise InputError(f'{field}: {name}: {array.dtype} cannot be stored')
    if isinstance(leaf, jax.Array) and not (
      leaf.is_fully_addressable or leaf.is_fully_replicated
    ):
      raise InputError(f'{field}: {name} is spread over several processes')
    found[name] = array
  return found


def _like(wanted, array):
  if isinstance(wanted, int | float):
    return array.item()
  # A float64 without jax_enable_x64 would be cast on a device.
  is_cast = jax.dtypes.canonicalize_dtype(array.dtype) != array.dtype
  is_given = is_cast or isinstance(wanted, np.ndarray)
  return array if is_given else jnp.array(array)
