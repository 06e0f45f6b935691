"""OPOM (Zhong and Deng, TIFS 2022): one privacy mask for a person.

Pushes all embeddings of a person away from what stands for the person, by
signs of the gradient summed over the pictures. Meant for probes: a person puts
the mask on what is shown to a recognizer whose gallery is clean.
"""

import functools
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Float

from fr_poison import checks
from fr_poison.attacks import base, groups, masks, optimizers
from fr_poison.types import Array, EmbedFn

VARIANTS = 'class_center', 'fi_uap', 'convex_hull', 'affine_hull'
_MEAN_STEPS = 5  # in which a hull's variants still go away from its centre
_ITERATIONS = 300  # of the projection onto a convex hull
_product = functools.partial(jnp.matmul, precision='highest')


@base.by_value
def opom(
  embed_fns: Sequence[EmbedFn],
  variant: str = 'class_center',
  *,
  epsilon: checks.Epsilon = 8 / 255,
  num_steps: checks.Count = 16,
  learning_rate: checks.Positive | None = 1 / 255,
) -> base.Attack:
  """Moves a person's embeddings y away from r, by the mean of (y - r)^2.

  Pictures begin with noise of their own, so the first gradient is none of
  zeros. The last mask comes back.

  Args:
    embed_fns: the networks; their losses are summed.
    variant: what r is: the mean of the person's embeddings ('class_center'),
      the picture's own ('fi_uap'), or the nearest point to y of their convex
      or affine hull; the first five steps of a hull take the mean.
    epsilon: L-infinity budget of the mask.
    num_steps: updates.
    learning_rate: of a step by signs; None is 2.5 epsilon / num_steps.
  """
  checks.known('variant', variant, VARIANTS)
  rate = optimizers.default_rate(learning_rate, epsilon, num_steps)

  def start(state):
    draw = lambda rng: jax.random.uniform(
      rng, state.images.shape[1:], jnp.float32, -epsilon, epsilon
    )
    noise = base.mono(jax.vmap(draw)(state.rngs), state.one_channel)
    is_affine = variant == 'affine_hull'
    bases = [
      affine_basis(x, state.weights) if is_affine else () for x in state.own
    ]
    return state.replace(adv_images=state.images + noise, extra=bases)

  def update(params, state):
    def loss(adv_images):
      found, total = groups.embed(embed_fns, params, adv_images), 0.0
      for y, own, basis in zip(found, state.own, state.extra, strict=True):
        r = _reference(variant, jax.lax.stop_gradient(y), own, basis, state)
        squares = jnp.mean((y - r) ** 2, 1)
        total += groups.mean(squares, state.weights)
      return total

    grads = base.mono(jax.grad(loss)(state.adv_images), state.one_channel)
    # Summed over pictures: those that fill up have no gradient.
    summed = jnp.sum(grads, 0, keepdims=True)
    change = groups.mean(state.adv_images - state.images, state.weights)[None]
    mask = jnp.clip(change + rate * jnp.sign(summed), -epsilon, epsilon)
    put = state.images + masks.spread(mask, state.one_channel)
    return state.replace(
      variable=mask,
      adv_images=jnp.clip(put, 0, 1),
      moved=state.moved | jnp.any(grads != 0),
    )

  rule = groups.Rule(start, update, epsilon)
  return groups.group_attack(embed_fns, rule, num_steps=num_steps)


def nearest_in_hull(
  y: Float[Array, 'B D'],
  points: Float[Array, 'N D'],
  weights: Float[Array, ' N'],
) -> Float[Array, 'B D']:
  """Finds the nearest points to `y` in the convex hull of `points`.

  Of those alone whose weight is not 0, by accelerated projected gradient over
  the coefficients.
  """
  # Moved to 0, no digits are lost.
  centre = groups.mean(points, weights)[None]
  # What fills up is put there: inside the hull it changes nothing.
  points = jnp.where(weights[:, None] > 0, points - centre, 0)
  products = _product(points, points.T)
  wanted = _product(y - centre, points.T)
  # No eigenvalue is larger than the largest sum of a row.
  largest = jnp.max(jnp.sum(jnp.abs(products), 1))
  rate = 1 / jnp.maximum(largest, 1e-12)
  project = jax.vmap(optax.projections.projection_simplex)

  def step(k, state):
    shares, ahead = state
    moved = ahead - rate * (_product(ahead, products) - wanted)
    new = project(moved).astype(moved.dtype)
    count = jnp.asarray(k, jnp.float32)
    return new, new + count / (count + 3) * (new - shares)

  equal = jnp.broadcast_to(weights / jnp.sum(weights), wanted.shape)
  with jax.numpy_dtype_promotion('standard'):  # optax's projection needs it
    shares, _ = jax.lax.fori_loop(0, _ITERATIONS, step, (equal, equal))
  return centre + _product(shares, points)


def affine_basis(
  points: Float[Array, 'N D'], weights: Float[Array, ' N']
) -> Float[Array, '_ D']:
  """Gives orthonormal rows that span the points' affine hull from 0.

  Rows of zeros stand for directions in which the points do not differ.
  """
  centre = groups.mean(points, weights)[None]
  shifted = (points - centre) * weights[:, None]
  _, sizes, rows = jnp.linalg.svd(shifted, full_matrices=False)
  is_used = sizes > 1e-5 * jnp.maximum(sizes[0], 1e-12)
  return rows * is_used[:, None].astype(rows.dtype)


def _reference(variant, y, own, basis, state):
  """What a network's embeddings y [B, D] move away from."""
  if variant == 'fi_uap':
    return own
  centre = groups.mean(own, state.weights)[None]
  if variant == 'class_center':
    return centre
  if variant == 'convex_hull':
    point = nearest_in_hull(y, own, state.weights)
  else:
    point = centre + _product(_product(y - centre, basis.T), basis)
  return jnp.where(state.step < _MEAN_STEPS, centre, point)
