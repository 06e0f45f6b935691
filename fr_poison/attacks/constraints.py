"""What a cloak may cost: a budget enforced by projection (see `penalties`).

A constraint is a tuple of pure functions, and its state travels in the
attack's state, since some budgets adapt to each picture as they go.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from fr_poison import checks
from fr_poison.attacks.base import by_value


class Constraint(NamedTuple):
  """Pure functions over pictures [B, H, W, 3] in [0, 1].

  An attack ascends gain * distance - penalty. `project_codes` takes what
  should be saved in 0..255, not rounded, and gives what may be saved: whole
  levels inside the budget.
  """

  init: Callable[..., Any]  # images -> state
  measure: Callable[..., Any]  # (state, adv, images) -> penalty [B], terms
  gain: Callable[..., Any]  # state -> number or [B]
  update: Callable[..., Any]  # (state, terms) -> state
  project: Callable[..., Any]  # (adv_images, images) -> adv_images
  project_codes: Callable[..., Any]  # (levels, images) -> codes
  used: Callable[..., Any]  # (adv_images, images) -> [B] share of the budget


def round_codes(levels):
  """The nearest whole levels in 0..255."""
  return jnp.clip(jnp.round(levels), 0, 255)


@by_value
def unbounded() -> Constraint:
  """Any picture."""
  return Constraint(
    init=lambda images: (),
    measure=lambda state, adv_images, images: (_zeros(images), {}),
    gain=lambda state: 1.0,
    update=lambda state, terms: state,
    project=lambda adv_images, images: adv_images,
    project_codes=lambda levels, images: round_codes(levels),
    used=lambda adv_images, images: _zeros(images),
  )


def _zeros(images):
  return jnp.zeros(len(images), jnp.float32)


@checks.checked
@by_value
def linf_ball(epsilon: checks.Epsilon) -> Constraint:
  """No pixel moves by more than `epsilon`, which is in [0, 1] pixel units.

  Raises:
    InputError: epsilon outside (0, 1].
  """

  def project(adv_images, images):
    low = jnp.maximum(images - epsilon, 0)
    return jnp.clip(adv_images, low, jnp.minimum(images + epsilon, 1))

  def project_codes(levels, images):
    # A thousandth of a grey level absorbs the rounding of k / 255 * 255.
    low = jnp.ceil((images - epsilon) * 255 - 1e-3)
    high = jnp.floor((images + epsilon) * 255 + 1e-3)
    return jnp.clip(
      jnp.round(levels), jnp.maximum(low, 0), jnp.minimum(high, 255)
    )

  def used(adv_images, images):
    return jnp.max(jnp.abs(adv_images - images), (1, 2, 3)) / epsilon

  return unbounded()._replace(
    project=project, project_codes=project_codes, used=used
  )


def _norm(x):
  return jnp.sqrt(jnp.sum(x**2, (1, 2, 3), keepdims=True))


@checks.checked
@by_value
def l2_ball(epsilon: checks.Positive) -> Constraint:
  """|x' - x|_2 of a picture stays within `epsilon`, in [0, 1] pixel units.

  A small ball is finer than the 8-bit grid: with 10/255, a hundred values of a
  picture may move by one level. Rounding would then undo everything, so the
  perturbation is scaled, as far as its rounded norm allows, until the largest
  entries reach the next level: the whole levels that point most the same way.

  Raises:
    InputError: epsilon not positive.
  """

  def project(adv_images, images):
    change = adv_images - images
    scale = jnp.minimum(1, epsilon / jnp.maximum(_norm(change), 1e-12))
    return jnp.clip(images + scale * change, 0, 1)

  def project_codes(levels, images):
    start, change = images * 255, levels - images * 255
    # No more than was asked for, and a hair for the rounding of k / 255 * 255.
    limit = jnp.minimum(_norm(change), epsilon * 255) + 1e-3
    codes = lambda scale: round_codes(start + scale * change)
    # The norm grows with the scale: bisect. At the largest one, the largest
    # entry alone uses up the ball.
    largest = jnp.max(jnp.abs(change), (1, 2, 3), keepdims=True)
    high = jnp.maximum(limit / jnp.maximum(largest, 1e-6), 1.0)

    def halve(_, bounds):
      low, high, best = bounds
      middle = (low + high) / 2
      found = codes(middle)
      fits = _norm(found - start) <= limit
      return (
        jnp.where(fits, middle, low),
        jnp.where(fits, high, middle),
        jnp.where(fits, found, best),
      )

    # The codes that were measured are kept: computed again outside the loop,
    # they could round to the other side.
    bounds = (jnp.zeros_like(high), high, codes(0.0))
    return jax.lax.fori_loop(0, 40, halve, bounds)[2]

  return unbounded()._replace(
    project=project,
    project_codes=project_codes,
    used=lambda adv, images: _norm(adv - images).reshape(-1) / epsilon,
  )
