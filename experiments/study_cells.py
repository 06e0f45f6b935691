"""The cells of a study: one record each, kept under a key of what made it."""

import fnmatch
import pathlib
from collections.abc import Iterable
from typing import NamedTuple

from fr_poison.report import record_file
from fr_poison.types import InputError

NOTHING = '-'  # stands for the surrogate where nobody has cloaked


class Version(NamedTuple):
  """Of the protected people's pictures; its name is 'attack/surrogate'.

  The attack is a label of the config, 'none', 'noise:' and the label of the
  cloak that the noise is like, or 'history:' and the name of one.
  """

  attack: str
  surrogate: str

  @property
  def kind(self) -> str:
    """'none', 'cloak', 'noise' or 'history'."""
    kind, mark, _ = self.attack.partition(':')
    return kind if mark or kind == 'none' else 'cloak'

  @property
  def label(self) -> str:
    """The attack's or the history's in the config."""
    return self.attack.rpartition(':')[2]


class CellName(NamedTuple):
  """What tells a record from all others; patterns are matched with this."""

  attack: str
  surrogate: str
  adversary: str
  network: str
  recognizer: str

  @property
  def version(self) -> Version:
    """Which its pictures are."""
    return Version(self.attack, self.surrogate)

  def __str__(self) -> str:
    """As patterns are written."""
    return '/'.join(self)


def matches(pattern: str, name: Iterable[str]) -> bool:
  """Whether a pattern fits, as 'lowkey|fawkes*/mobileface/*/*/linear'.

  Args:
    pattern: a field each, separated by slashes, of alternatives separated by
      bars, with * and ?; what is left out at the end is anything.
    name: the fields of a `CellName`, or of another name.
  """
  fields = [field.split('|') for field in pattern.split('/')]
  name = tuple(name)
  return len(fields) <= len(name) and all(
    any(fnmatch.fnmatchcase(value, choice) for choice in choices)
    for choices, value in zip(fields, name, strict=False)
  )


def select(
  field: str, patterns: Iterable[str], names: list[tuple]
) -> list[tuple]:
  """Those that a pattern fits, and none that begins with '!'; in order.

  Args:
    field: that the patterns are from, for the message.
    patterns: see `matches`.
    names: of all cells.

  Raises:
    InputError: a pattern fits nothing at all.
  """
  chosen, dropped = set(), set()
  for pattern in patterns:
    found = {name for name in names if matches(pattern.lstrip('!'), name)}
    if not found:
      raise InputError(f'{field}: {pattern!r} fits nothing')
    (dropped if pattern.startswith('!') else chosen).update(found)
  return [name for name in names if name in chosen - dropped]


class Store:
  """Finished cells' records, one small file each, by key."""

  def __init__(self, folder: pathlib.Path):
    """`folder`: made when the first record comes."""
    self._folder = folder

  def has(self, key: str) -> bool:
    """Whether there is a record of that key, and undamaged."""
    return self.get(key) is not None

  def get(self, key: str) -> dict | None:
    """The record, or None where there is none, or a damaged one."""
    try:
      (record,) = record_file.read(self._path(key))
    except (InputError, ValueError):
      return None
    return record if record.get('key') == key else None

  def put(self, key: str, record: dict) -> None:
    """Keeps it, whole or not at all."""
    self._folder.mkdir(parents=True, exist_ok=True)
    record_file.write(self._path(key), [record | {'key': key}])

  def _path(self, key):
    return self._folder / f'{key[:24]}.jsonl'
