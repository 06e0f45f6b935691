"""Chameleon (Chow et al., ECCV 2024): a person's mask within a DSSIM budget.

Turns the embeddings of all of a person's pictures away from where they were,
by angles, with Fawkes's controller of a price of DSSIM without its reset. For
galleries and for probes.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jaxtyping import Float

from fr_poison import checks
from fr_poison.attacks import base, groups, perceptual, universal
from fr_poison.types import Array, EmbedFn

_LARGEST = 1 - 1e-6  # a cosine, or the slope of the angle is infinite


@base.by_value
def chameleon(
  embed_fns: Sequence[EmbedFn],
  *,
  epsilon: checks.Epsilon = 16 / 255,
  dssim_budget: checks.PositiveShare = 0.03,
  num_epochs: checks.Count = 50,
  batch_size: checks.Count = 4,
  learning_rate: checks.Positive = 1e-3,
  start_noise: checks.NotNegative = 1e-3,
) -> base.Attack:
  """Descends minus the networks' summed angles, and the price of DSSIM.

  The authors' nets are an EfficientNet trained on Celeb1M and ArcFace's R50 on
  Glint360K; they leave the padding around a crop alone, which is not done here.
  The last mask comes back.

  Args:
    embed_fns: the networks.
    epsilon: L-infinity budget of the mask.
    dssim_budget: mean DSSIM of a step's pictures up to which nothing is paid;
      the weight of what is above halves below .9 of it and doubles above 1.1.
    num_epochs: how often each picture is looked at.
    batch_size: pictures a step.
    learning_rate: of a step by signs, in [0, 1] pixel units.
    start_noise: half-width of the mask's uniform start.
  """
  low, high = 0.9 * dssim_budget, 1.1 * dssim_budget
  return universal.universal(
    embed_fns,
    lambda z, own, weights: -groups.mean(angles(z, own), weights),
    universal.Price(perceptual.dssim, dssim_budget, low, high),
    epsilon=epsilon,
    num_epochs=num_epochs,
    batch_size=batch_size,
    learning_rate=learning_rate,
    start_noise=start_noise,
    measure=lambda adv, images: {'dssim': perceptual.dssim(adv, images)},
  )


def angles(
  a: Float[Array, 'B D'], b: Float[Array, 'B D']
) -> Float[Array, ' B']:
  """Measures the angles in radians between unit vectors.

  Where vectors are nearly equal, as in the first steps, the slope is that of
  an angle of 1.4e-3: finite, and not 0 as a clip alone would make it.
  """
  cosines = jnp.sum(a * b, -1)
  kept = jax.lax.stop_gradient(jnp.clip(cosines, -_LARGEST, _LARGEST))
  slope = -1 / jnp.sqrt(1 - kept**2)
  return jnp.arccos(kept) + slope * (cosines - jax.lax.stop_gradient(cosines))
