"""What becomes of a picture on its way: random changes to attack through.

A transform is `(rngs, images) -> images`: RGB float32 in [0, 1] comes out as
the same, and `rngs` holds one key a picture, so that no picture's draw depends
on its batch. Those that draw nothing ignore the keys.
Numbers out of range raise an `InputError` that names them. Filters and
resampling are matrix products, so gradients are fast in loops on CPU, too.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from fr_poison import checks
from fr_poison.attacks import jpeg as jpeg_model
from fr_poison.attacks import perceptual
from fr_poison.attacks.base import by_value, fold_in, per_picture
from fr_poison.attacks.objectives import mirror
from fr_poison.types import Images, InputError, Rngs

Transform = Callable[[Rngs, Images], Images]


@by_value
def chain(*transforms: Transform) -> Transform:
  """Applies one after the other, each with keys of its own."""

  def apply(rngs, images):
    for index, transform in enumerate(transforms):
      images = transform(fold_in(rngs, index), images)
    return images

  return apply


@by_value
def blur(
  kernel_size: checks.Count = 7, sigma: checks.Positive = 3.0
) -> Transform:
  """Blurs with a Gaussian and reflect padding; the defaults are LowKey's.

  Args:
    kernel_size: rows and columns of the filter in pixels, odd.
    sigma: standard deviation in pixels, above 0.
  """
  if kernel_size % 2 == 0:
    raise InputError(f'kernel_size: {kernel_size} given, odd number expected')
  return lambda rngs, images: _limit(
    perceptual.gaussian_blur(images, kernel_size, sigma)
  )


@by_value
def resize(scale: checks.PositiveShare) -> Transform:
  """Shrinks by `scale`, antialiased, and enlarges again, both bilinear.

  Args:
    scale: in (0, 1]; 1 is the identity. Sides are rounded to whole pixels.
  """

  def apply(rngs, images):
    del rngs
    small = [max(1, round(scale * n)) for n in images.shape[1:3]]
    shape = (images.shape[0], *small, images.shape[3])
    shrunk = jax.image.resize(images, shape, 'linear')
    return _limit(jax.image.resize(shrunk, images.shape, 'linear'))

  return apply


@by_value
def crop(fraction: checks.PositiveShare) -> Transform:
  """Brings a random part of the picture to its size, bilinearly.

  Args:
    fraction: share of each side that is kept, in (0, 1]; 1 is the identity.
      The place is uniform and in fractions of pixels.
  """

  def one(rng, image):
    sides = jnp.asarray(image.shape[:2], jnp.float32)
    corner = jax.random.uniform(rng, (2,)) * (1 - fraction) * sides
    return jax.image.scale_and_translate(
      image,
      image.shape,
      (0, 1),
      jnp.full(2, 1 / fraction),
      -corner / fraction,
      'linear',
    )

  return lambda rngs, images: _limit(jax.vmap(one)(rngs, images))


@by_value
def flip() -> Transform:
  """Mirrors left and right with probability 1/2."""

  def apply(rngs, images):
    mirrored = _draw(jax.random.bernoulli, rngs)
    return jnp.where(mirrored, mirror(images), images)

  return apply


@by_value
def affine(amount: checks.Share = 0.1) -> Transform:
  """Distorts and turns a little; black comes in at the edges (TIP-IM).

  The six numbers of an affine map get normal noise, in units of half a
  picture, and the angle of a turn is normal, in radians. The two standard
  deviations are uniform between a tenth of `amount` and all of it.

  Args:
    amount: in [0, 1]; 0 is the identity.
  """

  def one(rng, image):
    sizes = jax.random.uniform(
      jax.random.fold_in(rng, 0), (2,), jnp.float32, amount / 10, amount
    )
    noise = jax.random.normal(jax.random.fold_in(rng, 1), (7,), jnp.float32)
    noise = noise * jnp.repeat(sizes, jnp.array([6, 1]), total_repeat_length=7)
    shift = jnp.eye(2, 3, dtype=jnp.float32) + noise[:6].reshape(2, 3)
    cos, sin = jnp.cos(noise[6]), jnp.sin(noise[6])
    turn = jnp.array([[cos, sin], [-sin, cos]])
    return _resampled(image, shift[:, :2] @ turn, shift[:, 2])

  return lambda rngs, images: _limit(jax.vmap(one)(rngs, images))


def _resampled(image, matrix, offset):
  """`image` at matrix @ (x, y) + offset, in [-1, 1] from edge to edge."""
  height, width = image.shape[:2]
  place = lambda n: (2 * jnp.arange(n, dtype=jnp.float32) + 1) / n - 1
  x, y = jnp.meshgrid(place(width), place(height))
  seen = jnp.einsum(
    'ij,jhw->ihw', matrix, jnp.stack([x, y]), precision='highest'
  )
  columns, rows = (
    ((seen[i] + offset[i] + 1) * n - 1) / 2
    for i, n in enumerate((width, height))
  )
  sample = lambda channel: jax.scipy.ndimage.map_coordinates(
    channel, [rows, columns], 1, mode='constant'
  )
  return jnp.stack([sample(image[..., c]) for c in range(3)], -1)


@by_value
def brightness(amount: checks.Share) -> Transform:
  """Multiplies by 1 + U(-amount, amount), one a picture, up to white.

  Args:
    amount: in [0, 1]; 0 is the identity.
  """

  def apply(rngs, images):
    draw = lambda r: jax.random.uniform(r, (), minval=-amount, maxval=amount)
    brighter = images * (1 + _draw(draw, rngs))
    # Pixels at 1 that stay there keep their whole gradient, unlike with clip.
    return jnp.where(brighter > 1, 1, brighter)

  return apply


@by_value
def jpeg(quality: checks.Quality = 75, subsampling: str = '4:4:4') -> Transform:
  """Saves as JPEG and loads again, see `attacks.jpeg.jpeg`.

  Args:
    quality: libjpeg's, 1..100.
    subsampling: '4:4:4' or '4:2:0'.
  """
  checks.known('subsampling', subsampling, jpeg_model.SUBSAMPLINGS)
  return lambda rngs, images: jpeg_model.jpeg(images, quality, subsampling)


def _draw(draw, rngs):
  """One number a picture, [B, 1, 1, 1]."""
  return per_picture(jax.vmap(draw)(rngs))


def _limit(images):
  """Into [0, 1] what float32 put a few 1e-7 outside, gradient untouched."""
  inside = jax.lax.stop_gradient(jnp.clip(images, 0, 1))
  return inside + (images - jax.lax.stop_gradient(images))
