"""The fields of a config of poison.py, checked before anything else happens."""

import dataclasses
import functools
import os
from typing import Annotated

import face_frame
import jax
import network_loader
import numpy as np
from config_fields import check_fields, check_known

from fr_poison import checks, extractors, stages, version
from fr_poison.data import detect_faces
from fr_poison.evaluation import cloaks as cloaking
from fr_poison.report import record_file
from fr_poison.types import InputError

_FORMATS = ('source', 'png', 'jpeg')
# Pictures that lost something when they were saved, by their extension: what a
# JPEG of quality 95 loses more is little, and PNG would be six times the size.
_LOSSY = frozenset('.avif .heic .heif .hif .mpo .webp'.split())
_JPEG = frozenset('.jfif .jpe .jpeg .jpg'.split())
_SUBSAMPLINGS = ('4:4:4', '4:2:0')
_MIN_SIZE = 32


@dataclasses.dataclass(frozen=True)
class Output:
  """How cloaks are saved.

  Attributes:
    format: 'png', 'jpeg', or 'source': JPEG for a picture that is a JPEG or
      of another lossy format, and PNG for the others.
    quality: of a JPEG, 1 to 100.
    subsampling: of a JPEG's colours, '4:4:4' or '4:2:0'.
    keep_exif: write who took the picture, when and where into its cloak too.

  Raises:
    InputError: another value.
  """

  format: str = 'source'
  quality: checks.Quality = 95
  subsampling: str = '4:4:4'
  keep_exif: bool = False

  def __post_init__(self):
    """Checks every value."""
    check_known('output.format', self.format, _FORMATS)
    check_known('output.subsampling', self.subsampling, _SUBSAMPLINGS)
    checks.check_fields(self, 'config.output.')

  def format_of(self, path: str) -> str:
    """'png' or 'jpeg': what the cloak of the picture at `path` is saved as."""
    if self.format != 'source':
      return self.format
    extension = os.path.splitext(path)[1].lower()
    return 'jpeg' if extension in _LOSSY | _JPEG else 'png'

  def extension_of(self, path: str) -> str:
    """Of that file: the picture's own where the format is."""
    own = os.path.splitext(path)[1]
    if self.format == 'source' and own.lower() in _JPEG | {'.png'}:
      return own
    return '.png' if self.format_of(path) == 'png' else '.jpg'


@dataclasses.dataclass(frozen=True)
class Settings:
  """The fields of a config; see configs/fawkes_high.py for each.

  Raises:
    InputError: a value that cannot be run, naming its field. Nothing has
      been loaded or compiled by then.
  """

  surrogates: tuple[str, ...]
  input_size: dict[str, checks.Count]
  attack: dict
  max_dssim: checks.Between | None
  size: Annotated[int, checks.Range(_MIN_SIZE, is_whole=True)]
  output: Output
  batch_size: checks.Count
  seed: checks.Seed
  align: str = 'auto'
  several_faces: str = 'skip'

  @classmethod
  def from_config(cls, config: dict) -> 'Settings':
    """From a config's dict; a field that nobody reads is an error."""
    check_fields(cls, config)
    try:
      output = Output(**config['output'])
    except TypeError as error:
      raise InputError(f'config.output: {error}') from error
    return cls(**config | {'output': output})

  def __post_init__(self):
    """Checks every value."""
    networks = [n for n in extractors.names() if n != extractors.PIXELS]
    if not self.surrogates:
      raise InputError('config.surrogates: no network given')
    for name in self.surrogates:
      check_known('surrogates', name, networks)
    for name in self.input_size:
      check_known('input_size', name, networks)
    checks.check_fields(self, 'config.')
    check_known('align', self.align, face_frame.ALIGNMENTS)
    check_known('several_faces', self.several_faces, face_frame.POLICIES)
    if self.align not in ('auto', 'none'):
      try:
        detect_faces.aligned(self.size, self.align)
      except InputError as error:  # not installed
        raise InputError(f'config.align: {error}') from error
    self.make_attack([])

  @functools.cached_property
  def cannot_look(self) -> str | None:
    """With align='auto': what is missing to look for faces; None: nothing."""
    try:
      if self.align == 'auto':
        detect_faces.aligned(self.size)
    except InputError as error:
      return str(error)
    return None

  @property
  def alignment(self) -> str:
    """`align`, or 'none' where 'auto' cannot look for faces."""
    return 'none' if self.cannot_look else self.align

  def find_view(self, image: np.ndarray) -> face_frame.View:
    """Where to attack a picture; InputError: there is no face, or several."""
    return face_frame.find(image, self.alignment, self.several_faces)

  def make_attack(self, embed_fns):
    """The attack on these networks, one `embed_fn` per surrogate."""
    settings = dict(self.attack)
    name = settings.pop('name', None)
    return cloaking.make_attack('config.attack', name, embed_fns, **settings)

  def load_networks(self) -> list[extractors.Extractor]:
    """The surrogates, in order."""
    return [
      network_loader.load(name, self.input_size.get(name))
      for name in self.surrogates
    ]

  def digest(self, networks: list[extractors.Extractor]) -> str:
    """16 hex digits that stand for all that cloaks depend on but pixels."""
    config = dataclasses.asdict(self) | {'align': self.alignment}
    del config['batch_size']  # no bit on CPU, the rounding elsewhere
    weights = {network.spec.name: network.sha256 for network in networks}
    return record_file.config_hash(
      {
        'config': config,
        'weights': weights,
        'input_sizes': {n.spec.name: n.input_size for n in networks},
        'fr_poison': version.__version__,
        'jax': jax.__version__,
        'stages': stages.versions('NETWORKS', 'CLOAKS'),
      }
    )
