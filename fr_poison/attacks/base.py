"""An attack is a value: pure init, step and finish over one state pytree.

    state = attack.init(params, rng, images)
    for _ in range(attack.num_steps):
      state = attack.step(params, state)      # in your own jit, scan or pmap
    adv_images, info = attack.finish(params, state)

One picture's result depends on nothing but its pixels, the seed and the
weights: its random numbers come from `rng` and a hash of its pixels, and
nothing is averaged over the batch.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import flax.struct
import jax
import jax.numpy as jnp
import numpy as np
import optax

from fr_poison.types import Array, Images


class Shared(flax.struct.PyTreeNode):
  """A part of a state that belongs to no single picture."""

  value: Any


class AttackState(flax.struct.PyTreeNode):
  """Everything an attack carries from one step to the next.

  All arrays but scalars and those in a `Shared` have one entry per picture.
  `terms` are what the last step computed, at the iterate before its update:
  `objective` (what is ascended), `feature_distance`, and where the attack has
  them `dssim`, `lpips` and `penalty_weight`, Fawkes's weight per picture.
  """

  images: Images  # [B, H, W, 3], the originals
  variable: Array  # [B, H, W, 3] in the attack's own space
  adv_images: Images  # [B, H, W, 3] in [0, 1], before rounding to uint8
  one_channel: Array  # [B] bool, the perturbation is grey
  rngs: Array  # [B] keys
  reference: Any  # the objective's, computed once
  constraint: Any  # the constraint's
  optimizer: optax.OptState
  best_images: Images  # [B, H, W, 3], the best iterate so far
  best_score: Array  # [B], its rank
  best_step: Array  # [B] int32, when it was found
  moved: Array  # [B] bool, some gradient was not zero
  terms: dict[str, Array]  # [B] each
  step: Array  # int32, updates made


class Attack(NamedTuple):
  """Three pure functions, and how often `step` is meant to run."""

  init: Callable[..., AttackState]  # (params, rng, images, ...) -> state
  step: Callable[..., AttackState]  # (params, state) -> state
  finish: Callable[..., tuple[Images, dict[str, Array]]]  # (params, state)
  num_steps: int


def is_grey(images: Images) -> Array:
  """[B] bool: all three channels are equal everywhere."""
  return jnp.all(images == images[..., :1], (1, 2, 3))


def per_picture(flags: Array) -> Array:
  """[B] so that it broadcasts over pictures [B, H, W, 3]."""
  return flags[:, None, None, None]


def picture_rngs(rng: jax.Array, images: Images) -> jax.Array:
  """One key a picture [B], from `rng` and the picture's 8-bit content."""
  codes = jnp.round(images * 255).astype(jnp.int32).astype(jnp.uint32)
  codes = codes.reshape(len(images), -1)
  # Odd multipliers, all different: permuted pixels hash differently, too.
  factors = jnp.arange(codes.shape[1], dtype=jnp.uint32) * 0x3C6EF372 + 1
  digest = jnp.sum(codes * factors, 1, dtype=jnp.uint32)
  return jax.vmap(jax.random.fold_in, (None, 0))(rng, digest)


def fold_in(rngs: jax.Array, number: Array) -> jax.Array:
  """Other keys [B], for step or use `number`."""
  return jax.vmap(jax.random.fold_in, (0, None))(rngs, number)


def uniform_noise(rngs: jax.Array, images: Images, size: float) -> Array:
  """Uniform in [-size, size], [B, H, W, 3], each picture from its own key."""
  draw = lambda r: jax.random.uniform(
    r, images.shape[1:], images.dtype, -size, size
  )
  return jax.vmap(draw)(rngs)


def mono(x: Array, one_channel: Array) -> Array:
  """Pictures x with equal channels where [B] `one_channel` says so."""
  mean = jnp.mean(x, -1, keepdims=True)
  return jnp.where(per_picture(one_channel), mean, x)


def _has_pictures(leaf):
  return not isinstance(leaf, Shared) and np.ndim(leaf) > 0


def _is_shared(leaf):
  return isinstance(leaf, Shared)


def take_pictures(state: AttackState, index: Array) -> AttackState:
  """The state of the pictures `index` [b] alone."""
  return jax.tree.map(
    lambda leaf: leaf[index] if _has_pictures(leaf) else leaf,
    state,
    is_leaf=_is_shared,
  )


def put_pictures(
  state: AttackState, index: Array, part: AttackState
) -> AttackState:
  """`state` with the pictures `index` [b] as in `part`, and its scalars."""
  return jax.tree.map(
    lambda leaf, new: leaf.at[index].set(new) if _has_pictures(leaf) else new,
    state,
    part,
    is_leaf=_is_shared,
  )
