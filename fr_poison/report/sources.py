"""Records of a whole study, from files of any kind and in any state."""

import json
import os
import pathlib
from collections.abc import Sequence
from typing import NamedTuple

from fr_poison import checks, strict_json
from fr_poison.report import detection, exports
from fr_poison.report import grid as grid_lib
from fr_poison.report import records as records_lib
from fr_poison.types import InputError

# What tells two runs apart, the least of it first.
_RUN_FIELDS = ((), ('seed',), ('seed', 'config_hash'))
_RUN_WORDS = {'seed': 'seed', 'config_hash': 'configuration'}
# Trainers behind a detector have no rate where nobody is enrolled, and tell
# their accuracy in other words.
_COMPLETE = {
  'epsilon': None,
  'protection_rate': 0,
  'protection_ci': [0, 1],
  'accuracy': 0,
  'accuracy_ci': [0, 1],
  'num_test_images': 1,
  'dssim': 0,
  'psnr': None,
  'linf': 0,
  'seed': 0,
  'wall_seconds': 0,
  'weights': {},
}
_TRAINERS = ('protection', 'not_enrolled', 'error', 'others_not_enrolled')


class Sources(NamedTuple):
  """Valid records by kind, in the files' order, each once."""

  protection: list[dict]  # see `records`
  detection: list[dict]  # see `detection`
  trainers: list[dict]  # see `detection.trainers_markdown`
  distractors: list[dict]  # see `distractors`
  skipped: list[str]  # what was not used, and why, a sentence each

  def all(self) -> list[dict]:
    """The records of every kind."""
    return [
      *self.protection, *self.distractors, *self.trainers, *self.detection
    ]  # fmt: skip


def read(paths: Sequence[str | os.PathLike]) -> Sources:
  """Reads what can be used; what cannot is told in `skipped`.

  That is a line cut by a killed writer, a record of another schema, and one
  that is there already.

  Args:
    paths: JSON-lines files of evaluate.py, detect.py or distractors.py.

  Raises:
    InputError: a file cannot be read.
  """
  found, seen, bad = Sources([], [], [], [], []), set(), {}
  for path in map(pathlib.Path, paths):
    try:
      lines = path.read_bytes().removesuffix(b'\n').split(b'\n')
    except OSError as error:
      raise InputError(f'{path}: {error.strerror}') from error
    for i, line in enumerate(lines, 1):
      try:
        record = strict_json.loads(line)
        kind = _checked_kind(record)
        if (name := exports.anchor(record)) in seen:
          raise InputError('a record that is there already')
      except json.JSONDecodeError:
        reason = 'not a whole record: was its writer killed?'
        bad.setdefault((path.name, reason), []).append(i)
      except (ValueError, TypeError, KeyError, RecursionError) as error:
        bad.setdefault((path.name, str(error)), []).append(i)
      else:
        seen.add(name)
        getattr(found, kind).append(record)
  for (name, reason), (first, *more) in bad.items():
    told = f', and {len(more)} more' if more else ''
    found.skipped.append(f'{name}, line {first}{told}: {reason}')
  return found


def runs(records: list[dict]) -> dict[str, list[dict]]:
  """Splits records where one table cannot hold them: its title -> records.

  One run has one title, ''. Others are told apart by their seeds, or, where
  that is not enough, by their configurations as well.

  Raises:
    InputError: two records of one run are for the same cell.
  """
  error = None
  for names in _RUN_FIELDS:
    found = {}
    for record in records:
      title = ', '.join(
        f'{_RUN_WORDS[name]} {grid_lib.clean(str(record[name]))}'
        for name in names
      )
      found.setdefault(title, []).append(record)
    try:
      for run in found.values():
        grid_lib.arrange(run)
      return found
    except InputError as collision:
      error = collision
  raise error


def tables(records: list[dict]) -> dict[str, list[dict]]:
  """`runs`, those with several recognizers split into one table for each.

  Raises:
    InputError: as `runs`.
  """
  found = {}
  for title, run in runs(records).items():
    kinds = dict.fromkeys(r['recognizer'] for r in run)
    for kind in kinds:
      words = kind.replace('_', ' ') if len(kinds) > 1 else ''
      name = ', '.join(filter(None, (title, words)))
      found[name] = [r for r in run if r['recognizer'] == kind]
  return found


def _checked_kind(record):
  """The field of `Sources` that a valid record belongs to."""
  if not isinstance(record, dict):
    raise InputError(f'expected an object, got {type(record).__name__}')
  if 'detector' in record:
    detection.validate(record)
    return 'detection'
  if 'not_enrolled_rate' in record:
    for name in (f'{x}_{y}' for x in _TRAINERS for y in ('rate', 'ci')):
      if name not in record:
        raise InputError(f'{name}: missing')
    known = {k: v for k, v in record.items() if v is not None}
    records_lib.validate(_COMPLETE | known)
    return 'trainers'
  records_lib.validate(record)
  if 'num_distractors' not in record:
    return 'protection'
  if not isinstance(record.get('distractors'), str):
    raise InputError('distractors: missing')
  checks.whole('num_distractors', record['num_distractors'], 0)
  return 'distractors'
