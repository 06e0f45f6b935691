"""Attacks pictures at one working size, and says what the saved file is worth.

Arrays of one fixed shape go into every compiled function, whatever the
pictures' sizes and however many there are, so each is compiled once.
"""

from collections.abc import Sequence
from typing import NamedTuple

import full_size
import jax
import numpy as np
from face_frame import Frame
from poison_settings import Settings

from fr_poison import attacks, extractors, metrics
from fr_poison.data import decode
from fr_poison.data.batches import pictures_a_call
from fr_poison.data.faces import to_float
from fr_poison.types import InputError

# What sites do to a picture that is uploaded: Pillow's defaults.
_POSTED = {'quality': 75, 'subsampling': '4:2:0'}


class Change(NamedTuple):
  """What an attack did to one picture."""

  levels: np.ndarray  # int16 [S, S, C], grey levels to add, C as the picture's
  improved: bool  # False: the attack found nothing better than the picture
  budget_used: float | None  # of the attack's budget; None: it does not say


class Cloaker:
  """An attack on the surrogate networks, ready to run."""

  def __init__(
    self, settings: Settings, networks: Sequence[extractors.Extractor]
  ):
    """Makes the attack; compiles nothing yet.

    Raises:
      InputError: the attack needs what poison.py does not have.
    """
    self._settings, self._networks = settings, networks
    self._attack = settings.make_attack([n.embed_fn for n in networks])
    self._params = [n.params for n in networks]
    self._rng = jax.random.key(settings.seed)
    self._embed = [jax.jit(n.embed_fn) for n in networks]
    shape = (settings.batch_size, settings.size, settings.size, 3)
    try:
      images = jax.ShapeDtypeStruct(shape, np.float32)
      jax.eval_shape(self._attack.init, self._params, self._rng, images)
    except InputError as error:
      raise InputError(
        f'config.attack: {error} (attacks that move towards other people '
        'cannot run here)'
      ) from error

  @property
  def number(self) -> int:
    """How many pictures are attacked at a time."""
    # Never one alone: a matrix product with one row rounds otherwise.
    return pictures_a_call(max(2, self._settings.batch_size), on_cpu=2)

  def changes(self, parts: Sequence[tuple[np.ndarray, Frame]]) -> list[Change]:
    """Attacks pictures, uint8 [H, W, C], each within its frame."""
    size, number = self._settings.size, self.number
    working = [np.rint(frame.look(frame.crop(x), size)) for x, frame in parts]
    starts = range(0, len(working), number)
    parts = [self._changes(working[i : i + number], number) for i in starts]
    return [change for part in parts for change in part]

  def _changes(self, working, number):
    """Of at most `number` pictures, which are filled up to as many."""
    count = len(working)
    codes = np.stack([full_size.as_rgb(x) for x in working]).astype(np.uint8)
    filled = np.minimum(np.arange(number), count - 1)
    adv_images, info = attacks.run(
      self._attack, self._params, self._rng, to_float(codes[filled])
    )
    adv_codes = np.rint(np.asarray(adv_images)[:count] * 255)
    levels = adv_codes.astype(np.int16) - codes
    used = info.get('budget_used')
    return [
      Change(
        _channels(levels[i], image.shape[2]),
        bool(info['improved'][i]),
        None if used is None else float(used[i]),
      )
      for i, image in enumerate(working)
    ]

  def encode(
    self, image: np.ndarray, exif: bytes = b'', format: str = 'png'
  ) -> bytes:
    """The file of a cloak, uint8 [H, W, C]; one channel is saved as grey."""
    image = image[..., 0] if image.shape[2] == 1 else image
    output = self._settings.output
    if format == 'png':
      return decode.encode_png(image, exif=exif)
    return decode.encode_jpeg(
      image, output.quality, output.subsampling, exif=exif
    )

  def measure(
    self,
    image: np.ndarray,
    saved: np.ndarray,
    parts: Sequence[tuple[Frame, np.ndarray]],
  ) -> list[dict]:
    """The fields of a manifest row that say how far the cloak is.

    Args:
      image: the original, uint8 [H, W, C].
      saved: uint8 [H, W, 3], as read back from the file.
      parts: each frame where the attack worked (the rest of the picture is not
        measured), and that part, cloaked, before 8 bits: float32 [h, w, C] in
        [0, 1].

    Returns:
      A dict for each part.
    """
    posted = decode.decode(decode.encode_jpeg(saved, **_POSTED), 'JPEG')
    whole = full_size.as_rgb(image), saved, posted
    return [
      self._measure(frame, unrounded, *map(frame.crop, whole))
      for frame, unrounded in parts
    ]

  def _measure(self, frame, unrounded, image, saved, posted):
    views = {'float': unrounded, 'saved': saved, 'jpeg': posted}
    displacement = self._displacement(image, list(views.values()), frame)
    return {
      'linf': metrics.linf(image, saved),
      'dssim': full_size.dssim(image, saved),
      'psnr': metrics.psnr(image, saved),
      'feature_displacement': dict(zip(views, displacement, strict=True)),
    }

  def _displacement(self, image, views, frame):
    """Mean over networks of |f(view) - f(image)|^2, one number per view."""
    total = np.zeros(len(views))
    for embed, network in zip(self._embed, self._networks, strict=True):
      size = network.input_size
      # Always these four, and no other pictures: nothing that another picture
      # or the order could change even in the last digit.
      batch = np.stack(
        [frame.look(_as_float(x), size) for x in (image, *views)]
      )
      embeddings = np.asarray(embed(network.params, batch), np.float64)
      embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
      total += np.sum((embeddings[1:] - embeddings[0]) ** 2, 1)
    return (total / len(self._networks)).tolist()


def _channels(levels, num_channels):
  """Grey pictures stay grey, even if the attack was told to colour them."""
  if num_channels == 1:
    levels = np.rint(levels.mean(-1, keepdims=True)).astype(np.int16)
  return levels


def _as_float(image):
  """[H, W, C] uint8 or float32 in [0, 1] -> float32 [H, W, 3]."""
  image = image if image.dtype == np.float32 else to_float(image)
  return full_size.as_rgb(image)
