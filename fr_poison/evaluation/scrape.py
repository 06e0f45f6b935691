"""What the trainer scrapes: one version of everybody's pictures."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from fr_poison import extractors, metrics
from fr_poison.adversaries import history
from fr_poison.attacks import perceptual
from fr_poison.data.batches import map_batches
from fr_poison.data.splits import Rows, Split
from fr_poison.data.squeeze import Squeezer
from fr_poison.evaluation.protocol import Memory, Protocol
from fr_poison.types import InputError, UInt8Images

_COMPARED = 20  # pictures at a time
_WINDOW = 11  # pixels, of SSIM
_NO_CLOAK = {
  'attack': 'none',
  'surrogate': [],
  **dict.fromkeys(('epsilon', 'dssim', 'psnr', 'linf')),
}


class Version(NamedTuple):
  """All pictures as some splits have them."""

  images: UInt8Images
  splits: Sequence[Split]


@dataclasses.dataclass(frozen=True, eq=False)
class Scrape:
  """One version of all pictures, and what its records say of it.

  Attributes:
    images: the protocol's pictures, cloaked where the protected people cloaked
      them.
    fields: of its records: `attack`, `surrogate`, `epsilon`, `dssim`, ...
    by_split: the same for each of the protocol's splits, where a mask is made
      from its gallery, so that probes had no say in it; `images` is then that
      of the first one.
    probes: whether the protected people's probes are cloaked, too.
  """

  images: UInt8Images
  fields: dict[str, Any]
  by_split: tuple[UInt8Images, ...] = ()
  probes: bool = False
  memory: Memory = dataclasses.field(default_factory=Memory, repr=False)

  def versions(self, splits: Sequence[Split]) -> list[Version]:
    """Lists the pictures of the protocol's first splits."""
    if not self.by_split:
      return [Version(self.images, splits)]
    each = zip(self.by_split, splits, strict=False)
    return [Version(images, (split,)) for images, split in each]


def clean(protocol: Protocol) -> Scrape:
  """Returns the pictures as they are: nobody has cloaked."""
  return Scrape(protocol.faces.images, dict(_NO_CLOAK))


def cloaked(
  protocol: Protocol,
  images: UInt8Images | Sequence[UInt8Images],
  *,
  probes: bool | None = None,
  **fields,
) -> Scrape:
  """Describes a set of which the protected people's pictures are cloaked.

  Args:
    protocol: people and pictures.
    images: all pictures, or the cloaks of `protocol.to_cloak` alone; or a list
      of all pictures for each split.
    probes: whether the protected people's probes among them are cloaked, too;
      None: where one is changed, or none is a probe alone.
    **fields: of its records, beside the distortion that is measured here;
      `surrogate`, names of the networks that the cloaks were made on, is
      `[extractors.UNKNOWN]` where it is not given.

  Raises:
    InputError: other pictures than the protocol has.
  """
  unknown = {'surrogate': [extractors.UNKNOWN], 'epsilon': None}
  fields = {'attack': 'given'} | unknown | fields
  is_by_split = isinstance(images, (list, tuple))
  if is_by_split and len(images) != len(protocol.splits):
    raise InputError(
      f'images: of {len(images)} splits, of which there are '
      f'{len(protocol.splits)}'
    )
  given = images if is_by_split else [images]
  whole = [_whole(protocol, one) for one in given]
  found = Scrape(whole[0], {}, tuple(whole) * is_by_split)
  if probes is None:
    probes = _have_cloaked_probes(protocol, found)
  return dataclasses.replace(
    found, fields=fields | _distortion(protocol, found), probes=probes
  )


def _whole(protocol, images):
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
  return images


def _have_cloaked_probes(protocol, cloaks):
  found = []
  for images, splits in cloaks.versions(protocol.splits):
    rows = protocol.own_rows(splits).probes
    same = np.array_equal(images[rows], protocol.faces.images[rows])
    found.append(not same or not len(rows))
  return all(found)


def changed(
  protocol: Protocol,
  cloaks: Scrape,
  change: Callable[[UInt8Images, Rows, Rows], UInt8Images],
  **fields,
) -> Scrape:
  """Puts other pictures in place of all that are cloaked.

  Args:
    protocol: people and pictures.
    cloaks: of which `fields` stay that are not given.
    change: (all pictures, rows of those in galleries, rows) -> what is put
      there; asked of the galleries' rows and of other probes' by themselves.
    **fields: of its records.
  """
  made = []
  for images, splits in cloaks.versions(protocol.splits):
    rows, whole = protocol.own_rows(splits), protocol.faces.images.copy()
    for own in rows if cloaks.probes else rows[:1]:
      if len(own):
        whole[own] = change(images, rows.gallery, own)
    made.append(whole)
  return cloaked(
    protocol,
    made if cloaks.by_split else made[0],
    probes=cloaks.probes,
    **cloaks.fields | fields,
  )


def saved(
  protocol: Protocol, cloaks: Scrape, squeeze: Squeezer, label: str
) -> Scrape:
  """Saves the cloaks as a site would before the trainer scrapes them.

  Everybody else's pictures stay: they have been on sites already. So do clean
  probes. What the records say of visible changes is of the saved cloaks
  against the originals.

  Args:
    protocol: people and pictures.
    cloaks: as they were made.
    squeeze: what the site does to pictures; see `data.squeeze.chain`.
    label: names it in records, as `saved`.
  """
  save = lambda images, _, rows: squeeze(images[rows])
  return changed(protocol, cloaks, save, saved=label)


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
  originals, found = protocol.faces.images, cloaks.values()
  deal = lambda versions: history.collect(
    {history.CLEAN: originals} | versions,
    shares,
    protocol.faces.labels,
    protocol.protected,
  )
  if any(one.by_split for one in found):
    of = lambda one, i: one.by_split[i] if one.by_split else one.images
    images = [
      deal({name: of(one, i) for name, one in cloaks.items()})
      for i in range(len(protocol.splits))
    ]
  else:
    images = deal({name: one.images for name, one in cloaks.items()})
  own = {'attack': 'history', 'shares': dict(shares)}
  probes = all(one.probes for one in found)
  return cloaked(protocol, images, probes=probes, **own | fields)


def _distortion(protocol, found) -> dict:
  """Measures how saved cloaks differ from their originals, on average."""
  faces, pairs = protocol.faces.images, []
  for images, splits in found.versions(protocol.splits):
    rows = protocol.own_rows(splits).gallery
    pairs.append(np.concatenate([faces[rows], images[rows]], -1))
  pairs = np.concatenate(pairs)
  original, changed = pairs[..., :3], pairs[..., 3:]
  dssim = None  # of pictures that its window does not fit into
  if min(original.shape[1:3]) >= _WINDOW:
    dssim = float(np.mean(map_batches(_dssim, pairs, _COMPARED)))
  return {
    'dssim': dssim,
    'psnr': metrics.psnr(original, changed),
    'linf': metrics.linf(original, changed),
  }


@jax.jit
def _dssim(pairs):
  return perceptual.dssim(pairs[..., 3:], pairs[..., :3])
