"""One step of training, as a pure function of state, batch and key.

A batch is a dict: `images` [B, H, W, 3] in [0, 1], `labels` [B] int32, `mask`
[B] (0 where a row only fills the batch up) and `position` [B]. The last is the
row's place in the whole batch of all devices, and gives its random numbers.
"""

from collections.abc import Callable
from typing import Any

import flax.struct
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Float, Int, Shaped

from fr_poison import checks
from fr_poison.training import augmentation
from fr_poison.training.heads import Head
from fr_poison.types import (
  Array,
  EmbedFn,
  Images,
  InputError,
  Params,
  Rng,
  calling,
)

Batch = dict[str, Shaped[Array, 'B ...']]
Sums = dict[str, Float[Array, '']]  # over a batch's pictures
# (variables, images) -> embeddings, new batch_stats
TrainFn = Callable[[Params, Images], tuple[Float[Array, 'B D'], Any]]
StepFn = Callable[['TrainState', Batch, Rng], tuple['TrainState', Sums]]


class TrainState(flax.struct.PyTreeNode):
  """All that training carries from one step to the next."""

  step: Int[Array, '']  # updates made
  params: Params  # {'extractor': ..., 'head': ...}, what is trained
  batch_stats: Params  # running statistics of batch norm; {} without
  opt_state: optax.OptState
  ema: Params  # moving average of params; {} where none is kept


def variables(state: TrainState) -> Params:
  """Gives what the network's `embed_fn` takes: the average, where kept."""
  params = (state.ema or state.params)['extractor']
  stats = {'batch_stats': state.batch_stats} if state.batch_stats else {}
  return {'params': params} | stats


def create(
  network: Params,
  head: Params,
  optimizer: optax.GradientTransformation,
  *,
  ema: bool = False,
) -> TrainState:
  """Makes the state before the first step; its arrays are copies.

  Args:
    network: the extractor's variables, {'params': ..., 'batch_stats': ...}.
    head: the head's parameters.
    optimizer: of the steps to come.
    ema: keep a moving average of the parameters.
  """
  # Copies, since a step takes its state's memory for the next one.
  params = jax.tree.map(
    jnp.array, {'extractor': network['params'], 'head': head}
  )
  return TrainState(
    step=jnp.zeros((), jnp.int32),
    params=params,
    batch_stats=jax.tree.map(jnp.array, network.get('batch_stats', {})),
    opt_state=optimizer.init(params),
    ema=jax.tree.map(jnp.array, params) if ema else {},
  )


def _after(grads, images):
  """`images`, which now wait for `grads`; NaN where those are.

  XLA would compute all parts side by side, and no memory would be saved. On
  CPU it drops an optimization_barrier before it orders the program.
  """
  total = sum(jnp.sum(x) for x in jax.tree.leaves(grads))
  return jnp.where(jnp.isnan(total), total, images)


def _accumulated(total, state, batch, number):
  """Gradients and metrics, summed over pictures, and the last batch_stats."""
  added, params, batch_stats = None, state.params, state.batch_stats
  # Not a scan: XLA:CPU runs the gradient of a convolution slowly in one.
  for first in range(min(number, len(batch['mask']))):
    part = {name: rows[first::number] for name, rows in batch.items()}
    if added:
      part = part | {'images': _after(added, part['images'])}
    grads, (batch_stats, sums) = jax.grad(total, has_aux=True)(
      params, batch_stats, part
    )
    some = grads, sums
    added = some if added is None else jax.tree.map(jnp.add, added, some)
  return *added, batch_stats


def _sums(head, params, embeddings, batch, label_smoothing=0.0):
  """Of the batch's pictures; rows that only fill it up count nothing."""
  labels, mask = batch['labels'], batch['mask']
  losses = head.losses(params, embeddings, labels, label_smoothing, mask=mask)
  correct = jnp.zeros(len(labels))  # of a head without classes
  if head.logits is not None:
    correct = jnp.argmax(head.logits(params, embeddings), -1) == labels
  return {
    'loss': jnp.sum(mask * losses),
    'correct': jnp.sum(mask * correct),
    'count': jnp.sum(mask),
  }


