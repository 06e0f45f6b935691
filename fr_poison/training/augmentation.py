"""Pictures that vary from step to step, each by its own random key."""

from typing import Annotated

import jax
import jax.numpy as jnp

from fr_poison import checks
from fr_poison.types import Images, Rngs

# Of `jittered`: with more, nothing may be left of a picture.
Amount = Annotated[float, checks.Range(0, 0.5)]


@checks.checked
def mirrored(images: Images, rngs: Rngs, share: checks.Share) -> Images:
  """Exchanges left and right of each picture with probability `share`.

  Raises:
    InputError: share outside [0, 1].
  """
  draw = jax.vmap(lambda rng: jax.random.bernoulli(rng, share))(rngs)
  return jnp.where(draw[:, None, None, None], images[:, :, ::-1], images)


@checks.checked
def jittered(images: Images, rngs: Rngs, amount: Amount) -> Images:
  """Moves, scales and lights each picture a little differently.

  Evenly drawn: moves down and right up to amount / 2 of the picture's sides,
  sizes of 1 +- amount around the middle, contrasts of 1 +- 2 amount around the
  mean, brightness +- amount. What comes in at the border is black.

  Args:
    images: RGB in [0, 1].
    rngs: one a picture.
    amount: in [0, 0.5].

  Raises:
    InputError: amount is not that.
  """
  return jax.vmap(lambda *one: _jittered(*one, amount))(images, rngs)


def _jittered(image, rng, amount):
  # Other numbers than those that decide about the mirror image.
  draw = jax.random.uniform(
    jax.random.fold_in(rng, 1), (5,), minval=-amount, maxval=amount
  )
  size, scale = jnp.array(image.shape[:2]), 1 + draw[0]
  move = size * (draw[1:3] - draw[0]) / 2
  image = jax.image.scale_and_translate(
    image, image.shape, (0, 1), jnp.stack([scale, scale]), move, 'linear'
  )
  mean = jnp.mean(image)
  image = mean + (1 + 2 * draw[3]) * (image - mean) + draw[4]
  return jnp.clip(image, 0, 1)
