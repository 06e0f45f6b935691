"""Attacks on people: those whose numbers of pictures are alike share a program.

As many of them at a time as there are devices.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from fr_poison import parallel
from fr_poison.attacks import masks, steps
from fr_poison.attacks.base import Attack, Info, check_inputs
from fr_poison.attacks.masks import Groups, Mask
from fr_poison.types import Images, InputError, Params, Rng


class _People(NamedTuple):
  """Some people after the last step, one on each device of a mesh."""

  labels: list
  rows: list[np.ndarray]  # of each, [M], where the pictures were given
  mesh: Mesh
  params: Any
  states: Any


def make_masks(
  attack: Attack,
  params: Sequence[Params],
  rng: Rng,
  images: Images,
  groups: Groups,
  *,
  devices: parallel.Devices = None,
) -> dict[Any, Mask]:
  """Makes every person's mask, by label: for `apply`.

  Args:
    attack: on groups, with a mask.
    params: see `run`, as for the rest.
    rng: a key.
    images: RGB float32 in [0, 1].
    groups: whose each picture is.
    devices: see `parallel.chosen`.

  Raises:
    InputError: an attack that makes no masks; or as `run`.
  """
  check_inputs(False, rng, images, None, None)
  if attack.mask is None:
    raise InputError(
      'attack: what it adds to a picture is for that picture alone, so there '
      'is no mask'
    )
  found, devices = {}, parallel.chosen(devices, images)
  for some in _advanced(attack, params, rng, images, groups, devices):
    made = steps.mask(attack, some.mesh, some.params, some.states)
    made = parallel.gather(some.mesh, made)
    found |= {label: made[i] for i, label in enumerate(some.labels)}
  return {label: found[label] for label in sorted(found)}


def run(
  attack: Attack,
  params: Sequence[Params],
  rng: Rng,
  images: Images,
  groups: Groups,
  devices: parallel.Devices,
) -> tuple[Images, Info]:
  """Gives the people's pictures in the order given; see `loop.run`."""
  found, places = [], []
  for some in _advanced(attack, params, rng, images, groups, devices):
    made = steps.finish(attack, some.mesh, some.params, some.states)
    made = parallel.gather(some.mesh, made)
    for i, rows in enumerate(some.rows):
      own = i, slice(len(rows))
      found.append(jax.tree.map(lambda x, own=own: x[own], made))
    places += some.rows
  back = jax.device_put(np.argsort(np.concatenate(places)))
  return jax.tree.map(lambda *x: jnp.concatenate(x)[back], *found)


def padded_size(count: int) -> int:
  """Rounds a number of pictures up: by a quarter at most, 4 in an octave."""
  unit = max(1, 2 ** (max(count - 1, 1).bit_length() - 3))
  return -(-count // unit) * unit


def _advanced(
  attack, params, rng, images, groups, devices
) -> Iterator[_People]:
  """By people whose sizes are alike; what fills up has no weight."""
  labels = np.asarray(masks.check_groups(groups, images))
  devices, kinds = parallel.chosen(devices, images), {}
  for label in np.unique(labels).tolist():
    rows = np.flatnonzero(labels == label)
    kind = padded_size(len(rows)), attack.steps_for(len(rows))
    kinds.setdefault(kind, []).append((label, rows))
  for (size, num_steps), people in kinds.items():
    for first in range(0, len(people), len(devices)):
      names, rows = zip(*people[first : first + len(devices)], strict=True)
      mesh = parallel.mesh(devices[: len(rows)])
      whole = parallel.put(mesh, (params, rng, {}), parallel.WHOLE)
      filled = jax.device_put(np.stack([_filled(x, size) for x in rows]))
      weights = np.stack([np.arange(size) < len(x) for x in rows])
      parts = images[filled], {'weights': weights.astype(np.float32)}
      parts = parallel.put(mesh, parts, parallel.SPLIT)
      states = _states(attack, mesh, whole, parts, num_steps, names)
      yield _People([*names], [*rows], mesh, whole[0], states)


def _filled(rows, size):
  return np.concatenate([rows, np.full(size - len(rows), rows[0])])


def _states(attack, mesh, whole, parts, num_steps, names):
  """After the last step; what is wrong is said with whose it is."""
  names = ', '.join(map(str, names))
  try:
    states = steps.init(attack, mesh, whole, parts)
    states = steps.advance(attack, mesh, whole[0], states, num_steps)
    return jax.block_until_ready(states)
  except InputError as error:
    raise InputError(f'groups, {names}: {error}') from error
  except jax.errors.JaxRuntimeError as error:
    steps.check_memory(error)
    raise MemoryError(
      f'groups, {names}: the {parts[0].shape[1]} pictures of one person do not '
      'fit the memory: load the network with remat=True or attack fewer '
      'networks at once'
    ) from error
