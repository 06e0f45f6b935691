"""Work over this process's devices: the one file that knows of a mesh.

Each device runs the program of one on its part. jit's own partitioning would
round otherwise for every number of devices. Trainings are apart, and by pmap:
training/parallel.py.
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from fr_poison import checks
from fr_poison.types import InputError

AXIS = 'devices'
WHOLE, SPLIT = PartitionSpec(), PartitionSpec(AXIS)
Devices = int | Sequence[jax.Device] | None


def chosen(devices: Devices, images: Any = None) -> tuple[jax.Device, ...]:
  """Lists the devices that pictures are spread over.

  Args:
    devices: these, or so many of this process's; None: where the pictures have
      been put on purpose, JAX's default device where one is set, or all of this
      process's.
    images: the pictures.

  Raises:
    InputError: none, one twice, more than there are, another process's, or of
      several kinds.
  """
  if isinstance(images, jax.core.Tracer):
    return (jax.local_devices()[0],)  # the caller's own matter
  if devices is None:
    return _usual(images)
  if not isinstance(devices, Sequence):
    local = jax.local_devices()
    return tuple(local[: checks.whole('devices', devices, 1, len(local))])
  kinds = {(device.process_index, device.platform) for device in devices}
  if len(kinds) != 1 or len(set(devices)) < len(devices):
    raise InputError(
      f'devices: {list(devices)!r:.80}; different ones of one kind expected'
    )
  if devices[0].process_index != jax.process_index():
    raise InputError(f"devices: {devices[0]} is another process's")
  return tuple(devices)


def _usual(images):
  """Where pictures would go anyway, and what else is there."""
  if isinstance(images, jax.Array) and images.committed:
    if own := sorted(images.sharding.addressable_devices, key=lambda d: d.id):
      return tuple(own)
  default = jax.config.jax_default_device
  return (
    (default,) if isinstance(default, jax.Device) else (*jax.local_devices(),)
  )


def mesh(devices: Sequence[jax.Device]) -> Mesh:
  """Puts devices in a row."""
  return Mesh(np.array(devices), (AXIS,))


def put(mesh: Mesh, tree: Any, spec: PartitionSpec) -> Any:
  """Copies arrays to every device (WHOLE), or to each its part (SPLIT).

  Traced ones stay where they are, with a mesh of one device.
  """
  return (
    tree if is_traced(tree) else jax.device_put(tree, NamedSharding(mesh, spec))
  )


def is_traced(tree: Any) -> bool:
  """Whether an array belongs to a caller's jit, pmap or shard_map."""
  leaves = jax.tree.leaves(tree)
  return any(isinstance(x, jax.core.Tracer) for x in leaves)


def gather(mesh: Mesh, tree: Any) -> Any:
  """Brings all parts, [devices, ...], to the first device."""
  return tree if is_traced(tree) else jax.device_put(tree, mesh.devices.flat[0])


def join(mesh: Mesh, tree: Any) -> Any:
  """Does so, and makes one row of [devices, n, ...]."""
  flat = lambda x: x.reshape(-1, *x.shape[2:])
  return jax.tree.map(flat, gather(mesh, tree))


def _each(function, static, mesh, whole, parts):
  def one(whole, parts):
    part = jax.tree.map(lambda x: x[0], parts)
    return jax.tree.map(lambda x: x[None], function(static, whole, part))

  if mesh.size == 1:
    return one(whole, parts)
  return jax.shard_map(
    one,
    mesh=mesh,
    in_specs=(WHOLE, SPLIT),
    out_specs=SPLIT,
    check_vma=False,
  )(whole, parts)


_STATIC = (0, 1, 2)
_jitted = jax.jit(_each, static_argnums=_STATIC)
_donating = jax.jit(_each, static_argnums=_STATIC, donate_argnums=4)


def each(
  function: Callable,
  static: Any,
  mesh: Mesh,
  whole: Any,
  parts: Any,
  *,
  donate: bool = False,
) -> Any:
  """Calls `function` on every device, each with its part.

  Args:
    function: (static, whole, part) -> arrays.
    static: what has a hash; the program is compiled for each.
    mesh: the devices.
    whole: arrays that every device gets, see `put`.
    parts: arrays [devices, ...], of which it gets one.
    donate: `parts` are used up.

  Returns:
    What the function gave, [devices, ...].
  """
  run = _donating if donate else _jitted
  return run(function, static, mesh, whole, parts)
