"""The fields of a config of poison.py, checked before anything else happens."""

import dataclasses

import cloaking
import face_frame
import network_loader
import numpy as np
from config_fields import check_fields, check_known, check_least

from fr_poison import extractors, version
from fr_poison.data import detect_faces
from fr_poison.report import record_file
from fr_poison.types import InputError

_FORMATS = {'png': '.png', 'jpeg': '.jpg'}
_SUBSAMPLINGS = ('4:4:4', '4:2:0')
_MIN_SIZE = 32


@dataclasses.dataclass(frozen=True)
class Output:
  """How cloaks are saved.

  Attributes:
    format: 'png' or 'jpeg'.
    quality: of a JPEG, 1 to 100.
    subsampling: of a JPEG's colours, '4:4:4' or '4:2:0'.
    keep_exif: write who took the picture, when and where into its cloak too.

  Raises:
    InputError: another value.
  """

  format: str
  quality: int = 95
  subsampling: str = '4:4:4'
  keep_exif: bool = False

  def __post_init__(self):
    """Checks every value."""
    check_known('output.format', self.format, tuple(_FORMATS))
    check_known('output.subsampling', self.subsampling, _SUBSAMPLINGS)
    if not 1 <= self.quality <= 100:
      raise InputError(
        f'config.output.quality: {self.quality} is outside 1..100'
      )

  @property
  def extension(self) -> str:
    """Of the files."""
    return _FORMATS[self.format]


@dataclasses.dataclass(frozen=True)
class Settings:
  """The fields of a config; see configs/fawkes_high.py for each.

  Raises:
    InputError: a value that cannot be run, naming its field. Nothing has
      been loaded or compiled by then.
  """

  surrogates: tuple[str, ...]
  input_size: dict[str, int]
  attack: dict
  max_dssim: float | None
  size: int
  output: Output
  batch_size: int
  seed: int
  align: str = 'none'
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
    for field, least in (('size', _MIN_SIZE), ('batch_size', 1), ('seed', 0)):
      check_least(field, getattr(self, field), least)
    check_known('align', self.align, face_frame.ALIGNMENTS)
    check_known('several_faces', self.several_faces, detect_faces.POLICIES)
    if self.align != 'none':
      try:
        detect_faces.aligned(self.size, self.align)
      except InputError as error:  # not installed
        raise InputError(f'config.align: {error}') from error
    if self.max_dssim is not None and not 0 < self.max_dssim < 1:
      raise InputError(f'config.max_dssim: {self.max_dssim} is outside (0, 1)')
    self.make_attack([])

  def find_frame(self, image: np.ndarray) -> face_frame.Frame:
    """Where to attack a picture; InputError: there is no face, or several."""
    return face_frame.find(image, self.align, self.several_faces)

  def make_attack(self, embed_fns):
    """The attack on these networks, one `embed_fn` per surrogate."""
    settings = dict(self.attack)
    name = settings.pop('name', None)
    return cloaking.make_attack('attack', name, embed_fns, **settings)

  def load_networks(self) -> list[extractors.Extractor]:
    """The surrogates, in order."""
    return [
      network_loader.load(name, self.input_size.get(name))
      for name in self.surrogates
    ]

  def digest(self, networks: list[extractors.Extractor]) -> str:
    """16 hex digits that stand for all that cloaks depend on but pixels."""
    config = dataclasses.asdict(self)
    del config['batch_size']  # no bit on CPU, the rounding elsewhere
    weights = {network.spec.name: network.sha256 for network in networks}
    return record_file.config_hash(
      {
        'config': config,
        'weights': weights,
        'fr_poison': version.__version__,
      }
    )
