"""Records of a whole study, from files of any kind and in any state."""

import dataclasses
import json
import os
import pathlib
from collections.abc import Sequence

from fr_poison import text
from fr_poison.report import kinds, record_file


@dataclasses.dataclass
class Sources:
  """Valid records by kind, in the files' order, each once."""

  protection: list[dict] = dataclasses.field(default_factory=list)
  distractors: list[dict] = dataclasses.field(default_factory=list)
  trainers: list[dict] = dataclasses.field(default_factory=list)
  detection: list[dict] = dataclasses.field(default_factory=list)
  verification: list[dict] = dataclasses.field(default_factory=list)
  skipped: list[str] = dataclasses.field(default_factory=list)  # why, each

  def all(self) -> list[dict]:
    """Lists the records of every kind."""
    of_cloaks = self.protection + self.distractors + self.trainers
    return of_cloaks + self.detection + self.verification


def read(paths: Sequence[str | os.PathLike]) -> Sources:
  """Reads what can be used of JSON-lines files, and says in `skipped` what not.

  That is a line cut by a killed writer, a record of another schema, and one
  that is there already.

  Raises:
    InputError: a file cannot be read.
  """
  found, seen, bad = Sources(), set(), {}
  for path in map(pathlib.Path, paths):
    for i, record in record_file.scan(path):
      if isinstance(record, json.JSONDecodeError):
        reason = 'not a whole record: was its writer killed?'
      elif isinstance(record, Exception):
        reason = str(record)
      elif (name := record_file.anchor(record)) in seen:
        reason = 'a record that is there already'
      else:
        seen.add(name)
        getattr(found, kinds.of(record).__name__.lower()).append(record)
        continue
      bad.setdefault((path.name, reason), []).append(i)
  for (name, reason), (first, *more) in bad.items():
    others = f', and {len(more)} more' if more else ''
    found.skipped.append(text.line(f'{name}, line {first}{others}: {reason}'))
  return found
