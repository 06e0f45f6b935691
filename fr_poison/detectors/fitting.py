"""A detector's own small network: how it is trained on pixels, and kept.

What comes out is a function of the pictures, the settings and the seed: which
pictures make up a step's batch, and all that is random in it, follow from the
step's number.
"""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import linen as nn
from jaxtyping import Float, Int, Shaped

from fr_poison import checks, keys
from fr_poison.detectors import base
from fr_poison.extractors import cache
from fr_poison.types import Array, InputError, Params, Rng, UInt8Images


@dataclasses.dataclass(frozen=True, kw_only=True)
class SmallNetwork(base.Recipe):
  """A recipe of a detector that trains a small network, by Adam.

  Attributes:
    num_epochs: how often every row is seen.
    batch_size: rows a step.
    learning_rate: the highest one; it falls to 0 along a cosine.
    seed: of the start, of the order, and of all that is drawn.
  """

  num_epochs: checks.Count = 30
  batch_size: checks.Count = 32
  learning_rate: checks.Positive = 2e-3
  seed: checks.Seed = 0

  def train(
    self,
    network: nn.Module,
    loss_fn: Callable[[Params, Any, Rng], Float[Array, '']],
    pictures: Sequence[UInt8Images],
    batch_fn: Callable[[int, Int[np.ndarray, ' B']], Any],
    size: tuple[int, int],
    folder: Path | None,
  ) -> Params:
    """Trains a network on pictures, or reads what these made of it before.

    Args:
      network: takes pictures [B, H, W, 3] in [0, 1].
      loss_fn: see `minimize`.
      pictures: a row is one of them all.
      batch_fn: see `minimize`.
      size: (H, W) of a batch.
      folder: where it is kept; None: nowhere.

    Raises:
      InputError: as `minimize` and `kept`.
    """

    def minimized():
      images, rng = jnp.zeros((1, *size, 3)), jax.random.key(self.seed)
      start = jax.jit(network.init)(rng, images)
      return self.minimize(loss_fn, start, sum(map(len, pictures)), batch_fn)

    kind, settings = type(self).__name__.lower(), dataclasses.asdict(self)
    return kept(folder, kind, pictures, settings, minimized)

  def minimize(
    self,
    loss_fn: Callable[[Params, Any, Rng], Float[Array, '']],
    params: Params,
    num_rows: int,
    batch_fn: Callable[[int, Int[np.ndarray, ' B']], Any],
  ) -> Params:
    """Trains from `params` on.

    Args:
      loss_fn: the mean loss of a batch; compiled once.
      params: where to start.
      num_rows: of an epoch.
      batch_fn: the batch of a step and so many rows; where an epoch ends
        within a batch, its last rows come twice.

    Raises:
      InputError: a loss that is not finite.
    """
    steps = -(-num_rows // self.batch_size)  # an epoch
    optimizer = optax.adam(
      optax.cosine_decay_schedule(self.learning_rate, self.num_epochs * steps)
    )

    @jax.jit
    def update(params, opt_state, batch, number):
      rng = jax.random.fold_in(jax.random.key(self.seed), number)
      loss, grads = jax.value_and_grad(loss_fn)(params, batch, rng)
      updates, opt_state = optimizer.update(grads, opt_state, params)
      return optax.apply_updates(params, updates), opt_state, loss

    opt_state = optimizer.init(params)
    for epoch in range(self.num_epochs):
      rng = np.random.default_rng([self.seed, 0, epoch])
      order, losses = rng.permutation(num_rows), []
      for i in range(steps):
        rows = order[i * self.batch_size :][: self.batch_size]
        step = epoch * steps + i
        batch = batch_fn(step, np.resize(rows, self.batch_size))
        params, opt_state, loss = update(params, opt_state, batch, step)
        losses.append(loss)
      finite = np.isfinite(np.asarray(losses))
      if not finite.all():
        raise InputError(
          'training: the loss is not finite in step '
          f'{epoch * steps + np.argmin(finite) + 1}; a lower learning_rate '
          'may help'
        )
    return params


def kept(
  folder: Path | None,
  kind: str,
  pictures: Sequence[UInt8Images],
  settings: dict[str, Any],
  train: Callable[[], Params],
) -> Params:
  """Trains a network, or reads the one that these inputs made before.

  It is kept in a file of its `kind` in the folder; None: nowhere.

  Raises:
    InputError: the file is damaged or another's, or cannot be written.
  """
  if folder is None:
    return train()
  key = keys.key(
    ('DETECTORS',),
    kind=kind,
    pictures=[keys.of_array(images) for images in pictures],
    settings=settings,
  )
  path = folder / f'{kind}-{key[:16]}.safetensors'
  if not path.is_file():
    cache.write(path, key, train(), source=kind, source_sha256='')
  name, params = cache.read(path)
  if name != key:
    raise InputError(f'{path}: of another training; delete it to train again')
  return params


def flat(params: Params) -> dict[str, Shaped[Array, '...']]:
  """Names a network's arrays by their place, as `base.digest` takes them."""
  leaves = jax.tree_util.tree_leaves_with_path(params)
  return {jax.tree_util.keystr(path): leaf for path, leaf in leaves}
