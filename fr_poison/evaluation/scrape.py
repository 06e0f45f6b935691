"""What the trainer scrapes: one version of everybody's pictures."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from fr_poison import metrics
from fr_poison.adversaries import history
from fr_poison.attacks import perceptual
from fr_poison.data.batches import map_batches
from fr_poison.data.squeeze import Squeezer
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


def saved(
  protocol: Protocol, cloaks: Scrape, squeeze: Squeezer, label: str
) -> Scrape:
  """Saves the cloaks as a site would before the trainer scrapes them.

  Everybody else's pictures stay: they have been on sites already. So do the
  clean probes. What the records say of visible changes is of the saved cloaks
  against the originals.

  Args:
    protocol: people and pictures.
    cloaks: as they were made.
    squeeze: what the site does to pictures; see `data.squeeze.chain`.
    label: names it in records, as `saved`.
  """
  images = squeeze(cloaks.images[protocol.to_cloak])
  return cloaked(protocol, images, **cloaks.fields | {'saved': label})


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
