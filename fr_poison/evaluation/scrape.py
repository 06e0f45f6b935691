"""What the trainer scrapes: one version of everybody's pictures."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from fr_poison import metrics
from fr_poison.adversaries import history
from fr_poison.attacks import noise, perceptual
from fr_poison.data.batches import map_batches
from fr_poison.evaluation.protocol import Memory, Protocol
from fr_poison.types import InputError

_COMPARED = 20  # pictures at a time
_WINDOW = 11  # pixels, of SSIM
_NO_CLOAK = {
  'attack': 'none',
  'surrogate': [],
  **dict.fromkeys(('epsilon', 'dssim', 'psnr', 'linf')),
}


@dataclasses.dataclass(frozen=True, eq=False)
class Scrape:
  """One version of all pictures, and what its records say of it.

  Attributes:
    images: uint8 [N, H, W, 3], the protocol's pictures, cloaked where the
      protected people cloaked them.
    fields: of its records: `attack`, `surrogate`, `epsilon`, `dssim`, ...
  """

  images: np.ndarray
  fields: dict[str, Any]
  memory: Memory = dataclasses.field(default_factory=Memory, repr=False)


def clean(protocol: Protocol) -> Scrape:
  """Returns the pictures as they are: nobody has cloaked."""
  return Scrape(protocol.faces.images, dict(_NO_CLOAK))


def cloaked(protocol: Protocol, images: np.ndarray, **fields) -> Scrape:
  """Describes a set of which the protected people's pictures are cloaked.

  Args:
    protocol: people and pictures.
    images: uint8 [N, H, W, 3], all pictures, or [M, H, W, 3], the cloaks of
      `protocol.to_cloak` alone.
    **fields: of its records, beside the distortion that is measured here.

  Raises:
    InputError: other pictures than the protocol has.
  """
  faces, rows = protocol.faces.images, protocol.to_cloak
  if len(images) == len(rows) != len(faces):
    whole = faces.copy()
    if images.shape[1:] == faces.shape[1:]:
      whole[rows] = images
      images = whole
  if images.shape != faces.shape or images.dtype != np.uint8:
    raise InputError(
      f'images: {images.dtype} {list(images.shape)}, expected uint8 '
      f'{list(faces.shape)}, or {len(rows)} pictures of that size'
    )
  fields = {'attack': 'given', 'surrogate': [], 'epsilon': None} | fields
  return Scrape(images, fields | _distortion(protocol, images))


def noise_control(protocol: Protocol, cloaks: Scrape) -> Scrape:
  """Replaces cloaks by noise of their budget and smoothness.

  Each protected person's pixel changes keep their values and power spectrum,
  with their Fourier phases drawn anew; see `attacks.noise.matched_noise`.
  """
  rows = protocol.to_cloak
  noisy = protocol.faces.images.astype(np.int16)
  noisy[rows] += noise.matched_noise(
    (cloaks.images - noisy)[rows], seed=protocol.seed
  )
  images = np.clip(noisy, 0, 255).astype(np.uint8)
  fields = {'attack': 'noise', 'control_of': cloaks.fields['attack']}
  return cloaked(protocol, images, **cloaks.fields | fields)


def mixed(
  protocol: Protocol,
  shares: Mapping[str, float],
  cloaks: Mapping[str, Scrape],
  **fields,
) -> Scrape:
  """Deals each person's pictures to several tools, as the years would.

  Args:
    protocol: people and pictures.
    shares: of 'clean' and of some of `cloaks`, oldest first, adding up to 1.
    cloaks: by tool.
    **fields: of its records.

  Raises:
    InputError: shares that do not add up, or of an unknown tool.
  """
  versions = {history.CLEAN: protocol.faces.images}
  versions |= {name: found.images for name, found in cloaks.items()}
  images = history.collect(
    versions, shares, protocol.faces.labels, protocol.protected
  )
  own = {'attack': 'history', 'shares': dict(shares)}
  return cloaked(protocol, images, **own | fields)


def _distortion(protocol, images) -> dict:
  """Measures how saved cloaks differ from their originals, on average."""
  rows = protocol.to_cloak
  original, changed = protocol.faces.images[rows], images[rows]
  dssim = None  # of pictures that its window does not fit into
  if min(original.shape[1:3]) >= _WINDOW:
    pairs = np.concatenate([original, changed], -1)
    dssim = float(np.mean(map_batches(_dssim, pairs, _COMPARED)))
  return {
    'dssim': dssim,
    'psnr': metrics.psnr(original, changed),
    'linf': metrics.linf(original, changed),
  }


@jax.jit
def _dssim(pairs):
  return perceptual.dssim(pairs[..., 3:], pairs[..., :3])
