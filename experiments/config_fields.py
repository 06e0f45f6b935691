"""What the configs of several programs are checked for."""

import contextlib
import dataclasses
from collections.abc import Iterable, Iterator
from typing import Annotated, Self

from fr_poison import checks, extractors
from fr_poison.data import align, datasets, folder, standard
from fr_poison.report import words
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


def entries(
  found: dict[str, dict], kinds: Iterable[str]
) -> list[tuple[str, str, dict]]:
  """Lists a config's entries of these kinds: label, kind and settings.

  They are in the order of the kinds. An entry without a `kind` is of the one
  that its label names.
  """
  return [
    (label, kind, {k: v for k, v in chosen.items() if k != 'kind'})
    for kind in kinds
    for label, chosen in found.items()
    if chosen.get('kind', label) == kind
  ]


def check_kinds(
  field: str, found: dict[str, dict], kinds: Iterable[str]
) -> None:
  """Refuses entries of an unknown kind, and labels that mean another one.

  Raises:
    InputError: naming the entry.
  """
  kinds = tuple(kinds)
  for label, chosen in found.items():
    if 'kind' not in chosen:
      check_known(field, label, kinds)
    else:
      check_known(f'{field}.{label}.kind', chosen['kind'], kinds)
      if label in kinds and label != chosen['kind']:
        raise InputError(
          f'config.{field}.{label}: called as one kind, but of another: '
          f'{chosen["kind"]}'
        )


def check_names(
  field: str, labels: Iterable[str], taken: Iterable[str] = ()
) -> None:
  """Refuses labels that a page would write alike, or as nothing.

  Raises:
    InputError: naming the second of them.
  """
  seen = set(taken)
  for label in labels:
    name = words.plain(words.clean(label))
    if not name or name in seen:
      known = ', '.join(sorted(seen))
      raise InputError(
        f'config.{field}: a page would call {label!r} {name!r}; a name of its '
        f'own expected, beside {known}'
      )
    seen.add(name)


def check_known(field: str, name: str, names: Iterable[str]) -> None:
  """Raises InputError for a name that is not among `names`, and lists them."""
  checks.known(f'config.{field}', name, names)


def check_networks(
  field: str, names: Iterable[str], known: Iterable[str]
) -> None:
  """Raises InputError for networks that are not among `known`.

  Any may have 'mirrored' after its name: see `extractors.mirrored`.
  """
  for name in names:
    check_known(field, name.removesuffix(extractors.MIRRORED), known)


def check_least(field: str, value: int, least: int) -> None:
  """Raises InputError for a number below `least`."""
  if value < least:
    raise InputError(f'config.{field}: {value} is below {least}')
