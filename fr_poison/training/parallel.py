"""The only file that says pmap: steps over all devices of all hosts.

The state is not stacked: every device gets the same one, and only batches
have a leading device axis. JAX keeps `pmap` as a thin layer over
`jit(shard_map)`; the tests hold a `shard_map` twin against it.
"""

import jax
import numpy as np

from fr_poison.training.step import Batch, StepFn
from fr_poison.types import InputError

AXIS = 'batch'


def train_step(step: StepFn):
  """Puts `step` (made with axis_name=AXIS) on all devices of all processes.

  Args:
    step: (state, batch, rng) -> state, sums; both equal on all devices.

  Returns:
    The same, for batches of `shard`. The state passed in is used up.
  """
  return jax.pmap(
    step,
    AXIS,
    in_axes=(None, 0, None),
    out_axes=(None, None),
    donate_argnums=0,
  )


def eval_step(step):
  """Puts (state, batch) -> sums on all devices; for batches of `shard`."""
  return jax.pmap(step, AXIS, in_axes=(None, 0), out_axes=None)


def replicate(tree):
  """Copies arrays to every device of this process.

  As `train_step` gives its state back: were the first state on one device
  only, the second step would be compiled anew.
  """
  mesh = jax.sharding.Mesh(np.array(jax.local_devices()), (AXIS,))
  whole = jax.sharding.PartitionSpec()
  return jax.device_put(tree, jax.sharding.NamedSharding(mesh, whole))


def shard(batch: Batch) -> Batch:
  """Takes this process's part of a batch, [local devices, B / devices, ...].

  A batch that the devices do not divide is filled up with masked copies of
  its rows. They count nothing, but batch norm, which knows no mask, sees them
  in its statistics; without it the result is that of the batch as it is.

  Args:
    batch: the whole batch of all processes, each array [B, ...]; every
      process passes the same.

  Raises:
    InputError: an empty batch.
  """
  count, local = len(batch['mask']), jax.local_device_count()
  if not count:
    raise InputError('batch: no pictures')
  each = -(-count // jax.device_count())
  # Devices are numbered process by process.
  position = jax.process_index() * local * each + np.arange(local * each)
  part = {name: rows[position % count] for name, rows in batch.items()}
  part['mask'] = np.where(position < count, part['mask'], 0).astype(np.float32)
  part['position'] = position.astype(np.int32)
  return {k: v.reshape(local, each, *v.shape[1:]) for k, v in part.items()}
