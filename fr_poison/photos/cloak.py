"""The cloak of a photograph: attacked at one working size, put back, measured.

Arrays of one fixed shape go into every compiled function, whatever the
pictures' sizes and however many there are, so each is compiled once. What is
computed of a whole picture is computed a band of rows at a time.
"""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import numpy as np

from fr_poison import attacks, extractors, metrics, parallel
from fr_poison.bands import Rows, bands
from fr_poison.data import align, decode
from fr_poison.data.batches import map_batches, pictures_a_call
from fr_poison.distances import normalize
from fr_poison.photos import pixels
from fr_poison.photos.settings import Settings
from fr_poison.photos.view import Frame

# What sites do to a picture that is uploaded: Pillow's defaults.
_POSTED = {'quality': 75, 'subsampling': '4:2:0'}
_MEASURED = ('linf', 'dssim', 'psnr', 'feature_displacement')
NUMBERS = ('budget_used', 'scale', *_MEASURED)  # of a cloak, in its row


class Part(NamedTuple):
  """What became of one face, or of the picture as a whole."""

  frame: Frame
  seen: dict[int, np.ndarray]  # before 8 bits, by the side of what is shown
  scale: float = 1.0  # of the perturbation; 0: nothing is left
  budget_used: float | None = None  # of the attack's; None: it does not say
  reason: str | None = None  # why it is not cloaked


class Measured(NamedTuple):
  """A part of a saved picture: what is known of it but for the embeddings."""

  part: Part
  numbers: tuple[float, ...]  # `_MEASURED` but the last
  # By the side of what is shown, [4, side, side, 3]: of the original, of the
  # cloak before 8 bits, as it was saved, and as sites post it.
  seen: dict[int, np.ndarray]


class Cloaker:
  """An attack on surrogate networks, ready for pictures of any size.

  Only `changes` and `embed` use the device; the others may run in any thread.

  Attributes:
    number: pictures that are attacked at a time.
  """

  def __init__(
    self, settings: Settings, networks: Sequence[extractors.Extractor]
  ):
    """Makes the attack; compiles nothing yet."""
    self._settings, self._networks = settings, networks
    self._rng = jax.random.key(settings.seed)
    # Never one alone: a matrix product with one row rounds otherwise.
    wanted = max(2, settings.batch_size) * len(parallel.chosen(None))
    self.number = pictures_a_call(wanted, on_cpu=2)

  def show(self, part: np.ndarray, frame: Frame) -> np.ndarray:
    """Gives what networks see of a part of a picture: uint8 [S, S, 3]."""
    return np.rint(frame.look(part, self._settings.size)).astype(np.uint8)

  def changes(
    self, parts: Sequence[tuple[np.ndarray, Frame]]
  ) -> list[tuple[np.ndarray | None, float | None]]:
    """Attacks what is seen of parts of pictures, each `show`'s result.

    Returns:
      For each the grey levels to add to what is seen, int16 [S, S, 3], None
      where nothing is better than the picture; and the share of the attack's
      budget that was used, None if it does not say.
    """
    found = {}
    for alignment in dict.fromkeys(frame.alignment for _, frame in parts):
      own = [i for i, (_, f) in enumerate(parts) if f.alignment == alignment]
      changes = self._changes([parts[i] for i in own], alignment)
      found |= dict(zip(own, changes, strict=True))
    return [found[i] for i in range(len(parts))]

  def _shown(self, alignment):
    """The networks, each with its part of pictures that are placed so."""
    return [extractors.on_frame(n, alignment) for n in self._networks]

  def _changes(self, parts, alignment):
    codes = np.stack([shown for shown, _ in parts])
    infos = []  # the last one is also of what filled up the batch
    networks = self._shown(alignment)
    attack = self._settings.make_attack([n.embed_fn for n in networks])
    params = [n.params for n in networks]

    def run(images):
      adv_images, info = attacks.run(attack, params, self._rng, images)
      infos.append(info)
      return adv_images

    adv_images = map_batches(run, codes, self.number)
    levels = np.rint(adv_images * 255).astype(np.int16) - codes
    # Grey stays grey, even if the attack colours it.
    grey = (codes == codes[..., :1]).all((1, 2, 3))
    levels[grey] = np.rint(levels[grey].mean(-1, keepdims=True))
    improved = np.concatenate([info['improved'] for info in infos])
    used = [float(x) for info in infos for x in info.get('budget_used', ())]
    return [
      (change if improved[i] else None, used[i] if used else None)
      for i, change in enumerate(levels)
    ]

  def put(
    self, image: np.ndarray, frames: Sequence[Frame], changes: Sequence[tuple]
  ) -> tuple[np.ndarray, list[Part]]:
    """Puts what the attack found, one of `changes` a frame, onto a picture.

    Every budget holds for each face by itself: where the squares around two
    faces overlap, the first one's change is left alone.

    Returns:
      The cloak, uint8 [H, W, 3] as the picture, and what became of each frame.
    """
    codes, parts = image.copy(), []
    taken = np.zeros(image.shape[:2], bool)
    for frame, (levels, used) in zip(frames, changes, strict=True):
      part, base = image[frame.box], codes[frame.box]
      change, cloaked, scale = None, base, 0.0
      reason = 'the attack found nothing better than the picture'
      if levels is not None:
        change = _outside(taken[frame.box], frame.back(levels, *part.shape[:2]))
        cloaked, scale = add(part, change, self._settings.max_dssim, base)
        reason = None if scale else 'no change is left within the budget'
      unrounded = _in_float(_sum(base, change, scale) if scale else base)
      sides = set(self._sides(frame))
      seen = {side: frame.look(unrounded, side) for side in sides}
      base[:], taken[frame.box] = cloaked, True
      parts.append(Part(frame, seen, scale, used, reason))
    return codes, parts

  def _sides(self, frame):
    """Of what each network is shown of a frame."""
    side = align.TEMPLATES[frame.template].side
    return [
      side if network.crop else network.input_size
      for network in self._shown(frame.alignment)
    ]

  def measure(
    self, image: np.ndarray, saved: np.ndarray, parts: Sequence[Part]
  ) -> list[Measured]:
    """Measures a saved cloak within its frames, as far as without networks.

    Args:
      image: the original, uint8 [H, W, 3].
      saved: uint8 [H, W, 3], as decoded from the file.
      parts: of `put`.
    """
    posted = decode.decode(decode.encode_jpeg(saved, **_POSTED), 'JPEG')
    return [
      _measure(part, *(x[part.frame.box] for x in (image, saved, posted)))
      for part in parts
    ]

  def embed(self, measured: Sequence[Measured]) -> list[list[jax.Array]]:
    """Has every network embed what is seen: a list for each, [4, D] a network.

    The device may still be at it on return.
    """
    # Always these four, and no other pictures: nothing that another picture or
    # the order could change even in the last digit.
    found = []
    for (frame, *_), _, seen in measured:
      pairs = zip(self._shown(frame.alignment), self._sides(frame), strict=True)
      found.append(
        [_embed(net.embed_fn, net.params, seen[side]) for net, side in pairs]
      )
    return found

  def fields(
    self,
    measured: Sequence[Measured],
    embeddings: Sequence[Sequence[jax.Array]],
  ) -> dict:
    """Gives the fields of a manifest's row, once the device has `embed`'s.

    Returns:
      `faces`: a dict for each; the numbers of the one that moved least stand
      for the picture.
    """
    rows, parts = [], [part for part, _, _ in measured]
    for (part, known, _), found in zip(measured, embeddings, strict=True):
      numbers = (part.budget_used, part.scale, *known, _displacement(found))
      numbers = dict(zip(NUMBERS, map(_rounded, numbers), strict=True))
      rows.append({'box': part.frame.edges, 'reason': part.reason, **numbers})
    least = min(rows, key=lambda row: row['feature_displacement']['saved'])
    failed = [part.reason for part in parts if part.reason]
    reason = failed[0] if failed else None
    if failed and len(parts) > 1:
      reason = f'{len(failed)} of {len(parts)} faces: {reason}'
    return {
      'status': 'not_improved' if failed else 'cloaked',
      'reason': reason,
      **{name: least[name] for name in NUMBERS},
      'faces': [row for row in rows if row['box']],
    }


