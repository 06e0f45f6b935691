"""What a cloak may cost: a budget enforced by projection or by penalty.

A constraint is a tuple of pure functions, and its state travels in the
attack's state, since some budgets adapt to each picture as they go.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp

from fr_poison.attacks import perceptual
from fr_poison.types import InputError


class Constraint(NamedTuple):
  """Pure functions over pictures [B, H, W, 3] in [0, 1]."""

  init: Callable[..., Any]  # images -> state
  penalty: Callable[..., Any]  # (state, adv_images, images) -> [B], >= 0
  update: Callable[..., Any]  # (state, adv_images, images) -> state
  project: Callable[..., Any]  # (adv_images, images) -> adv_images
  # (codes in 0..255, images) -> codes in 0..255: the budget on saved pixels
  project_codes: Callable[..., Any]


def check_epsilon(epsilon: float) -> float:
  """The budget, if it lies in (0, 1].

  Raises:
    InputError: it does not (8 grey levels are 8/255, not 8).
  """
  if not 0 < epsilon <= 1:
    raise InputError(
      f'epsilon: {epsilon:g} is outside (0, 1]; it is in units of the whole '
      'pixel range, 8 grey levels are 8/255'
    )
  return float(epsilon)


def linf_ball(epsilon: float) -> Constraint:
  """No pixel moves by more than `epsilon`, which is in [0, 1] pixel units.

  Raises:
    InputError: epsilon outside (0, 1].
  """
  epsilon = check_epsilon(epsilon)

  def project(adv_images, images):
    low = jnp.maximum(images - epsilon, 0)
    return jnp.clip(adv_images, low, jnp.minimum(images + epsilon, 1))

  def project_codes(codes, images):
    # A thousandth of a grey level absorbs the rounding of k / 255 * 255.
    low = jnp.ceil((images - epsilon) * 255 - 1e-3)
    high = jnp.floor((images + epsilon) * 255 + 1e-3)
    return jnp.clip(codes, jnp.maximum(low, 0), jnp.minimum(high, 255))

  return Constraint(
    init=lambda images: (),
    penalty=lambda state, adv_images, images: jnp.zeros(len(images)),
    update=lambda state, adv_images, images: state,
    project=project,
    project_codes=project_codes,
  )


def dssim_penalty(
  within: Constraint, *, budget: float, weight: float
) -> Constraint:
  """`within`, and a price of weight * max(DSSIM - budget, 0)^2 (Fawkes eq. 3).

  Args:
    within: the constraint that goes on holding by projection.
    budget: DSSIM up to which nothing is paid, in (0, 1).
    weight: price, per picture.

  Raises:
    InputError: budget outside (0, 1).
  """
  if not 0 < budget < 1:
    raise InputError(f'dssim_budget: {budget:g} is outside (0, 1)')

  def penalty(state, adv_images, images):
    excess = jnp.maximum(perceptual.dssim(adv_images, images) - budget, 0)
    return within.penalty(state, adv_images, images) + weight * excess**2

  return within._replace(penalty=penalty)
