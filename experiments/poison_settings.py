"""The fields of a config of poison.py, checked before anything else happens."""

import dataclasses

import cloaking

from fr_poison import extractors, version
from fr_poison.report import records
from fr_poison.types import InputError

_FORMATS = {'png': '.png', 'jpeg': '.jpg'}
_SUBSAMPLINGS = ('4:4:4', '4:2:0')
_MIN_SIZE = 32


def _known(field, name, names):
  if name not in names:
    raise InputError(
      f'config.{field}: {name!r} is unknown; known: {", ".join(names)}'
    )


@dataclasses.dataclass(frozen=True)
class Output:
  """How cloaks are saved.

  Attributes:
    format: 'png' or 'jpeg'.
    quality: of a JPEG, 1 to 100.
    subsampling: of a JPEG's colours, '4:4:4' or '4:2:0'.

  Raises:
    InputError: another value.
  """

  format: str
  quality: int = 95
  subsampling: str = '4:4:4'

  def __post_init__(self):
    """Checks every value."""
    _known('output.format', self.format, tuple(_FORMATS))
    _known('output.subsampling', self.subsampling, _SUBSAMPLINGS)
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

  @classmethod
  def from_config(cls, config: dict) -> 'Settings':
    """From a config's dict; a field that nobody reads is an error."""
    known = {field.name for field in dataclasses.fields(cls)}
    if wrong := sorted(known ^ config.keys()):
      state = 'missing' if wrong[0] in known else 'unknown'
      raise InputError(f'config.{wrong[0]}: {state}; fields: {sorted(known)}')
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
      _known('surrogates', name, networks)
    for name in self.input_size:
      _known('input_size', name, networks)
    for field, least in (('size', _MIN_SIZE), ('batch_size', 1), ('seed', 0)):
      if (value := getattr(self, field)) < least:
        raise InputError(f'config.{field}: {value} is below {least}')
    if self.max_dssim is not None and not 0 < self.max_dssim < 1:
      raise InputError(f'config.max_dssim: {self.max_dssim} is outside (0, 1)')
    self.make_attack([])
    if self._needs_targets():
      raise InputError(
        'config.attack: moves towards other people, whom poison.py does not '
        "have; use an attack without targets, such as Fawkes '1.0'"
      )

  def _needs_targets(self):
    kind = self.attack.get('version')
    return kind == '0.3' or self.attack.get('targeted', kind == 'plain')

  def make_attack(self, embed_fns):
    """The attack on these networks, one `embed_fn` per surrogate."""
    settings = dict(self.attack)
    name = settings.pop('name', None)
    try:
      return cloaking.make_attack(name, embed_fns, **settings)
    except InputError as error:
      # Written for the configs of evaluate.py, which have several attacks.
      message = str(error).replace(f'config.attacks.{name}', 'config.attack')
      message = message.replace('config.attacks:', 'config.attack.name:')
      raise InputError(message) from error

  def load_networks(self) -> list[extractors.Extractor]:
    """The surrogates, in order."""
    return [
      extractors.load(name, input_size=self.input_size.get(name))
      for name in self.surrogates
    ]

  def digest(self, networks: list[extractors.Extractor]) -> str:
    """16 hex digits that stand for all that cloaks depend on but pixels."""
    config = dataclasses.asdict(self)
    del config['batch_size']  # changes the rounding, if anything
    weights = {network.spec.name: network.sha256 for network in networks}
    return records.config_hash(
      {
        'config': config,
        'weights': weights,
        'fr_poison': version.__version__,
      }
    )
