"""An attack's functions over the devices of a mesh: one part of it a device.

A part is some pictures, or those of one person; its state is one of the
attack's own, which the devices have side by side.
"""

from typing import Any

import jax
from jax.sharding import Mesh

from fr_poison import parallel
from fr_poison.attacks.base import Attack


def init(attack: Attack, mesh: Mesh, whole: tuple, parts: tuple) -> Any:
  """Makes the states.

  Args:
    attack: whose.
    mesh: the devices.
    whole: params, rng, and what else of `attack.init` all devices get.
    parts: images [devices, n, H, W, 3], and what else belongs to them.
  """
  return parallel.each(_init, attack, mesh, whole, parts)


def advance(
  attack: Attack, mesh: Mesh, params: Any, states: Any, num_steps: int
) -> Any:
  """Makes all steps, which use the states up."""
  is_cpu = mesh.devices.flat[0].platform == 'cpu'
  if not is_cpu or parallel.is_traced(states):
    steps = attack, num_steps
    return parallel.each(all_steps, steps, mesh, params, states, donate=True)
  for _ in range(num_steps):
    states = parallel.each(
      _call, (attack, 'step'), mesh, params, states, donate=True
    )
  return states


def finish(attack: Attack, mesh: Mesh, params: Any, states: Any) -> Any:
  """Gives what `attack.finish` does, [devices, n, ...]."""
  return parallel.each(_call, (attack, 'finish'), mesh, params, states)


def mask(attack: Attack, mesh: Mesh, params: Any, states: Any) -> Any:
  """Gives the masks, [devices, 1, H, W, 3]."""
  return parallel.each(_call, (attack, 'mask'), mesh, params, states)


def check_memory(error: jax.errors.JaxRuntimeError) -> None:
  """Raises again what is about something else."""
  if 'RESOURCE_EXHAUSTED' not in str(error):
    raise error


def all_steps(static: tuple[Attack, int], params: Any, state: Any) -> Any:
  """Makes so many steps of an attack in one compiled loop."""
  attack, num_steps = static
  body = lambda _, state: attack.step(params, state)
  return jax.lax.fori_loop(0, num_steps, body, state)


def _init(attack, whole, part):
  params, rng, others = whole
  images, own = part
  return attack.init(params, rng, images, **own, **others)


def _call(static, params, state):
  attack, name = static
  return getattr(attack, name)(params, state)
