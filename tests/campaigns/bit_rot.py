r"""Bit rot: whatever happens to a file, no other result without a word.

  PYTHONPATH=tests python tests/campaigns/bit_rot.py

Damages every file of a checkpoint, shipped, converted and detector weights and
a store of embeddings in turn, then reads them the way the programs do. What
comes back must be what was written, an InputError, or, with a warning, an
older step or a block computed again. Prints the counts; ends with status 1 if
anything else came back. A short run is a test (bit_rot_test.py).
"""

import argparse
import collections
import hashlib
import json
import logging
import os
import pathlib
import random
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from typing import NamedTuple

import jax
import numpy as np
import safetensors.numpy
import toy_network

from fr_poison import extractors, weights
from fr_poison.checkpoints import Checkpoints
from fr_poison.detectors import model
from fr_poison.extractors import cache, registry
from fr_poison.search import store
from fr_poison.types import InputError

SAME, REFUSED, REPLACED = 'same result', 'refused', 'told and replaced'
WRONG, CRASHED = 'SILENTLY WRONG', 'ANOTHER ERROR'


class Target(NamedTuple):
  """Some files and how they are used."""

  write: Callable[[pathlib.Path], None]  # fills a folder
  # Folder -> the result's arrays, and whether something was said.
  read: Callable[[pathlib.Path], tuple[dict, bool]]
  swaps: Callable[[pathlib.Path], list[tuple]]  # files that may change places
  # What an older state may give, if that is said.
  older: dict | None = None


def _state(seed):
  rng = np.random.default_rng(seed)
  return {'kernel': rng.standard_normal((16, 16), np.float32)}


def _write_checkpoint(folder):
  with Checkpoints(folder, description={'network': {}}) as checkpoints:
    for step in (1, 2):
      checkpoints.save(step, _state(step))


def _read_checkpoint(folder):
  heard = []
  handler = logging.Handler()
  handler.emit = heard.append
  logger = logging.getLogger('absl')
  logger.addHandler(handler)
  logger.propagate = False
  try:
    with Checkpoints(folder) as checkpoints:
      return checkpoints.restore(_state(0))[1], bool(heard)
  finally:
    logger.removeHandler(handler)
    logger.propagate = True


def _swap_steps(folder):
  names = [p.relative_to(folder / '2') for p in _files(folder / '2')]
  pairs = [(folder / '1' / n, folder / '2' / n) for n in names]
  return [(a, b) for a, b in pairs if a.exists()]


SHIPPED = {'dense/kernel': (16, 16)}


def _write_shipped(folder):
  manifest = {}
  for seed, name in enumerate(('first', 'second')):
    arrays = {'dense/kernel': _state(seed)['kernel']}
    data = safetensors.numpy.save(arrays)
    (folder / f'{name}.safetensors').write_bytes(data)
    sha256 = hashlib.sha256(data).hexdigest()
    manifest[name] = {'file': f'{name}.safetensors', 'sha256': sha256}
  (folder / 'manifest.json').write_text(json.dumps(manifest))


def _read_shipped(folder):
  return weights.load('first', SHIPPED, folder)[0]['params']['dense'], False


NETWORKS = 'arcface_small', 'facenet_small'


def _write_converted(folder):
  rng = np.random.default_rng(0)
  for name in NETWORKS:
    entry = registry.spec(name)
    size = registry.working_size(entry, None)
    shapes = weights.expected_shapes(entry.module(), size, None)
    variables = {key: rng.random(s, np.float32) for key, s in shapes.items()}
    path = folder / f'{name}.safetensors'
    cache.write(path, name, variables, source='a', source_sha256='1')


def _read_converted(folder):
  os.environ['FR_POISON_CACHE'] = str(folder)
  return weights.flatten(extractors.load(NETWORKS[0]).params), False


def _write_detectors(folder):
  for seed in range(2):
    trained = model.Model(_state(seed), {'kind': 'toy'})
    model.save(folder / f'{seed}.safetensors', trained, key=f'of {seed}')


def _read_detector(folder):
  return model.load(folder / '0.safetensors', key='of 0').params, False


_PICTURES = toy_network.pictures(np.arange(11) % 3)
_EXTRACTOR = toy_network.extractor()


def _blocks(size):
  return (_PICTURES[i : i + size] for i in range(0, len(_PICTURES), size))


def _fill(folder):
  return store.fill(
    folder, _EXTRACTOR, _blocks, len(_PICTURES), batch_size=1, block_size=4
  )


def _read_store(folder):
  found = _fill(folder)
  is_said = bool(found.damaged) or found.num_computed > 0
  return {'embeddings': np.array(found.embeddings)}, is_said


def _files(folder):
  return sorted(p for p in folder.rglob('*') if p.is_file())


def _all_pairs(folder):
  files = _files(folder)
  return [(a, b) for a in files for b in files if a < b]


TARGETS = {
  'checkpoint': Target(
    _write_checkpoint, _read_checkpoint, _swap_steps, _state(1)
  ),
  'shipped weights': Target(_write_shipped, _read_shipped, _all_pairs),
  'converted weights': Target(_write_converted, _read_converted, _all_pairs),
  'detector': Target(_write_detectors, _read_detector, _all_pairs),
  'embedding store': Target(_fill, _read_store, _all_pairs),
}


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
      _files(intact), per_file, random.Random(seed)
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
