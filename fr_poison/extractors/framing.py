"""What of an aligned face a network is shown: its own template's rectangle.

Faces are kept in one canonical frame, `align.TEMPLATES['wide']`, and networks
were trained on different parts of it. A cloak for several of them is one cloak
of the frame: each sees its part by a differentiable map.
"""

import functools
from collections.abc import Iterable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from fr_poison import checks
from fr_poison.data import align
from fr_poison.extractors.network import Crop, Extractor
from fr_poison.types import Array, InputError

_FRAME = 'wide'


# ArcFace's is exact, and Intel's is the same without 8 columns on either side.
# dlib's is one map for all faces instead of one for each; it was chosen on
# pairs of LFW's view 1, see docs/networks.md.
CROPS = {
  'arcface': Crop(8, 4, 112, 112),
  'reid': Crop(16, 4, 96, 112),
  'dlib': Crop(16.4, 30.4, 95.2, 95.2),
}


def on_frame(
  extractor: Extractor, alignment: str, crop: Crop | None = None
) -> Extractor:
  """Shows a network its own template's part of aligned pictures.

  Args:
    extractor: of pictures that are on its template, as `load` gives it, or of
      a frame already, which is left.
    alignment: of the pictures, see `FaceSet.alignment`. In the canonical frame
      ('wide-128') the network gets its crop; pictures that are placed otherwise
      are shown whole, as are all to a network of no template (pixels).
    crop: shown instead of its template's.

  Raises:
    InputError: the network's template is none of `CROPS`; or `crop` is given,
      but leaves the frame, the network has one, or pictures are not in it.
  """
  template = extractor.spec.template
  if crop is not None:
    check_crop('crop', crop)
    if extractor.crop is not None:
      raise InputError(f'crop: {extractor.name} has one already')
    if not _is_frame(alignment):
      raise InputError(f'crop: {alignment!r} pictures are not in the frame')
  elif (
    not _is_frame(alignment) or template is None or extractor.crop is not None
  ):
    return extractor
  else:
    checks.known(f'{extractor.spec.name}: template', template, CROPS)
    crop = CROPS[template]
  embed_fn = _cropping(extractor.embed_fn, crop, extractor.input_size)
  return extractor._replace(embed_fn=embed_fn, crop=crop)


def check_crop(name: str, crop: Crop) -> None:
  """Raises InputError for a rectangle, called `name`, that leaves the frame."""
  corner, sides = np.split(np.array(crop, float), 2)
  side = align.TEMPLATES[_FRAME].side
  ends = corner + sides
  if not (np.all(corner >= 0) and np.all(sides > 0) and np.all(ends <= side)):
    raise InputError(f'{name}: {tuple(crop)} leaves the frame, 0 to {side}')


def _is_frame(alignment):
  return alignment.partition('-')[0] == _FRAME


def check_on_frame(networks: Iterable[Extractor], alignment: str) -> None:
  """Checks that networks are shown their part of pictures.

  Raises:
    InputError: one would be shown the frame whole, or a part of pictures that
      are not in it.
  """
  for network in networks:
    if on_frame(network, alignment) is not network:
      raise InputError(
        f'{network.spec.name}: the pictures are in the canonical frame '
        f'({alignment}), of which it was trained on a part; give '
        'extractors.on_frame(extractor, faces.alignment)'
      )
    if network.crop is not None and not _is_frame(alignment):
      raise InputError(
        f'{network.spec.name}: is shown a part of the canonical frame, but the '
        f"pictures' alignment is {alignment!r}"
      )


def mirrored(extractor: Extractor) -> Extractor:
  """Averages embeddings of pictures with those of their mirror images.

  As FRBench does by default. A network that does so already is left; where one
  gives embeddings of length 1, their mean is shorter. Training goes without.
  """
  if extractor.mirrored:
    return extractor
  return extractor._replace(
    embed_fn=_averaging(extractor.embed_fn),
    spec=extractor.spec._replace(normalized=False),
    mirrored=True,
  )


@functools.cache  # the same function each time, so that jit compiles it once
def _averaging(embed_fn):
  @functools.wraps(embed_fn)
  def embed_both(params, images):
    both = jnp.concatenate([images, images[:, :, ::-1]])
    found = embed_fn(params, both)  # the network is traced once
    return (found[: len(images)] + found[len(images) :]) / 2

  return embed_both


def part(
  images: Float[Array, 'B S S 3'], extractor: Extractor
) -> Float[Array, 'B T T 3']:
  """Crops pictures to what a network is shown, at the size it works at.

  Bilinear and antialiased, as two matrix products, so that its gradient is
  fast in loops on CPU, too. Those that it is shown whole are left.

  Args:
    images: RGB in [0, 1].
    extractor: whose `crop` is looked at.

  Returns:
    Pictures of its `input_size`, or those given.
  """
  if extractor.crop is None:
    return images
  return _crop(images, extractor.crop, extractor.input_size)


def _crop(images, crop, size):
  scale = size / np.array([crop.height, crop.width])
  start = np.array([crop.top, crop.left]) * scale
  side = align.TEMPLATES[_FRAME].side
  return jax.image.scale_and_translate(
    images,
    (len(images), size, size, images.shape[-1]),
    (1, 2),
    np.float32(scale * side / images.shape[1:3]),
    np.float32(-start),
    'linear',
  )


@functools.cache  # the same function each time, so that jit compiles it once
def _cropping(embed_fn, crop, size):
  @functools.wraps(embed_fn)
  def embed_part(params, images):
    return embed_fn(params, _crop(images, crop, size))

  return embed_part
