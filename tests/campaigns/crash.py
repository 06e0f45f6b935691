r"""Crashes: killed at any moment, a run started again ends with the same bytes.

  PYTHONPATH=tests python tests/campaigns/crash.py --kills=100

Starts each program on little, kills it (SIGKILL) at a random change of its
folder or some time after it, and starts it again, over and over, until it ends
by itself; then compares its folder with one of a run that nothing interrupted.
Prints how many kills each program survived, what it had written last, and what
differs; ends with status 1 if anything does. A short run is a test
(crash_test.py).
"""

import argparse
import collections
import csv
import io
import os
import pathlib
import random
import re
import signal
import sys
import tempfile
import time
import types
from collections.abc import Callable
from typing import NamedTuple

import programs
from campaigns.killed_programs import PROGRAMS

from fr_poison import checkpoints, weights
from fr_poison.types import InputError

_POLL = 0.01  # seconds

# All that differs between any two runs of one config: how long a thing took,
# and what is a sum of that, as the names of records in a study's page are.
_SECONDS = rb'"(wall_|run_)?seconds": ?([\d.e-]+|null)'
_RECORD = _SECONDS + rb'|"checksum":"\w+"'
_NAME = rb'r-[0-9a-f]{10}'
VARIES = {
  'cloaks.json': _RECORD,
  'metrics.jsonl': _SECONDS,
  'records.jsonl': _RECORD,
  'done.json': _SECONDS + rb'|"records.jsonl": "\w+"',
  'report.html': _NAME
  + rb'|\d+ s for the slowest row'
  + rb'|<dt>(wall|run)_seconds</dt><dd>[\d.e-]+</dd>\s*'
  + rb'|(?<=text/csv;charset=utf-8;base64,)[\w+/=]+',  # records.csv again
}


def contents(folder: pathlib.Path) -> dict[str, bytes | str]:
  """All files and folders by name, without what varies."""
  found = {}
  for path in sorted(folder.rglob('*')):
    name = path.relative_to(folder)
    if 'checkpoints' in name.parts[:-2]:
      continue  # within a step, where Orbax draws the names
    if path.parent.name == 'checkpoints':
      found[str(name)] = _step(path)
    elif path.is_dir():
      found[str(name)] = 'a folder'
    else:
      data = path.read_bytes()
      if path.name == 'records.csv':
        data = _rows(data)
      masks = [mask for where, mask in VARIES.items() if name.match(where)]
      found[str(name)] = re.sub(b'|'.join(masks) or b'^$', b'', data)
  return found


def _rows(data):
  """A table's cells but for names and seconds."""
  rows = list(csv.DictReader(io.StringIO(data.decode())))
  for row in rows:
    for name in 'record', 'wall_seconds', 'run_seconds':
      row.pop(name, None)
  return repr(rows).encode()


def _step(path):
  try:
    arrays, description = checkpoints.read(path)
  except InputError as error:
    return str(error)
  return f'{weights.digest(weights.flatten(arrays))} {description}'


def differences(whole: pathlib.Path, folder: pathlib.Path) -> list[str]:
  """What is missing, too much or another in the second folder."""
  expected, found = contents(whole), contents(folder)
  wrong = []
  for name in sorted(expected.keys() | found.keys()):
    if name not in found:
      wrong.append(f'{name}: missing')
    elif name not in expected:
      wrong.append(f'{name}: too much')
    elif found[name] != expected[name]:
      wrong.append(f'{name}: differs')
  return wrong


class Outcome(NamedTuple):
  """What became of one program."""

  places: collections.Counter  # what it had written last, at each kill
  wrong: list[str]  # differences, and runs that failed


