"""Masks that see a few of a person's pictures a step, at a price that adapts.

What Chameleon and Protego have in common: steps of one size by signs, through
pictures clipped to [0, 1], and a price on a visible change beyond a budget. Its
weight halves while the change is well inside the budget, doubles while it is
well outside, and is 1 again near it.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Float, Int

from fr_poison.attacks import base, groups, masks
from fr_poison.attacks.groups import GroupState
from fr_poison.types import Array, EmbedFn, Images

Weights = Float[Array, ' B']  # of pictures, 0 for what fills up
Units = Float[Array, 'B D']  # embeddings of length 1
Scalar = Float[Array, '']

_HIGHEST = 129  # of a weight, and 1 / 129 the lowest


class Price(NamedTuple):
  """What a visible change costs: weight * max(measure - budget, 0).

  Attributes:
    measure: (adv_images, images) -> what is averaged over a step's pictures.
    budget: up to which it is free.
    low: from which downwards the weight halves.
    high: from which upwards it doubles.
  """

  measure: Callable[[Images, Images], Float[Array, ' B']]
  budget: float
  low: float
  high: float

  def next_weight(self, weight: Scalar, value: Scalar) -> Scalar:
    """Gives the weight of the step after one that measured `value`."""
    halves = (value <= self.low) & (weight >= 1 / _HIGHEST)
    doubles = (value >= self.high) & (weight <= _HIGHEST)
    doubled = jnp.where(doubles, weight * 2, jnp.ones_like(weight))
    return jnp.where(halves, weight / 2, doubled)


def batch(
  state: GroupState, batch_size: int
) -> tuple[Int[Array, ' B'], Weights]:
  """Picks the pictures of a step: places and weights.

  Each epoch shuffles them anew, and divides them evenly: among 17 with a
  `batch_size` of 16 there are no 16 and one alone, but 9 and 8.
  """
  count = jnp.sum(state.weights).astype(jnp.int32)
  number = -(-count // batch_size)
  rngs = base.fold_in(state.rngs, state.step // number)
  draws = jax.vmap(jax.random.uniform)(rngs)
  shuffled = jnp.argsort(jnp.where(state.weights > 0, draws, 2.0))
  size = min(batch_size, len(state.images))
  places = state.step % number + number * jnp.arange(size, dtype=jnp.int32)
  rows = shuffled[jnp.minimum(places, len(shuffled) - 1)]
  return rows, (places < count).astype(jnp.float32)


def universal(
  embed_fns: Sequence[EmbedFn],
  loss: Callable[[Units, Units, Weights], Scalar],
  price: Price,
  *,
  epsilon: float,
  num_epochs: int,
  batch_size: int,
  learning_rate: float,
  start_noise: float,
  measure: Callable[[Images, Images], base.Terms],
  least: int = 1,
) -> base.Attack:
  """Makes the attack that descends the networks' summed losses and the price.

  Args:
    embed_fns: the networks.
    loss: (z', z, weights) -> number, of a step's unit embeddings with the mask
      and without, and which of them count.
    price: of a visible change.
    epsilon: L-infinity budget of the mask.
    num_epochs: how often each picture is looked at.
    batch_size: pictures a step.
    learning_rate: of a step by signs.
    start_noise: half-width of the mask's uniform start.
    measure: of `groups.Rule`.
    least: of `groups.Rule`.
  """

  def start(state):
    shape, size = state.variable.shape, start_noise
    mask = jax.random.uniform(state.rng, shape, jnp.float32, -size, size)
    mask = base.mono(mask, jnp.all(state.one_channel)[None])
    return _moved_to(state, mask).replace(extra=jnp.ones_like(mask[0, 0, 0, 0]))

  def update(params, state):
    rows, weights = batch(state, batch_size)
    images, grey = state.images[rows], state.one_channel[rows]
    weight = state.extra

    def total(mask):
      adv_images = jnp.clip(images + masks.spread(mask, grey), 0, 1)
      found = groups.embed(embed_fns, params, adv_images)
      pairs = zip(found, state.own, strict=True)
      value = groups.mean(price.measure(adv_images, images), weights)
      paid = weight * jnp.maximum(value - price.budget, 0)
      return sum(loss(z, own[rows], weights) for z, own in pairs) + paid, value

    grads, value = jax.grad(total, has_aux=True)(state.variable)
    mask = state.variable - learning_rate * jnp.sign(grads)
    state = _moved_to(state, jnp.clip(mask, -epsilon, epsilon))
    return state.replace(
      extra=price.next_weight(weight, value),
      moved=state.moved | jnp.any(grads != 0),
    )

  rule = groups.Rule(start, update, epsilon, measure, least)
  return groups.group_attack(
    embed_fns, rule, num_steps=num_epochs, batch_size=batch_size
  )


def _moved_to(state, mask):
  put = state.images + masks.spread(mask, state.one_channel)
  return state.replace(variable=mask, adv_images=jnp.clip(put, 0, 1))