@checks.checked
def make_train_step(
  train_fn: TrainFn,
  head: Head,
  optimizer: optax.GradientTransformation,
  *,
  label_smoothing: checks.ShareBelowOne = 0.0,
  flip: checks.Share = 0.0,
  jitter: augmentation.Amount = 0.0,
  num_micro_batches: checks.Count = 1,
  ema_decay: checks.ShareBelowOne | None = None,
  axis_name: str | None = None,
) -> StepFn:
  """Makes a step down the mean loss of a batch's pictures, of all devices.

  Args:
    train_fn: (variables, images) -> embeddings, new batch_stats.
    head: turns embeddings and labels into losses.
    optimizer: an optax transformation.
    label_smoothing: as in `Recipe`, and so are `flip`, `jitter` and
      `ema_decay`.
    flip: see there.
    jitter: see there.
    num_micro_batches: parts whose gradients are added up before the update,
      for batches that do not fit the memory at once; batch norm sees parts.
    ema_decay: see there.
    axis_name: of the pmap around it; None: one device.

  Returns:
    step(state, batch, rng) -> state, sums over pictures {'loss', 'correct',
    'count'}; `correct` by the head's plain logits.
  """

  def total(params, batch_stats, batch):
    stats = {'batch_stats': batch_stats} if batch_stats else {}
    variables = {'params': params['extractor']} | stats
    with calling('train_fn'):
      found = train_fn(variables, batch['images'])
    if not isinstance(found, tuple) or len(found) != 2:
      raise InputError(
        f'train_fn: gave a {type(found).__name__}; embeddings and new '
        'batch_stats expected, {} without any'
      )
    embeddings, batch_stats = found
    sums = _sums(head, params['head'], embeddings, batch, label_smoothing)
    return sums['loss'], (batch_stats, sums)

  def step(state, batch, rng):
    rng = jax.random.fold_in(rng, state.step)
    rngs = jax.vmap(jax.random.fold_in, (None, 0))(rng, batch['position'])
    images = batch['images']
    if flip:
      images = augmentation.mirrored(images, rngs, flip)
    if jitter:
      images = augmentation.jittered(images, rngs, jitter)
    batch = batch | {'images': images}
    grads, sums, batch_stats = _accumulated(
      total, state, batch, num_micro_batches
    )
    if axis_name:
      grads, sums = jax.lax.psum((grads, sums), axis_name)
      batch_stats = jax.lax.pmean(batch_stats, axis_name)
    count = jnp.maximum(sums['count'], 1)
    grads = jax.tree.map(lambda g: g / count, grads)
    return _updated(state, grads, batch_stats, optimizer, ema_decay), sums

  return step


def _updated(state, grads, batch_stats, optimizer, ema_decay):
  updates, opt_state = optimizer.update(grads, state.opt_state, state.params)
  params = optax.apply_updates(state.params, updates)
  ema = state.ema
  if ema_decay is not None:
    ema = optax.incremental_update(params, ema, 1 - ema_decay)
  return state.replace(
    step=state.step + 1,
    params=params,
    batch_stats=batch_stats,
    opt_state=opt_state,
    ema=ema,
  )


def make_eval_step(
  embed_fn: EmbedFn,
  head: Head,
  *,
  axis_name: str | None = None,
) -> Callable[[TrainState, Batch], Sums]:
  """Makes eval_step(state, batch) -> sums as a train step's, no update."""

  def step(state, batch):
    embeddings = embed_fn(variables(state), batch['images'])
    params = (state.ema or state.params)['head']
    sums = _sums(head, params, embeddings, batch)
    return jax.lax.psum(sums, axis_name) if axis_name else sums

  return step
