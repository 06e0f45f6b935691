"""Lays a cloak over its original, face on face, and notes what is odd."""

import io
from collections.abc import Iterator

import numpy as np
from PIL import Image, JpegImagePlugin

from fr_poison import metrics
from fr_poison.data import align, detect_faces
from fr_poison.data.placement import centred
from fr_poison.types import InputError

SIZE = 112  # side of the faces, in pixels: that of the ORL faces
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


def place(
  original: np.ndarray,
  cloaked: np.ndarray,
  data: bytes,
  alignment: str,
  several_faces: str,
) -> tuple[list[np.ndarray], tuple[str, ...]]:
  """Both faces, uint8 [SIZE, SIZE, 3], and `given_pairs.NOTES` on them.

  They are put where the original's face is, so what differs is the cloak
  alone. Where that fits badly, the cloak is tried on its own face, mirrored and
  turned by quarters.

  Args:
    original: uint8 [H, W, 3].
    cloaked: uint8 [h, w, 3].
    data: the file that the cloak comes from.
    alignment: one of `given_pairs.ALIGNMENTS`.
    several_faces: see `detect_faces.choose`.

  Raises:
    InputError: no face, or too many.
  """
  if alignment == 'dlib':
    landmarks = _landmarks(original, several_faces)
    put = lambda image: align.align(image, landmarks, SIZE)
  else:
    put = centred(SIZE).place
  face, notes = put(original), []
  brought = _brought(cloaked, original.shape)
  placed = None
  if brought is not None:
    placed = put(brought)
    notes += ['size'] * (cloaked.shape != original.shape)
    if _is_exchanged(face, placed):
      return [face, placed], (*notes, 'bgr')
  elif alignment != 'dlib':
    placed, notes = put(cloaked), ['aspect']
  fit = -np.inf if placed is None else _psnr(face, placed)
  if fit < MIN_PSNR:
    tries = _turned(face, cloaked, original.shape, put)
    if alignment == 'dlib':
      tries = [*tries, *_own(face, cloaked, several_faces, brought is None)]
    for note, other in tries:
      gain = _psnr(face, other) - fit
      needed = 0 if note in ('own', 'aspect') else MIN_PSNR - fit
      if gain > max(needed, _MIN_GAIN):
        placed, fit, notes = other, fit + gain, [note]
  if placed is None:
    _landmarks(cloaked, several_faces)  # says why there is no face
  if brought is not None and not {'own', 'turned'} & set(notes):
    notes += _change(original, brought, data, face, placed, put)
    if alignment == 'dlib' and not detect_faces.find_faces(brought):
      notes.append('hidden')
  return [face, placed], (*notes, *['other'] * (fit < MIN_PSNR))


def _psnr(original, placed):
  value = metrics.psnr(original, placed)
  return np.inf if value is None else value


def _brought(cloaked, shape):
  """The cloak at its original's size; None where the aspect is another."""
  (h0, w0), (h1, w1) = shape[:2], cloaked.shape[:2]
  if cloaked.shape == shape:
    return cloaked
  if abs(w1 * h0 / (w0 * h1) - 1) > _SAME_ASPECT:
    return None
  return np.asarray(Image.fromarray(cloaked).resize((w0, h0)))


def _turned(face, cloaked, shape, put) -> Iterator[tuple[str, np.ndarray]]:
  """The cloak's face where a mirror or a turn by quarters is undone."""
  for note, image in [
    ('mirrored', cloaked[:, ::-1]),
    *(('turned', np.rot90(cloaked, quarters)) for quarters in (1, 2, 3)),
  ]:
    image = _brought(np.ascontiguousarray(image), shape)
    if image is not None:
      yield note, put(image)


def _own(face, cloaked, several_faces, is_odd) -> list[tuple[str, np.ndarray]]:
  """The cloak on its own face, if there is one."""
  try:
    landmarks = _landmarks(cloaked, several_faces)
  except InputError:
    return []
  placed = align.align(cloaked, landmarks, SIZE)
  return [('aspect' if is_odd else 'own', placed)]


def _change(original, brought, data, face, placed, put) -> list[str]:
  if original.shape == brought.shape and (original == brought).all():
    return ['same']
  if np.abs(placed.astype(int) - face).mean() < _MIN_CHANGE:
    return ['hardly']
  for again in _saved_again(original, data):
    if np.abs(placed.astype(int) - put(again)).mean() < _MIN_CHANGE:
      return ['hardly']
  return []


def _saved_again(original, data) -> Iterator[np.ndarray]:
  """The original, had it been resized and saved as the cloak was."""
  height, width = original.shape[:2]
  with Image.open(io.BytesIO(data)) as file:
    size, tables = file.size, getattr(file, 'quantization', None)
    sampling = JpegImagePlugin.get_sampling(file) if tables else 0
  if abs(size[0] * height / (width * size[1]) - 1) > _SAME_ASPECT:
    size = (width, height)  # it was stored lying
  for resampling in _FILTERS if size != (width, height) else _FILTERS[:1]:
    image = Image.fromarray(original).resize(size, resampling)
    if tables:
      saved = io.BytesIO()
      image.save(saved, 'JPEG', qtables=tables, subsampling=max(sampling, 0))
      image = Image.open(saved)
    yield np.asarray(image.resize((width, height)))


def _is_exchanged(original, cloaked):
  """Whether the cloak is much nearer with its colours the other way round."""
  distance = lambda image: np.abs(original.astype(int) - image).mean()
  return distance(cloaked[..., ::-1]) < distance(cloaked) / 2


def _landmarks(image, several_faces):
  found = detect_faces.find_faces(image)
  try:
    return detect_faces.choose(found, image.shape, several_faces).landmarks
  except InputError as error:
    advice = _SEVERAL if found else _NO_FACE
    raise InputError(f'{error}; {advice}') from error
