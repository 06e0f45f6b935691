"""Perceptual prices: DSSIM for Fawkes, LPIPS for LowKey.

Each wraps another constraint, whose projection goes on holding.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from fr_poison import checks
from fr_poison.attacks import perceptual
from fr_poison.attacks.base import Shared, by_value, per_picture
from fr_poison.attacks.constraints import Constraint
from fr_poison.types import Array, Params


@checks.checked
@by_value
def dssim_penalty(
  within: Constraint,
  *,
  budget: checks.PositiveShare,
  weight: checks.NotNegative,
) -> Constraint:
  """A price of weight * max(DSSIM - budget, 0)^2 (Fawkes eq. 3).

  Args:
    within: the constraint that goes on holding by projection.
    budget: DSSIM up to which nothing is paid, in (0, 1].
    weight: price, per picture.

  Raises:
    InputError: budget outside (0, 1], a weight below 0.
  """

  def measure(state, adv_images, images):
    penalty, terms = within.measure(state, adv_images, images)
    dssim = perceptual.dssim(adv_images, images)
    penalty += weight * jnp.maximum(dssim - budget, 0) ** 2
    return penalty, terms | {'dssim': dssim}

  return within._replace(measure=measure)


@checks.checked
@by_value
def lpips_penalty(
  within: Constraint,
  *,
  weight: checks.NotNegative,
  gain: checks.Positive,
  params: Params,
) -> Constraint:
  """A price of weight * LPIPS (LowKey's eq. 2).

  Args:
    within: the constraint that goes on holding by projection.
    weight: price of one unit of LPIPS.
    gain: what one unit of the objective's distance is worth beside it.
    params: from `perceptual.load_lpips`. They travel in the state, so that no
      compiled step holds a copy of them.

  Raises:
    InputError: weight below 0, gain not above 0.
  """

  def init(images):
    shared = Shared(jax.tree.map(jnp.asarray, params))
    features = perceptual.lpips_features(shared.value, images)
    return within.init(images), shared, features

  def measure(state, adv_images, images):
    inner, shared, own = state
    penalty, terms = within.measure(inner, adv_images, images)
    features = perceptual.lpips_features(shared.value, adv_images)
    lpips = perceptual.feature_lpips(features, own)
    return penalty + weight * lpips, terms | {'lpips': lpips}

  return within._replace(
    init=init,
    measure=measure,
    gain=lambda state: gain,
    update=lambda state, terms: (within.update(state[0], terms), *state[1:]),
  )


class _Controller(NamedTuple):
  """Fawkes's bookkeeping per picture, [B] each."""

  weight: Array  # of the distance; `const_diff` in the authors' code
  side: Array  # of the budget last seen: 1 inside, -1 outside, 0 near


def _control(controller, dssim, budget):
  """One step of differentiator.py's `const_diff`, in its order.

  Well inside the budget the distance counts twice as much from step to step,
  well outside half as much; a change of sides, or being near, starts over.
  """
  weight, side = controller
  inside = (dssim <= 0.9 * budget) & (weight <= 129)
  outside = ~inside & (dssim >= 1.1 * budget) & (weight >= 1 / 129)
  doubled = jnp.where(side == -1, 1.0, weight * 2)
  halved = jnp.where(side == 1, 1.0, weight / 2)
  weight = jnp.where(inside, doubled, jnp.where(outside, halved, 1.0))
  side = inside.astype(jnp.int32) - outside.astype(jnp.int32)
  return _Controller(weight, side)


# Shares of a perturbation that are tried until the saved pixels fit.
_SHARES = (0.1, 0.3, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.93, 0.96, 0.98, 1.0)


@checks.checked
@by_value
def dssim_budget(
  within: Constraint,
  *,
  budget: checks.PositiveShare,
  limit: checks.Positive,
  weight: checks.NotNegative,
) -> Constraint:
  """Fawkes 1.0: a steep price above the budget, a distance weighed per picture.

  Saved pixels keep to `limit`: rounding adds DSSIM of its own, so the
  perturbation is scaled down as far as needed.

  Args:
    within: the constraint that goes on holding.
    budget: DSSIM in (0, 1] that the weights aim at.
    limit: DSSIM that saved pixels may have; the authors accept 1.1 * budget.
    weight: price of the squared excess.

  Raises:
    InputError: budget outside (0, 1], limit not above 0, a weight below 0.
  """
  priced = dssim_penalty(within, budget=budget, weight=weight)

  def init(images):
    ones = jnp.ones(len(images), jnp.float32)
    side = jnp.ones(len(images), jnp.int32)
    return within.init(images), _Controller(ones, side)

  def measure(state, adv_images, images):
    penalty, terms = priced.measure(state[0], adv_images, images)
    return penalty, terms | {'penalty_weight': state[1].weight}

  def project_codes(levels, images):
    start = images * 255

    def try_share(i, result):
      share = jnp.asarray(_SHARES, jnp.float32)[i]
      codes = within.project_codes(start + share * (levels - start), images)
      # A hair below: measured again elsewhere, it must not be above.
      fits = perceptual.dssim(codes / 255, images) <= 0.9999 * limit
      return jnp.where(per_picture(fits), codes, result)

    # From none of the change to all of it: the largest share that fits stays.
    unchanged = within.project_codes(start, images)
    return jax.lax.fori_loop(0, len(_SHARES), try_share, unchanged)

  def used(adv_images, images):
    dssim = perceptual.dssim(adv_images, images) / limit
    return jnp.maximum(dssim, within.used(adv_images, images))

  return within._replace(
    init=init,
    measure=measure,
    gain=lambda state: state[1].weight,
    update=lambda state, terms: (
      within.update(state[0], terms),
      _control(state[1], terms['dssim'], budget),
    ),
    project_codes=project_codes,
    used=used,
  )
