r"""Bit rot: whatever happens to a file, no other result without a word.

  PYTHONPATH=tests:experiments python tests/campaigns/bit_rot.py

Damages every file of a checkpoint, shipped, converted and detector weights, a
store of embeddings, records, the rows of cloaks, a prepared data set and the
cloaks of an evaluation in turn, then reads them the way the programs do. What
comes back must be what was written, an InputError, or, with a warning, an older
step, or what was made again. Prints the counts; ends with status 1 if anything
else came back. A short run is a test (bit_rot_test.py).
"""

import argparse
import collections
import pathlib
import random
import shutil
import sys
import tempfile
from collections.abc import Iterator

import jax
import numpy as np
from campaigns.rotting_files import TARGETS, Target, files_of

from fr_poison.types import InputError

SAME, REFUSED, REPLACED = 'same result', 'refused', 'noted and replaced'
WRONG, CRASHED = 'SILENTLY WRONG', 'ANOTHER ERROR'


def damages(
  files: list[pathlib.Path], count: int, rng: random.Random
) -> Iterator[tuple[pathlib.Path, bytes, str]]:
  """`count` damages a file: (file, what it holds then, what was done)."""
  for path in files:
    data = path.read_bytes()
    yield path, b'', 'emptied'
    for i in range(count):
      # One in each of as many regions, so that none is spared.
      low, high = i * len(data) // count, (i + 1) * len(data) // count
      at = rng.randrange(low, max(high, low + 1))
      if i % 3 == 2:
        yield path, data[:at], f'truncated at {at}'
      elif data:
        flipped = data[at] ^ 1 << rng.randrange(8)
        changed = data[:at] + bytes([flipped]) + data[at + 1 :]
        yield path, changed, f'flipped at {at}'
    zeros = bytes(min(len(data), 64))
    at = rng.randrange(len(data) - len(zeros) + 1)
    yield path, data[:at] + zeros + data[at + len(zeros) :], f'zeroed at {at}'


def judge(target: Target, folder: pathlib.Path, expected: dict) -> str:
  """What reading the damaged folder comes to."""
  try:
    found, is_said = target.read(folder)
  except InputError:
    return REFUSED
  except Exception as error:  # as a user would see it: a traceback
    return f'{CRASHED} {type(error).__name__}'
  if _equal(found, expected):
    return REPLACED if is_said else SAME
  is_older = target.older is not None and _equal(found, target.older)
  return REPLACED if is_older and is_said else WRONG


def _equal(found, expected):
  return found.keys() == expected.keys() and all(
    np.array_equal(found[key], expected[key]) for key in expected
  )


def run(name: str, per_file: int, seed: int = 0) -> collections.Counter:
  """How often each outcome came of one target; prints the bad ones."""
  target, counts = TARGETS[name], collections.Counter()
  with tempfile.TemporaryDirectory() as root:
    intact, folder = pathlib.Path(root, 'intact'), pathlib.Path(root, 'damaged')
    intact.mkdir()
    target.write(intact)
    shutil.copytree(intact, folder)
    expected, _ = target.read(folder)
    expected = jax.tree.map(np.array, expected)

    def test(files, what):
      shutil.rmtree(folder)
      shutil.copytree(intact, folder)
      for path, data in files.items():
        (folder / path.relative_to(intact)).write_bytes(data)
      outcome = judge(target, folder, expected)
      counts[outcome] += 1
      if outcome.startswith((WRONG, CRASHED)):
        names = [str(path.relative_to(intact)) for path in files]
        print(f'{name}: {outcome}: {", ".join(names)} {what}')

    for path, data, what in damages(
      files_of(intact), per_file, random.Random(seed)
    ):
      test({path: data}, what)
    for a, b in target.swaps(intact):
      test({a: b.read_bytes(), b: a.read_bytes()}, 'swapped')
  return counts


def main():
  """All targets, as many damages a file as --per_file says."""
  parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
  parser.add_argument('--per_file', type=int, default=30)
  parser.add_argument('--seed', type=int, default=0)
  args = parser.parse_args()
  total = collections.Counter()
  for name in TARGETS:
    counts = run(name, args.per_file, args.seed)
    print(f'{name}: {dict(counts)}', flush=True)
    total += counts
  print(f'{sum(total.values())} damages: {dict(total)}')
  sys.exit(any(k.startswith((WRONG, CRASHED)) for k in total))


if __name__ == '__main__':
  main()
