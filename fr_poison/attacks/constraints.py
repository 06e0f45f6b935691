"""What a cloak may cost: balls kept by projection, prices of being seen.

A constraint is a tuple of pure functions, and its state travels in the
attack's state, since some prices adapt to each picture as they go.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Float

from fr_poison import checks
from fr_poison.attacks import perceptual
from fr_poison.attacks.base import Terms, by_value, zeros
from fr_poison.types import Array, Images, Params

Moved = Float[Array, 'B H W 3']  # a variable or levels; see `Constraint`

# The authors' factor: it keeps arctanh finite at black and white.
_SHRINK = 2 - 1e-6


def round_codes(levels: Float[Array, '*S']) -> Float[Array, '*S']:
  """Rounds to the nearest whole levels in 0..255."""
  return jnp.clip(jnp.round(levels), 0, 255)


class Constraint(NamedTuple):
  """Pure functions over pictures [B, H, W, 3] in [0, 1]; by default no limit.

  An attack ascends gain * distance - penalty. The optimiser moves a variable:
  the pixels themselves, or what `pictures` makes pictures of. `project_codes`
  takes what should be saved in 0..255, not rounded, and gives what may be
  saved: whole levels inside the budget.
  """

  # images -> state
  init: Callable[[Images], Any] = lambda images: ()
  # (state, adv_images, images) -> penalty, terms
  measure: Callable[[Any, Images, Images], tuple[Float[Array, ' B'], Terms]] = (
    lambda state, adv_images, images: (zeros(images), {})
  )
  # state -> number or [B]
  gain: Callable[[Any], float | Float[Array, ' B']] = lambda state: 1.0
  # (state, terms) -> state
  update: Callable[[Any, Terms], Any] = lambda state, terms: state
  # (images, perturbation) -> variable
  variable: Callable[[Images, Moved], Moved] = lambda images, change: (
    images + change
  )
  # (variable, images) -> adv_images
  pictures: Callable[[Moved, Images], Images] = lambda variable, images: (
    variable
  )
  # (variable, images) -> variable
  project: Callable[[Moved, Images], Moved] = lambda variable, images: variable
  # (levels, images) -> codes
  project_codes: Callable[[Moved, Images], Moved] = lambda levels, images: (
    round_codes(levels)
  )
  # (adv_images, images) -> share of the budget
  used: Callable[[Images, Images], Float[Array, ' B']] = (
    lambda adv_images, images: zeros(images)
  )


def unbounded() -> Constraint:
  """Allows any picture."""
  return Constraint()


@by_value
def linf_ball(epsilon: checks.Epsilon) -> Constraint:
  """Lets no pixel move by more than `epsilon`, in [0, 1] pixel units."""

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

  return Constraint(project=project, project_codes=project_codes, used=used)


def _norm(x):
  return jnp.sqrt(jnp.sum(x**2, (1, 2, 3), keepdims=True))


@by_value
def l2_ball(epsilon: checks.Positive) -> Constraint:
  """Keeps `|x' - x|_2` of a picture within `epsilon`, in [0, 1] pixel units.

  A small ball is finer than the 8-bit grid: with 10/255, a hundred values of a
  picture may move by one level. Rounding would then undo everything, so the
  perturbation is scaled, as far as its rounded norm allows, until the largest
  entries reach the next level: the whole levels that point most the same way.
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

  used = lambda adv, images: _norm(adv - images).reshape(-1) / epsilon
  return Constraint(project=project, project_codes=project_codes, used=used)


@by_value
def tanh_ball(epsilon: checks.Epsilon | None = None) -> Constraint:
  """Makes pictures as tanh(arctanh(x) + variable), which stay in [0, 1].

  Carlini and Wagner's change of variable, with Fawkes's constants.

  Args:
    epsilon: no pixel leaves the original by more, in [0, 1] units; None: any.
      Where it cuts, the gradient is zero, as in the authors' code.
  """

  def pictures(variable, images):
    base = jnp.arctanh((images - 0.5) * _SHRINK)
    to_pixels = lambda x: jnp.tanh(x) / _SHRINK + 0.5
    moved = to_pixels(base + variable)
    if epsilon is None:
      return moved
    original = to_pixels(base)
    return original + jnp.clip(moved - original, -epsilon, epsilon)

  ball = unbounded() if epsilon is None else linf_ball(epsilon)
  return ball._replace(
    variable=lambda images, change: change,
    pictures=pictures,
    project=Constraint().project,
  )


@by_value
def dssim_penalty(
  within: Constraint,
  *,
  budget: checks.PositiveShare,
  weight: checks.NotNegative,
) -> Constraint:
  """Adds a price of weight * max(DSSIM - budget, 0)^2 (Fawkes eq. 3).

  Args:
    within: the ball that goes on holding.
    budget: DSSIM up to which nothing is paid, in (0, 1].
    weight: price, per picture.
  """

  def measure(state, adv_images, images):
    dssim = perceptual.dssim(adv_images, images)
    return weight * jnp.maximum(dssim - budget, 0) ** 2, {'dssim': dssim}

  return within._replace(measure=measure)


@by_value
def lpips_penalty(
  within: Constraint,
  *,
  weight: checks.NotNegative,
  gain: checks.Positive,
  params: Params,
) -> Constraint:
  """Adds a price of weight * LPIPS (LowKey's eq. 2).

  Args:
    within: the ball that goes on holding.
    weight: price of one unit of LPIPS.
    gain: what one unit of the objective's distance is worth beside it.
    params: from `perceptual.load_lpips`. They travel in the state, so that no
      compiled step holds a copy of them.
  """

  def init(images):
    shared = jax.tree.map(jnp.asarray, params)
    return shared, perceptual.lpips_features(shared, images)

  def measure(state, adv_images, images):
    shared, own = state
    features = perceptual.lpips_features(shared, adv_images)
    lpips = perceptual.feature_lpips(features, own)
    return weight * lpips, {'lpips': lpips}

  return within._replace(init=init, measure=measure, gain=lambda state: gain)
