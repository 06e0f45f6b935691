"""Protego's loss (2025) on aligned crops: a mask whose cloaks do not cluster.

Protego warps its mask through a model of the face's surface (FLAME, by SMIRK),
which is not done here: this is its loss and its constants in the plane. For
galleries and probes together: what it adds to others is that cloaked pictures
of one person are also far from each other, so that none finds the others.
"""

from collections.abc import Sequence
from typing import Annotated

import jax.numpy as jnp
from jaxtyping import Float

from fr_poison import checks
from fr_poison.attacks import base, groups, perceptual, universal
from fr_poison.types import Array, EmbedFn

_RIDGE = 1e-4  # on the Gram matrix's diagonal


@base.by_value
def protego_planar(
  embed_fns: Sequence[EmbedFn],
  *,
  epsilon: checks.Epsilon = 16 / 255,
  least_ssim: checks.Between = 0.95,
  num_epochs: checks.Count = 100,
  batch_size: Annotated[int, checks.Range(3, is_whole=True)] = 16,
  learning_rate: checks.Positive | None = None,
  floor: checks.NotNegative = 1e-4,
) -> base.Attack:
  """Descends minus the Gram matrix's log-determinant, cosines and price.

  Per network, Z being unit embeddings of a step's cloaked pictures:
  -log(det(Z Z' + 1e-4 I) + floor) + mean cos(z(x'), z(x)). The last mask comes
  back.

  Args:
    embed_fns: the networks; their losses are summed.
    epsilon: L-infinity budget of the mask, and half-width of its start.
    least_ssim: mean SSIM of a step's pictures from which nothing is paid; the
      weight of what is missing halves above 1.01 of it, doubles below .99.
    num_epochs: how often each picture is looked at.
    batch_size: pictures a step, 3 or more; one alone has no meaning.
    learning_rate: of a step by signs, in [0, 1] pixel units; None is a
      hundredth of epsilon.
    floor: added to the determinant. While pictures are near each other a
      determinant of 16 is far below the authors' 1e-4, and its slope is 0 for
      float32; with 0 it counts from the first step.
  """
  rate = epsilon / 100 if learning_rate is None else learning_rate
  unlike = lambda adv_images, images: 1 - perceptual.ssim(adv_images, images)
  return universal.universal(
    embed_fns,
    lambda z, own, weights: (
      groups.mean(jnp.sum(z * own, -1), weights)
      - log_determinant(z, weights, floor)
    ),
    universal.Price(
      unlike, 1 - least_ssim, 1 - 1.01 * least_ssim, 1 - 0.99 * least_ssim
    ),
    epsilon=epsilon,
    num_epochs=num_epochs,
    batch_size=batch_size,
    learning_rate=rate,
    start_noise=epsilon,
    measure=lambda adv, images: {'dssim': perceptual.dssim(adv, images)},
    least=2,
  )


def log_determinant(
  embeddings: Float[Array, 'B D'],
  weights: Float[Array, ' B'],
  floor: float = 1e-4,
) -> Float[Array, '']:
  """Computes log(det(Z Z' + 1e-4 I) + floor) of embeddings.

  Of those alone whose weight is not 0. By way of its logarithm, since the
  determinant of many that are near each other is 0 in float32.
  """
  chosen = jnp.where(weights[:, None] > 0, embeddings, 0)
  gram = jnp.matmul(chosen, chosen.T, precision='highest')
  # A row of what fills up is one of the identity: a factor of 1.
  ridge = jnp.where(weights > 0, _RIDGE, 1.0).astype(gram.dtype)
  factor = jnp.linalg.cholesky(gram + jnp.diag(ridge))
  log = 2 * jnp.sum(jnp.log(jnp.diag(factor)))
  return jnp.logaddexp(log, jnp.log(floor)) if floor else log
