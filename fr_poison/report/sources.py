"""Records of a whole study, from files of any kind and in any state."""

import dataclasses
import json
import os
import pathlib
from collections.abc import Sequence

from fr_poison import strict_json
from fr_poison.report import record_file
from fr_poison.types import InputError


@dataclasses.dataclass
class Sources:
  """Valid records by kind, in the files' order, each once."""

  protection: list[dict] = dataclasses.field(default_factory=list)
  distractors: list[dict] = dataclasses.field(default_factory=list)
  trainers: list[dict] = dataclasses.field(default_factory=list)
  detection: list[dict] = dataclasses.field(default_factory=list)
  skipped: list[str] = dataclasses.field(default_factory=list)  # why, each

  def all(self) -> list[dict]:
    """Lists the records of every kind."""
    return [
      *self.protection, *self.distractors, *self.trainers, *self.detection
    ]  # fmt: skip


def read(paths: Sequence[str | os.PathLike]) -> Sources:
  """Reads what can be used, and says in `skipped` what cannot.

  That is a line cut by a killed writer, a record of another schema, and one
  that is there already.

  Args:
    paths: JSON-lines files of evaluate.py, detect.py or distractors.py.

  Raises:
    InputError: a file cannot be read.
  """
  found, seen, bad = Sources(), set(), {}
  for path in map(pathlib.Path, paths):
    for i, line in enumerate(record_file.read_lines(path), 1):
      try:
        record = strict_json.loads(line)
        record_file.validate(record)
        if (name := record_file.anchor(record)) in seen:
          raise InputError('a record that is there already')
      except json.JSONDecodeError:
        reason = 'not a whole record: was its writer killed?'
        bad.setdefault((path.name, reason), []).append(i)
      except (ValueError, RecursionError) as error:
        bad.setdefault((path.name, str(error)), []).append(i)
      else:
        seen.add(name)
        kind = record_file.kind(record).__name__.lower()
        getattr(found, kind).append(record)
  for (name, reason), (first, *more) in bad.items():
    others = f', and {len(more)} more' if more else ''
    found.skipped.append(f'{name}, line {first}{others}: {reason}')
  return found
