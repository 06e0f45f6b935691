"""Lays a cloak over its original, face on face, and notes what is odd."""

import contextlib
import functools
import io

import numpy as np
from jaxtyping import UInt8
from PIL import Image, JpegImagePlugin

from fr_poison import metrics
from fr_poison.data import align, decode, detect_faces
from fr_poison.data.placement import centred
from fr_poison.types import InputError, UInt8Image

NOTES = {
  'same': 'the cloak is the original itself',
  'hardly': (
    'the cloak hardly differs from its original, by less than a grey level '
    'but for what saving does: its tool may have changed nothing'
  ),
  'size': 'the cloak has another size, and was brought back to it',
  'aspect': 'the cloak is cropped or stretched, and was aligned on its own',
  'own': (
    'the cloak does not lie on its original, as where its tool crops, and was '
    'aligned on its own'
  ),
  'mirrored': 'the cloak is a mirror image, and was turned back',
  'turned': 'the cloak lies on its side or its head, and was turned back',
  'other': 'cloak and original look like two different pictures',
  'hidden': 'no face is found in the cloak: who looks for faces would miss it',
  'bgr': 'the cloak has red and blue exchanged: its tool wrote BGR as RGB',
}
_SAME_ASPECT = 0.02
# Two pictures of one person, aligned: 18 dB at most in LFW, where a cloak of
# 8/255 has 31 dB, and one of 16/255 cannot have less than 24.
MIN_PSNR = 20.0
# What a face on its own landmarks must gain: where the pictures do lie on each
# other, landmarks found anew can only lose.
_MIN_GAIN = 2.0
# Grey levels in the mean: an attack of 4/255 changes 3, and to save a picture
# again in the cloak's own way gives the same picture.
_MIN_CHANGE = 1.0
_NO_FACE = 'where these are face crops, --config.align=already or =none'
_SEVERAL = '--config.several_faces=largest or =most_central takes one'
_FILTERS = (
  Image.Resampling.LANCZOS,
  Image.Resampling.BICUBIC,
  Image.Resampling.BILINEAR,
)


Face = UInt8[np.ndarray, 'S S 3']


def place(
  original: UInt8Image,
  cloaked: UInt8[np.ndarray, 'h w 3'],
  data: bytes,
  several_faces: str | None = None,
  template: str = 'wide',
) -> tuple[Face, Face, tuple[str, ...]]:
  """Puts both where the original's face is, so what differs is the cloak alone.

  Where that fits badly, the cloak is tried on its own face, mirrored and
  turned by quarters.

  Args:
    original: the picture.
    cloaked: what came back, of any size.
    data: the file that the cloak comes from.
    several_faces: see `detect_faces.choose`; None: nobody looks for faces, and
      the middle square is taken.
    template: one of `align.TEMPLATES`, which has the faces' side S, too.

  Returns:
    Both faces, and which of `NOTES` apply.

  Raises:
    InputError: no face, or too many.
  """
  put = _putting(original, several_faces, template)
  face, brought = put(original), _brought(cloaked, original.shape)
  placed, notes = None, []
  if brought is not None:
    placed = put(brought)
    notes = ['size'] * (cloaked.shape != original.shape)
    if _apart(face, placed[..., ::-1]) < _apart(face, placed) / 2:
      return face, placed, (*notes, 'bgr')
  elif not several_faces:
    placed, notes = put(cloaked), ['aspect']
  fit = -np.inf if placed is None else psnr(face, placed)
  if fit < MIN_PSNR:
    own = functools.partial(_putting, cloaked, several_faces, template)
    for note, other in _tries(
      cloaked, original.shape, put, own if several_faces else None
    ):
      gain = psnr(face, other) - fit
      needed = 0 if note in ('own', 'aspect') else MIN_PSNR - fit
      if gain > max(needed, _MIN_GAIN):
        placed, fit, notes = other, fit + gain, [note]
  if placed is None:
    _putting(cloaked, several_faces, template)  # says why there is no face
  if brought is not None and not {'own', 'turned'} & set(notes):
    notes += _change(original, brought, data, placed, put)
    if several_faces and not detect_faces.find_faces(brought):
      notes.append('hidden')
  return face, placed, (*notes, *['other'] * (fit < MIN_PSNR))


def psnr(original: UInt8Image, placed: UInt8Image) -> float:
  """Measures the PSNR of pictures, infinite where they are equal."""
  value = metrics.psnr(original, placed)
  return np.inf if value is None else value


def _apart(one, other):
  return np.abs(one.astype(int) - other).mean()


def _putting(image, several_faces, template):
  """A function that puts a picture where this one's face, or middle, is."""
  if not several_faces:
    return centred(align.TEMPLATES[template].side).place
  found = detect_faces.find_faces(image, template)
  try:
    face = detect_faces.choose(found, image.shape, several_faces)
  except InputError as error:
    advice = _SEVERAL if found else _NO_FACE
    raise InputError(f'{error}; {advice}') from error
  side = align.TEMPLATES[template].side
  return lambda other: align.align(other, face.landmarks, side, template)


def _has_aspect(size, other):
  return abs(size[0] * other[1] / (size[1] * other[0]) - 1) <= _SAME_ASPECT


def _brought(cloaked, shape):
  """The cloak at its original's size; None where the aspect is another."""
  if cloaked.shape == shape:
    return cloaked
  if not _has_aspect(cloaked.shape[1::-1], shape[1::-1]):
    return None
  return np.asarray(Image.fromarray(cloaked).resize(shape[1::-1]))


def _tries(cloaked, shape, put, put_own):
  """The cloak with a mirror or a turn undone, then on its own face."""
  turned = [('turned', np.rot90(cloaked, quarters)) for quarters in (1, 2, 3)]
  for note, image in [('mirrored', cloaked[:, ::-1]), *turned]:
    image = _brought(np.ascontiguousarray(image), shape)
    if image is not None:
      yield note, put(image)
  if put_own:
    note = 'aspect' if _brought(cloaked, shape) is None else 'own'
    with contextlib.suppress(InputError):
      yield note, put_own()(cloaked)


def _change(original, brought, data, placed, put):
  if (original == brought).all():
    return ['same']
  for again in (original, *_saved_again(original, data)):
    if _apart(placed, put(again)) < _MIN_CHANGE:
      return ['hardly']
  return []


def _saved_again(original, data):
  """The original, had it been resized and saved as the cloak was."""
  own = Image.fromarray(original)
  with decode.opened(data) as file:
    size, tables = file.size, getattr(file, 'quantization', None)
    sampling = JpegImagePlugin.get_sampling(file) if tables else 0
  if not _has_aspect(size, own.size):
    size = own.size  # it was stored lying
  for resampling in _FILTERS if size != own.size else _FILTERS[:1]:
    image = own.resize(size, resampling)
    if tables:
      saved = io.BytesIO()
      image.save(saved, 'JPEG', qtables=tables, subsampling=max(sampling, 0))
      image = Image.open(saved)
    yield np.asarray(image.resize(own.size))
