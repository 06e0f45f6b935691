"""Attacks whose unit is a group: all pictures of one person::

    state = attack.init(params, rng, images)       # of one person
    for _ in range(attack.steps_for(len(images))):
      state = attack.step(params, state)      # in your own jit, scan or pmap
    adv_images, info = attack.finish(params, state)
    mask = attack.mask(params, state)    # where there is one, for `apply`

The key is folded from the hashes of all the person's pictures, sorted, and the
pictures are worked on in that order, so that in which they were given does not
matter. Several people are a vmap of this, or `run(..., groups=labels)`.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import flax.struct
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

from fr_poison.attacks import (
  base,
  constraints,
  gradient,
  masks,
  networks,
  objectives,
)
from fr_poison.types import (
  Array,
  EmbedFn,
  Images,
  InputError,
  Params,
  Rng,
  Rngs,
  check_images,
)


class GroupState(flax.struct.PyTreeNode):
  """Everything an attack on one person carries from one step to the next.

  Pictures, and what is [B] or [B, ...], are in the order of their hashes.
  """

  images: Images  # the originals
  order: Int[Array, ' B']  # the place where each was given
  weights: Float[Array, ' B']  # 1 for a picture and 0 for what fills up
  one_channel: Bool[Array, ' B']  # the perturbation is grey
  rng: Rng  # the group's key
  rngs: Rngs
  # Per network, unit embeddings of the originals.
  own: list[Float[Array, 'B _']]
  variable: Float[Array, '#B H W 3']  # what steps move: the mask, or pictures
  adv_images: Images  # before rounding to uint8
  extra: Any  # the recipe's
  moved: Bool[Array, '']  # some gradient was not zero
  step: Int[Array, '']  # updates made


class Rule(NamedTuple):
  """What a recipe adds: pure functions over a `GroupState`.

  Attributes:
    start: (state) -> state, with `variable`, `adv_images` and `extra`.
    update: (params, state) -> state, after one step.
    epsilon: no pixel moves by more, in [0, 1] pixel units.
    measure: (adv_images, images) -> terms for `info`, one entry a picture.
    least: pictures that a person must have.
    has_mask: `variable` is a mask, and not the pictures themselves.
  """

  start: Callable[[GroupState], GroupState]
  update: Callable[[Any, GroupState], GroupState]
  epsilon: float
  measure: Callable[[Images, Images], base.Terms] = lambda adv, images: {}
  least: int = 1
  has_mask: bool = True


def group_attack(
  embed_fns: Sequence[EmbedFn],
  rule: Rule,
  *,
  num_steps: int,
  batch_size: int | None = None,
) -> base.Attack:
  """Makes the attack of a rule, whose result is judged by the displacement.

  Where a mask moves a person's embeddings in the mean no farther away than no
  mask does, the pictures come back as they were.

  Args:
    embed_fns: the networks.
    rule: see there; of ranges that were checked.
    num_steps: how often a step looks at each picture.
    batch_size: pictures that a step looks at; None: all.
  """
  objective = objectives.displacement(embed_fns)  # refuses what are none
  attack = _Group(tuple(embed_fns), objective, rule)
  return base.Attack(
    *(attack.init, attack.step, attack.finish),
    num_steps,
    is_targeted=False,
    unit='group',
    batch_size=batch_size,
    mask=attack.mask if rule.has_mask else None,
  )


def mean(
  x: Float[Array, 'B ...'], weights: Float[Array, ' B']
) -> Float[Array, '...']:
  """Averages over the pictures that weigh something."""
  shaped = weights.reshape(-1, *[1] * (x.ndim - 1))
  return jnp.sum(shaped * x, 0) / jnp.sum(weights)


def embed(
  embed_fns: Sequence[EmbedFn], params: Any, images: Images
) -> list[Float[Array, 'B _']]:
  """Gives unit embeddings, one array a network."""
  found = networks.embed_all(embed_fns, params, images)
  return [objectives.normalize(e) for e in found]


class _Group(NamedTuple):
  """What `group_attack` was given, and the functions of its attack."""

  embed_fns: tuple
  objective: objectives.Objective
  rule: Rule

  def init(
    self,
    params: Sequence[Params],
    rng: Rng,
    images: Images,
    *,
    weights: Shaped[Array, ' B'] | None = None,
  ) -> GroupState:
    """Of one person's pictures; those of weight 0 only fill up."""
    check_images(images)
    base.check_rng(rng)
    if len(images) < self.rule.least:
      raise InputError(
        f'images: {len(images)} of a person; this attack compares them with '
        f'each other and needs {self.rule.least} or more'
      )
    images = jnp.asarray(images, jnp.float32)
    weights = base.zeros(images) + 1 if weights is None else weights
    weights = jnp.asarray(weights, jnp.float32)
    hashes = jnp.where(weights > 0, base.digests(images), _LAST)
    order = jnp.argsort(hashes).astype(jnp.int32)
    images, weights, hashes = images[order], weights[order], hashes[order]
    zero = jnp.zeros((), jnp.int32)
    state = GroupState(
      images=images,
      order=order,
      weights=weights,
      one_channel=base.is_grey(images),
      rng=_group_rng(rng, hashes, weights),
      rngs=base.picture_rngs(rng, images),
      own=embed(self.embed_fns, params, images),
      variable=jnp.zeros_like(images[:1]),
      adv_images=images,
      extra=(),
      moved=weights[0] < 0,
      step=zero,
    )
    return jax.tree.map(base.own, self.rule.start(state))

  def step(self, params: Sequence[Params], state: GroupState) -> GroupState:
    """One update by the rule."""
    state = self.rule.update(params, state)
    return state.replace(step=state.step + 1)

  def mask(self, params: Sequence[Params], state: GroupState) -> masks.Mask:
    """In whole levels; zero where it is no better than none."""
    levels = self.levels(state)
    found, distances = self.judge(params, state, levels)
    is_better = self.is_better(state, distances)[0]
    return jnp.where(is_better, levels, 0.0)

  def levels(self, state):
    """The mask, in whole levels inside the budget; None if there is none."""
    if not self.rule.has_mask:
      return None
    limit = float(math.floor(255 * self.rule.epsilon + 1e-3))
    return jnp.clip(jnp.round(255 * state.variable), -limit, limit) / 255

  def judge(self, params, state, levels):
    """What is saved, and how far away it is, half the way to it, and none."""
    if levels is None:
      ball = constraints.linf_ball(self.rule.epsilon)
      saved = ball.project_codes(255 * state.variable, state.images) / 255
    else:
      saved = masks.apply(levels, state.images)
    half = state.images + (saved - state.images) / 2
    distance = lambda x: self.objective.distance(
      params, state.own, x, state.rngs
    )
    candidates = jnp.stack([state.images, half, saved])
    return saved, jax.lax.map(distance, candidates)

  def is_better(self, state, distances):
    """Whether what is saved may stay, [B]: a mask on all pictures or none."""
    if not self.rule.has_mask:
      return distances[2] > distances[0]
    start, end = (mean(x, state.weights) for x in distances[::2])
    return jnp.full(len(state.images), end > start)

  def finish(
    self, params: Sequence[Params], state: GroupState
  ) -> tuple[Images, base.Info]:
    """The cloaked pictures in the order given, judged as they are saved."""
    saved, distances = self.judge(params, state, self.levels(state))
    is_better = self.is_better(state, distances)
    start, half, end = distances
    end = jnp.where(is_better, end, start)
    adv_images = jnp.where(base.per_picture(is_better), saved, state.images)
    linf = jnp.max(jnp.abs(adv_images - state.images), (1, 2, 3))
    used = linf / self.rule.epsilon
    info = {
      'score': end,
      'start_score': start,
      'improved': is_better & (end > start),
      'linf': linf,
      'budget_used': used,
      'zero_gradient': jnp.full(len(linf), ~state.moved),
      'saturated': is_better & gradient.saturated(used, start, half, end),
      'feature_distance': end,
      **self.rule.measure(adv_images, state.images),
    }
    back = jnp.argsort(state.order)
    return jax.tree.map(lambda x: x[back], (adv_images, info))


_LAST = np.uint32(2**32 - 1)  # behind all hashes: what fills up


def _group_rng(rng, hashes, weights):
  """Folds the sorted hashes of a person's pictures into `rng`."""
  counted = jnp.where(weights > 0, hashes, 0).astype(jnp.uint32)
  factors = jnp.arange(len(hashes), dtype=jnp.uint32) * 0x3C6EF372 + 1
  digest = jnp.sum(counted * factors, dtype=jnp.uint32)
  return jax.random.fold_in(base.threefry(rng), digest)
