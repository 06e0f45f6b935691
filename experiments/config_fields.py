"""What the configs of several programs are checked for."""

import contextlib
import dataclasses
from collections.abc import Iterable, Iterator
from typing import Annotated, Self

from fr_poison import checks
from fr_poison.data import align, datasets, folder, standard
from fr_poison.types import InputError, NotKeptError

ALIGNMENTS = ('auto', 'none', *align.TEMPLATES)
# One to learn from, one to be tested on.
MinPictures = Annotated[int, checks.Range(2, is_whole=True)]


@contextlib.contextmanager
def naming(flag: str) -> Iterator[None]:
  """Begins the message of what cannot be used with the flag that gave it.

  Raises:
    InputError: within the block; or a file could not be read or written.
  """
  try:
    yield
  except NotKeptError:  # names what moves it
    raise
  except InputError as error:
    raise InputError(f'{flag}: {error}') from error
  except OSError as error:
    raise InputError(f'{flag}: {error.filename}: {error.strerror}') from error


def check_fields(settings: type, config: dict) -> None:
  """Refuses a config whose fields are not those of the dataclass `settings`.

  Raises:
    InputError: a field without a default is missing, or nobody reads one.
  """
  fields = dataclasses.fields(settings)
  known = {field.name for field in fields}
  needed = {f.name for f in fields if f.default is dataclasses.MISSING}
  if wrong := sorted((needed - config.keys()) | (config.keys() - known)):
    state = 'missing' if wrong[0] in known else 'unknown'
    raise InputError(f'config.{wrong[0]}: {state}; fields: {sorted(known)}')


class Fields:
  """The fields of a program's config, as a dataclass that checks itself."""

  @classmethod
  def from_config(cls, config: dict) -> Self:
    """Reads a config's dict; a field that nobody reads is an error."""
    check_fields(cls, config)
    return cls(**config)

  def check_source(self) -> None:
    """Refuses an unknown data set, and numbers outside their ranges.

    Raises:
      InputError: naming the field.
    """
    check_known('dataset', self.dataset, datasets.NAMES)
    check_known('align', self.align, ALIGNMENTS)
    check_known('person_level', self.person_level, folder.PERSON_LEVELS)
    checks.check_fields(self, 'config.')

  def check_standard(self) -> None:
    """Refuses an unknown standard, and what does not go with one.

    Raises:
      InputError: naming the field.
    """
    check_known('protect', self.protect, standard.PROTECTED)
    if not self.standard:
      if self.protect != standard.PROTECTED[0]:
        raise InputError('config.protect: there is no config.standard')
      return
    check_known('standard', self.standard, standard.NAMES)
    dataset = standard.DATASETS[self.standard]
    check_known('dataset', self.dataset, [dataset])
    if self.num_targets:
      raise InputError(
        'config.num_targets: of a standard the public people are the targets'
      )


def check_known(field: str, name: str, names: Iterable[str]) -> None:
  """Raises InputError for a name that is not among `names`, and lists them."""
  checks.known(f'config.{field}', name, names)


def check_least(field: str, value: int, least: int) -> None:
  """Raises InputError for a number below `least`."""
  if value < least:
    raise InputError(f'config.{field}: {value} is below {least}')