def _measure(part, image, saved, posted):
  seen = {}
  for side, unrounded in part.seen.items():
    views = (
      part.frame.look(_in_float(x), side) for x in (image, saved, posted)
    )
    original, *others = views
    seen[side] = np.stack([original, unrounded, *others])
  numbers = (
    metrics.linf(image, saved),
    pixels.dssim(image, saved),
    metrics.psnr(image, saved),
  )
  return Measured(part, numbers, seen)


def _displacement(embeddings):
  """Of the cloak in its three forms: means of |f(x) - f(image)|^2."""
  total = np.zeros(3)
  for found in embeddings:
    found = normalize(np.float64(found))
    total += np.sum((found[1:] - found[0]) ** 2, 1)
  total /= len(embeddings)
  return dict(zip(('float', 'saved', 'jpeg'), total.tolist(), strict=True))


_embed = jax.jit(
  lambda embed_fn, params, images: embed_fn(params, images), static_argnums=0
)


def add(
  image: np.ndarray,
  change: np.ndarray | Rows,
  max_dssim: float | None,
  base: np.ndarray,
) -> tuple[np.ndarray, float]:
  """Adds a perturbation to a picture, as much of it as the budget allows.

  No pixel moves by more levels than the perturbation has, rounded or not.

  Args:
    image: uint8 [H, W, 3].
    change: float32 [H, W, 3], in grey levels.
    max_dssim: if the pixels differ by more, the perturbation is scaled down in
      steps of 5% until they do not; None: no such budget.
    base: the picture with what it has already, its neighbour's cloak.

  Returns:
    uint8 [H, W, 3], and the scale of the perturbation, 0 if what is left of it
    changes no pixel.
  """
  codes = np.empty(base.shape, np.uint8)
  for percent in range(100, 0, -5):
    levels, is_changed = _sum(base, change, percent / 100), False
    for rows in bands(*base.shape[:2]):
      codes[rows] = np.rint(levels[rows])
      is_changed = is_changed or bool((codes[rows] != base[rows]).any())
    if not is_changed:
      break
    if max_dssim is None or pixels.dssim(image, codes) <= max_dssim:
      return codes, percent / 100
  return base, 0.0


def _sum(base, change, scale):
  """A picture with its perturbation scaled, not rounded: levels in 0..255."""
  scale = np.float32(scale)
  return Rows(
    base.shape,
    lambda rows: np.clip(base[rows] + scale * change[rows], 0, 255),
  )


def _in_float(levels):
  """The same in [0, 1], as `to_float` has it."""
  return Rows(
    levels.shape, lambda rows: np.float32(levels[rows]) / np.float32(255)
  )


def _outside(taken, change):
  """A perturbation without what pixels of others would get of it."""
  return Rows(
    change.shape,
    lambda rows: np.where(taken[rows][..., None], np.float32(0), change[rows]),
  )


def _rounded(value):
  """Six digits of every number: more would be noise in the manifest."""
  if isinstance(value, dict):
    return {name: _rounded(x) for name, x in value.items()}
  return None if value is None else float(f'{value:.6g}')
