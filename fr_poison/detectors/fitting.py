"""The loop that trains a detector's own small network on pixels, in memory.

What comes out is a function of the pictures, the settings and the seed: which
pictures make up a step's batch, and all that is random in it, follow from the
step's number.
"""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import optax

from fr_poison import checks
from fr_poison.training import make_optimizer
from fr_poison.training.sampling import Sampler
from fr_poison.types import Array, InputError, Params, Rng

LossFn = Callable[[Params, Any, Rng], Array]  # params, batch, rng -> []
BatchFn = Callable[[int, np.ndarray], Any]  # step, which rows -> batch

_CHECK_EVERY = 100  # steps whose losses are looked at together


@checks.checked
def minimize(
  loss_fn: LossFn,
  params: Params,
  num_rows: checks.Count,
  batch_fn: BatchFn,
  *,
  num_epochs: checks.Count,
  batch_size: checks.Count,
  learning_rate: checks.Positive,
  seed: checks.Seed,
) -> Params:
  """Adam, its rate falling to 0 along a cosine.

  Args:
    loss_fn: the mean loss of a batch; compiled once.
    params: where to start.
    num_rows: of an epoch.
    batch_fn: the batch of step s and rows [batch_size]; where an epoch ends
      within a batch, its last rows come twice.
    num_epochs: how often every row is seen.
    batch_size: rows a step.
    learning_rate: the highest one.
    seed: of the order and of `loss_fn`'s keys.

  Raises:
    InputError: a number that cannot be meant, or a loss that is not finite.
  """
  rows = np.arange(num_rows)
  sampler = Sampler(rows, np.zeros_like(rows), batch_size, seed=seed)
  num_steps = num_epochs * sampler.steps_per_epoch
  optimizer = make_optimizer(
    'adam',
    learning_rate=learning_rate,
    schedule='cosine',
    num_steps=num_steps,
  )

  @jax.jit
  def update(params, opt_state, batch, number):
    rng = jax.random.fold_in(jax.random.key(seed), number)
    loss, grads = jax.value_and_grad(loss_fn)(params, batch, rng)
    updates, opt_state = optimizer.update(grads, opt_state, params)
    return optax.apply_updates(params, updates), opt_state, loss

  opt_state, losses = optimizer.init(params), []
  for step in range(num_steps):
    index = np.resize(sampler.indices(step), batch_size)
    batch = batch_fn(step, index)
    params, opt_state, loss = update(params, opt_state, batch, step)
    losses.append(loss)
    if len(losses) == _CHECK_EVERY or step + 1 == num_steps:
      _check_finite(losses, step)
      losses = []
  return params


def _check_finite(losses, last):
  finite = np.isfinite(np.asarray(losses))
  if not finite.all():
    first = last - len(losses) + 2 + int(np.argmin(finite))
    raise InputError(
      f'training: the loss is not finite in step {first}; a lower '
      'learning_rate may help'
    )


def flat(params: Params) -> dict[str, Array]:
  """The network's arrays by name, as `base.digest` takes them."""
  leaves, _ = jax.tree_util.tree_flatten_with_path(params)
  return {jax.tree_util.keystr(path): leaf for path, leaf in leaves}
