"""How photographs are cloaked and saved, checked before anything happens."""

import dataclasses
import functools
import os
from typing import Annotated

import jax
import numpy as np

from fr_poison import checks, extractors, keys, stages, strict_json, version
from fr_poison.bands import bands
from fr_poison.data import decode, detect_faces
from fr_poison.evaluation import cloaks
from fr_poison.photos import view
from fr_poison.types import InputError

# Pictures that lost something when they were saved, by their extension: what a
# JPEG of quality 95 loses more is little, and PNG would be six times the size.
_LOSSY = frozenset('.avif .heic .heif .hif .mpo .webp'.split())
_KEPT = frozenset('.jfif .jpe .jpeg .jpg .png'.split())


@dataclasses.dataclass(frozen=True, kw_only=True)
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
    checks.known('output.format', self.format, ('source', 'png', 'jpeg'))
    known = ('4:4:4', '4:2:0')
    checks.known('output.subsampling', self.subsampling, known)
    checks.check_fields(self, 'output.')

  def extension_of(self, path: str) -> str:
    """Gives the extension of a picture's cloak: its own where the format is."""
    own = os.path.splitext(path)[1]
    if self.format == 'source' and own.lower() in _KEPT:
      return own
    is_lossy = self.format == 'source' and own.lower() in _LOSSY
    return '.jpg' if is_lossy or self.format == 'jpeg' else '.png'

  def encode(self, image: np.ndarray, format: str, exif: bytes) -> bytes:
    """Encodes a cloak, uint8 [H, W, 3], a grey one with one channel."""
    is_grey = (
      (image[rows] == image[rows, :, :1]).all()
      for rows in bands(*image.shape[:2])
    )
    if all(is_grey):
      image = image[..., 0]
    if format == 'png':
      return decode.encode_png(image, exif=exif)
    return decode.encode_jpeg(image, self.quality, self.subsampling, exif=exif)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
  """What cloaks are made with; experiments/configs/fawkes_high.py has each.

  Raises:
    InputError: a value that cannot be run, naming its field. Nothing has
      been loaded or compiled by then.
  """

  surrogates: tuple[str, ...] = ()
  input_size: dict[str, checks.Count] = dataclasses.field(default_factory=dict)
  # The name and the settings of a recipe.
  attack: dict = dataclasses.field(default_factory=dict)
  max_dssim: checks.Between | None = None
  size: Annotated[int, checks.Range(32, is_whole=True)] = 128
  output: Output = Output()
  batch_size: checks.Count = 8
  seed: checks.Seed = 0
  align: str = 'auto'
  several_faces: str = 'skip'

  @classmethod
  def from_config(cls, config: dict) -> 'Settings':
    """Reads a config, whose fields messages name as 'config.size'.

    Raises:
      InputError: as for the class; or a field that nobody reads.
    """
    output = config.get('output', {})
    try:
      checks.check_settings(cls, config, '')
      checks.check_settings(Output, output, 'output.')
      return cls(**config | {'output': Output(**output)})
    except InputError as error:
      raise InputError(f'config.{error}') from error

  def __post_init__(self):
    """Checks every value."""
    networks = [n for n in extractors.names() if n != extractors.PIXELS]
    if not self.surrogates:
      raise InputError('surrogates: no network given')
    for name in self.surrogates:
      checks.known('surrogates', name, networks)
    for name in self.input_size:
      checks.known('input_size', name, networks)
    checks.check_fields(self)
    checks.known('align', self.align, view.ALIGNMENTS)
    checks.known('several_faces', self.several_faces, view.POLICIES)
    if self.align != 'auto' and self.cannot_look:
      raise InputError(f'align: {self.cannot_look}')
    attack = self.make_attack([])
    if attack.is_targeted:
      raise InputError(
        'attack: targets: it imitates other people, and there are none here'
      )
    if attack.unit == 'group':
      raise InputError(
        'attack: groups: it makes one mask of all pictures of a person, and '
        'here each is cloaked by itself'
      )

  @functools.cached_property
  def cannot_look(self) -> str | None:
    """What is not installed to look for faces; None: nothing is missing."""
    try:
      if self.align != 'none':
        template = 'wide' if self.align == 'auto' else self.align
        detect_faces.aligned(self.size, template)
    except InputError as error:
      return str(error)
    return None

  @property
  def alignment(self) -> str:
    """`align`, or 'none' where 'auto' cannot look for faces."""
    return 'none' if self.cannot_look else self.align

  def make_attack(self, embed_fns):
    """Makes the attack on these networks, one `embed_fn` per surrogate."""
    settings = dict(self.attack)
    name = settings.pop('name', None)
    return cloaks.make_attack('attack', name, embed_fns, **settings)

  def digest(self, networks: list[extractors.Extractor]) -> str:
    """Gives 16 hex digits of all that cloaks depend on, but the pictures."""
    config = dataclasses.asdict(self) | {'align': self.alignment}
    del config['batch_size']  # no bit on CPU, the rounding elsewhere
    return strict_json.digest(
      {
        'config': config,
        'networks': keys.of_networks(networks),
        'fr_poison': version.__version__,
        'jax': jax.__version__,
        'stages': stages.versions('NETWORKS', 'CLOAKS'),
      }
    )
