"""An attack is a value: pure init, step and finish over one state pytree.

    state = attack.init(params, rng, images)
    for _ in range(attack.num_steps):
      state = attack.step(params, state)      # in your own jit, scan or pmap
    adv_images, info = attack.finish(params, state)

A named attack is an objective, a constraint and an optax optimiser; this file
turns the three into the triple. One picture's result depends on nothing but
its pixels, the seed and the weights: its random numbers come from `rng` and a
hash of its pixels, and nothing is averaged over the batch.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import flax.struct
import jax
import jax.numpy as jnp
import optax

from fr_poison.attacks.constraints import Constraint
from fr_poison.attacks.objectives import Objective
from fr_poison.types import Array, Images, InputError, check_images


class AttackState(flax.struct.PyTreeNode):
  """Everything an attack carries from one step to the next."""

  images: Images  # [B, H, W, 3], the originals
  adv_images: Images  # [B, H, W, 3] in [0, 1], before rounding to uint8
  one_channel: Array  # [B] bool, the perturbation is grey
  reference: Any  # the objective's, computed once
  constraint: Any  # the constraint's
  optimizer: optax.OptState
  best_images: Images  # [B, H, W, 3], the best iterate so far
  best_score: Array  # [B], objective minus penalty there
  terms: dict[str, Array]  # [B] each, at the iterate before the last update
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


def _per_picture(flags):
  return flags[:, None, None, None]


def picture_rngs(rng: jax.Array, images: Images) -> jax.Array:
  """One key a picture [B], from `rng` and the picture's 8-bit content."""
  codes = jnp.round(images * 255).astype(jnp.int32).astype(jnp.uint32)
  codes = codes.reshape(len(images), -1)
  # Odd multipliers, all different: permuted pixels hash differently, too.
  factors = jnp.arange(codes.shape[1], dtype=jnp.uint32) * 0x3C6EF372 + 1
  digest = jnp.sum(codes * factors, 1, dtype=jnp.uint32)
  return jax.vmap(jax.random.fold_in, (None, 0))(rng, digest)


def _start_noise(rng, images, size):
  """Uniform in [-size, size], [B, H, W, 3], each picture from its own key."""
  draw = lambda r: jax.random.uniform(
    r, images.shape[1:], images.dtype, -size, size
  )
  return jax.vmap(draw)(picture_rngs(rng, images))


class _Recipe(NamedTuple):
  """What `gradient_attack` was given."""

  objective: Objective
  constraint: Constraint
  optimizer: optax.GradientTransformation
  start_noise: float
  luminance_only: bool | None


def gradient_attack(
  objective: Objective,
  constraint: Constraint,
  optimizer: optax.GradientTransformation,
  *,
  num_steps: int,
  start_noise: float = 0.0,
  luminance_only: bool | None = None,
) -> Attack:
  """Ascends `objective` minus the constraint's penalty.

  Args:
    objective: what grows, per picture.
    constraint: what it may cost.
    optimizer: an optax transformation of the *descent* direction.
    num_steps: updates; at least 1.
    start_noise: half-width of the uniform start, in [0, 1] pixel units.
    luminance_only: one perturbation for the three channels. None: exactly for
      the grey pictures, where any colour would give the cloak away.

  Raises:
    InputError: num_steps below 1. `init` refuses pictures that are not RGB
      float32 in [0, 1].
  """
  if num_steps < 1:
    raise InputError(f'num_steps: {num_steps} given, at least 1 expected')
  recipe = _Recipe(
    objective, constraint, optimizer, start_noise, luminance_only
  )
  triple = (functools.partial(f, recipe) for f in (_init, _step, _finish))
  return Attack(*triple, num_steps)


def _mono(x, one_channel):
  """Pictures x with equal channels where [B] `one_channel` says so."""
  mean = jnp.mean(x, -1, keepdims=True)
  return jnp.where(_per_picture(one_channel), mean, x)


def _score(recipe, params, state, adv_images):
  value = recipe.objective.value(params, state.reference, adv_images)
  return value - recipe.constraint.penalty(
    state.constraint, adv_images, state.images
  )


def _init(recipe, params, rng, images, *, targets=None, start=None):
  check_images(images)
  images = jnp.asarray(images, jnp.float32)
  one_channel = is_grey(images)
  if recipe.luminance_only is not None:
    one_channel = jnp.full(len(images), recipe.luminance_only)
  if start is None:
    start = _start_noise(rng, images, recipe.start_noise)
  adv_images = images + _mono(start, one_channel)
  adv_images = recipe.constraint.project(adv_images, images)
  return AttackState(
    images=images,
    adv_images=adv_images,
    one_channel=one_channel,
    reference=recipe.objective.reference(params, images, targets),
    constraint=recipe.constraint.init(images),
    optimizer=recipe.optimizer.init(adv_images),
    best_images=images,
    # With its dtype: a weakly typed state would compile the first step twice.
    best_score=jnp.full(len(images), -jnp.inf, jnp.float32),
    terms={'score': jnp.zeros(len(images))},
    step=jnp.zeros((), jnp.int32),
  )


def _step(recipe, params, state):
  def loss(adv_images):
    value = _score(recipe, params, state, adv_images)
    return -jnp.sum(value), value

  grads, value = jax.grad(loss, has_aux=True)(state.adv_images)
  better = value > state.best_score  # never for NaN
  updates, opt_state = recipe.optimizer.update(
    _mono(grads, state.one_channel), state.optimizer, state.adv_images
  )
  adv_images = recipe.constraint.project(
    state.adv_images + updates, state.images
  )
  best_images = jnp.where(
    _per_picture(better), state.adv_images, state.best_images
  )
  return state.replace(
    adv_images=adv_images,
    constraint=recipe.constraint.update(
      state.constraint, state.adv_images, state.images
    ),
    optimizer=opt_state,
    best_images=best_images,
    best_score=jnp.where(better, value, state.best_score),
    terms={'score': value},
    step=state.step + 1,
  )


def _finish(recipe, params, state):
  """The original, the best or the last iterate, judged as it is saved."""
  codes = jnp.round(jnp.stack([state.best_images, state.adv_images]) * 255)
  project = jax.vmap(recipe.constraint.project_codes, (0, None))
  candidates = jnp.concatenate(
    [state.images[None], project(codes, state.images) / 255]
  )
  score = lambda images: _score(recipe, params, state, images)
  scores = jax.vmap(score)(candidates)
  scores = jnp.where(jnp.isnan(scores), -jnp.inf, scores)
  best = jnp.argmax(scores, 0)  # the original comes first, so it wins ties
  chosen = candidates[best, jnp.arange(len(best))]
  info = {
    'score': jnp.max(scores, 0),
    'start_score': scores[0],
    'improved': best > 0,
    'linf': jnp.max(jnp.abs(chosen - state.images), (1, 2, 3)),
  }
  return chosen, info