def run(
  start: Callable,
  kills: int,
  seed: int,
  root: pathlib.Path,
  env: dict,
  whole: tuple[str, ...] = ('cold', 'warm'),
) -> Outcome:
  """Kills one program `kills` times.

  Args:
    start: one of PROGRAMS.
    kills: how many.
    seed: of the moments.
    root: a folder for its runs.
    env: of `programs.environment`.
    whole: runs that nothing interrupts. The first one compiles; the last one
      shows when a run writes.
  """
  root.mkdir(exist_ok=True)
  rng, places, wrong = random.Random(seed), collections.Counter(), []

  def check(folder, process):
    _, errors = process.communicate()
    if process.returncode:
      wrong.append(f'{folder.name}: {process.returncode}: {errors[-500:]}')
    found = differences(root / whole[0], folder)
    wrong.extend(f'{folder.name}: {x}' for x in found)

  for name in whole:
    process, begin = start(root / name, env), time.monotonic()
    changes = 1
    while _wait_for_change(process, root / name):
      changes += 1
    gap = (time.monotonic() - begin) / changes
    check(root / name, process)
  number = 0
  while places.total() < kills and (number or not wrong):
    number += 1
    folder, process = root / str(number), start(root / str(number), env)
    while places.total() < kills and _kill(process, folder, rng, changes, gap):
      places[_last_written(folder)] += 1
      process = start(folder, env)
    check(folder, process)
    print(f'{places.total()}/{kills} kills', file=sys.stderr)
  return Outcome(places, wrong)


def _kill(process, folder, rng, changes, gap):
  """Whether it came to that: False where it ended before."""
  # Counted in changes, not in seconds: on a busy machine as on another.
  for _ in range(rng.randint(1, changes)):
    _wait_for_change(process, folder)
  time.sleep(rng.choice((0, rng.uniform(0, gap))))
  process.send_signal(signal.SIGKILL)
  if process.wait() != -signal.SIGKILL:
    return False
  process.communicate()
  return True


def _wait_for_change(process, folder):
  """Until something in the folder changes; False if the process ends first."""
  before = _times(folder)
  while process.poll() is None:
    if _times(folder) != before:
      return True
    time.sleep(_POLL)
  return False


def _times(folder):
  found = {}
  for place, _, names in os.walk(folder):
    for name in (*names, '.'):
      try:
        found[place, name] = os.stat(os.path.join(place, name)).st_mtime_ns
      except FileNotFoundError:
        pass  # gone in the meantime
  return found


def _last_written(folder):
  """The newest file without what is random: plainly named folders, suffix."""
  times = {key: t for key, t in _times(folder).items() if key[1] != '.'}
  place, name = max(times, key=times.get, default=('', 'nothing'))
  plain = re.findall(
    '(?<=/)[a-z_]+(?=/)', f'{place}/'.removeprefix(str(folder))
  )
  return '/'.join([*plain, *re.findall(r'\.[a-z]+$|^[a-z]+$', name)])


def main():
  """The programs one after the other, --kills between them."""
  parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
  parser.add_argument('--kills', type=int, default=100)
  parser.add_argument('--seed', type=int, default=0)
  parser.add_argument('--programs', default=','.join(PROGRAMS))
  args = parser.parse_args()
  names, total, is_wrong = args.programs.split(','), 0, False
  with tempfile.TemporaryDirectory() as folder:
    root = pathlib.Path(folder)
    sharing = types.SimpleNamespace(getbasetemp=lambda: root)
    env = programs.environment(sharing)
    for left in range(len(names), 0, -1):
      name, start = names[-left], time.monotonic()
      kills = (args.kills - total) // left
      found = run(PROGRAMS[name], kills, args.seed, root / name, env)
      places = [f'{k} {v}' for k, v in found.places.most_common()]
      print(
        f'{name}: {kills} kills in {time.monotonic() - start:.0f} s, '
        f'{len(found.wrong)} differences; written last: {", ".join(places)}',
        *found.wrong,
        sep='\n  ',
        flush=True,
      )
      total, is_wrong = total + kills, is_wrong or bool(found.wrong)
  print(f'{total} kills')
  sys.exit(is_wrong)


if __name__ == '__main__':
  main()
