"""A user's pictures and what any tool made of them, face by face."""

import pathlib
import posixpath
import unicodedata
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from PIL import Image
from progress import Progress

from fr_poison import metrics
from fr_poison.data import align, decode, detect_faces, folder, pairs
from fr_poison.data.placement import Placement, Rejected, centred
from fr_poison.types import InputError

SIZE = 112  # side of the faces, in pixels: that of the ORL faces
ALIGNMENTS = ('dlib', 'already', 'none')
_SAME_ASPECT = 0.02
# Two pictures of one person, aligned: 18 dB at most in LFW, where a cloak of
# 8/255 has 31 dB, and one of 16/255 cannot have less than 24.
_MIN_PSNR = 20.0


class Files(NamedTuple):
  """Pictures that belong together, and those that are left over."""

  pairs: list[pairs.Pair]
  rejected: list[Rejected]
  read: Callable[[pairs.Pair], list[np.ndarray]]


class Face(NamedTuple):
  """One face, original and cloaked: uint8 [SIZE, SIZE, 3] each."""

  person: str
  path: str
  original: np.ndarray
  cloaked: np.ndarray
  notes: tuple[str, ...]  # of `NOTES`


NOTES = {
  'same': 'the cloak is the original itself',
  'size': 'the cloak has another size, and was brought back to it',
  'aspect': 'the cloak is cropped or stretched, and was aligned on its own',
  'other': 'cloak and original look like two different pictures',
  'hidden': 'no face is found in the cloak: who looks for faces would miss it',
  'bgr': 'the cloak has red and blue exchanged: its tool wrote BGR as RGB',
}


def find(originals: str, cloaked: str | None, suffix: str) -> Files:
  """Lists the folders and pairs their pictures.

  Args:
    originals: a folder, with one of each person inside or the pictures of one.
    cloaked: the same; None: beside the originals.
    suffix: of their names, see `pairs.match`.

  Raises:
    InputError: no such folder, or no pair in it.
  """
  root = pathlib.Path(originals).resolve()
  inside = root if cloaked is None else pathlib.Path(cloaked).resolve()
  first, rejected = _list('originals', originals)
  second, names = first, None
  if inside != root:
    if inside.is_relative_to(root):
      raise InputError('config.cloaked: is inside config.originals; move it')
    second, more = _list('cloaked', cloaked)
    names, rejected = second.keys(), rejected + more
  try:
    found, unpaired = pairs.match(first, names, suffix)
  except InputError as error:
    raise InputError(f'config.{error}') from error
  if not found:
    raise InputError(
      f'config.cloaked: no pair among {len(unpaired)} pictures; a cloak has '
      f"its original's name, or that and config.suffix, {suffix!r}"
    )

  def read(pair):
    data, cloak = first[pair.original](), second[pair.cloaked]()
    return [
      decode.decode(data, pair.original),
      decode.decode(cloak, f'its cloak {pair.cloaked}'),
    ]

  return Files(found, unpaired + rejected, read)


def _list(field, source):
  """The pictures, and the folders that are empty or cannot be listed."""
  if not pathlib.Path(source).is_dir():
    raise InputError(f'config.{field}: {source}: no such folder')
  pictures, rejected = {}, []
  for path, read, _ in folder.files(source):
    if path and path[-1] != '/':
      pictures[path] = read
      continue
    try:
      read()
    except InputError as error:
      rejected.append(
        Rejected(path or '.', str(error).removeprefix(f'{path}: '))
      )
  return pictures, rejected


def placement(alignment: str, several_faces: str) -> Placement:
  """How all pictures are brought to one size; see configs/my_cloaks.py.

  Raises:
    InputError: the extra `align` is asked for and not installed.
  """
  if alignment == 'dlib':
    try:
      return detect_faces.aligned(SIZE, 'dlib', several_faces)
    except InputError as error:
      raise InputError(
        f"config.align: {error}, or say that the faces are on dlib's template "
        'with --config.align=already'
      ) from error
  found = centred(SIZE)
  if alignment == 'already':
    found = found._replace(alignment=f'dlib-{SIZE}', details=alignment)
  return found


def read_faces(
  files: Files, name: str, alignment: str, several_faces: str
) -> tuple[list[Face], list[Rejected]]:
  """Every pair that can be used, and the others with their reasons.

  Args:
    files: of `find`.
    name: of the person whose pictures are in no folder of their own.
    alignment: one of `ALIGNMENTS`.
    several_faces: see `detect_faces.choose`.
  """
  faces, rejected = [], []
  progress = Progress(len(files.pairs), 'pair')
  for pair in files.pairs:
    progress.update(pair.original)
    try:
      images = files.read(pair)
      placed, notes = _place(*images, alignment, several_faces)
    except InputError as error:
      reason = str(error).removeprefix(f'{pair.original}: ')
      rejected.append(Rejected(pair.original, reason))
      continue
    person = unicodedata.normalize('NFC', posixpath.dirname(pair.original))
    faces.append(Face(person or name, pair.original, *placed, notes))
  progress.close()
  return faces, rejected


def _place(original, cloaked, alignment, several_faces):
  notes = []
  if original.shape == cloaked.shape:
    notes += ['same'] * bool((original == cloaked).all())
  else:
    (h0, w0), (h1, w1) = original.shape[:2], cloaked.shape[:2]
    is_scaled = abs(w1 * h0 / (w0 * h1) - 1) <= _SAME_ASPECT
    notes.append('size' if is_scaled else 'aspect')
    if is_scaled:
      cloaked = np.asarray(Image.fromarray(cloaked).resize((w0, h0)))
  if alignment == 'dlib':
    placed = _align(original, cloaked, 'aspect' in notes, several_faces)
    if 'aspect' not in notes and not detect_faces.find_faces(cloaked):
      notes.append('hidden')  # one with another shape would have been left out
  else:
    placed = [centred(SIZE).place(x) for x in (original, cloaked)]
  psnr = metrics.psnr(*placed)
  if _is_exchanged(*placed):
    notes.append('bgr')
  elif psnr is not None and psnr < _MIN_PSNR:
    notes.append('other')
  return placed, tuple(notes)


def _is_exchanged(original, cloaked):
  """Whether the cloak is much nearer with its colours the other way round."""
  distance = lambda image: np.abs(original.astype(int) - image).mean()
  return distance(cloaked[..., ::-1]) < distance(cloaked) / 2


def _align(original, cloaked, is_cropped, several_faces):
  """Both by the original's landmarks: what differs is the cloak alone."""
  landmarks = _landmarks(original, several_faces)
  own = _landmarks(cloaked, several_faces) if is_cropped else landmarks
  return [
    align.align(original, landmarks, SIZE),
    align.align(cloaked, own, SIZE),
  ]


def _landmarks(image, several_faces):
  found = detect_faces.find_faces(image)
  return detect_faces.choose(found, image.shape, several_faces).landmarks
