r"""Fuzzing: whatever a file holds, its reader gives a result or an InputError.

  pip install atheris
  PYTHONPATH=tests:experiments python tests/campaigns/fuzz.py --target=onnx \
    --seconds=60

Damages the small files of hostile_files.py and reads them, with Atheris where
it is installed: it looks for damage that leads to lines not yet seen. Without
it damage is by chance. No damage makes a file that expands, or whose parts are
each other: a third are built so. Ends at the first file that makes a reader
raise anything else, or more than one line, take long or much memory, or touch
what it should not, and leaves that file as ./crash-*.
"""

import argparse
import hashlib
import pathlib
import random
import sys
import tempfile
import time

from properties import hostile

MAX_SECONDS = 5.0  # of a processor, for one file
_MEGABYTES, _TIMES = 64, 32  # of memory, and of the file's own size


def check(target, data: bytes) -> bool:
  """Whether `data` are a file that the target can read; else it must say so.

  Raises:
    Exception: the reader's own, if it is no InputError.
    AssertionError: it took too long, too much, or what it should not.
  """
  from fr_poison.types import InputError  # only now: see `main`

  with tempfile.TemporaryDirectory() as folder:
    path = pathlib.Path(folder, 'hostile')
    path.write_bytes(data)
    start = time.process_time()
    with hostile.watched(folder, _MEGABYTES + _TIMES * len(data) / 2**20):
      try:
        target.read(path)
        is_read = True
      except InputError as error:
        assert len(str(error).splitlines()) == 1, str(error)
        is_read = False
    assert time.process_time() - start < MAX_SECONDS
  return is_read


def damage(data: bytes, rng: random.Random) -> bytes:
  """Of JSON one value as often as bytes of it."""
  if data[:1] == b'{' and rng.random() < 0.5:
    try:
      return hostile.forge(data, rng)
    except (ValueError, RecursionError):
      pass  # it was damaged before
  return hostile.damage(data, rng)


def _check_or_keep(target, data):
  try:
    return check(target, data)
  except BaseException:
    name = f'crash-{hashlib.sha256(data).hexdigest()[:16]}'
    pathlib.Path(name).write_bytes(data)
    print(f'{name} is left here', flush=True)
    raise


def changed(target, data: bytes, rng: random.Random) -> bytes:
  """That file, damaged, or one that the target's builders make."""
  if target.builders and not rng.randrange(3):
    data = rng.choice(target.builders)(rng)
    return data if rng.randrange(2) else damage(data, rng)
  return damage(data, rng)


def by_chance(target, whole, seconds, seed):
  """Counts the files that were read and refused."""
  rng, counts, end = random.Random(seed), [0, 0], time.monotonic() + seconds
  while time.monotonic() < end:
    data = changed(target, rng.choice(whole), rng)
    counts[_check_or_keep(target, data)] += 1
  print(f'by chance: {counts[1]} files read, {counts[0]} refused')


def guided(atheris, target, whole, seconds, seed):
  """Never comes back: Atheris ends the process."""
  corpus = pathlib.Path(tempfile.mkdtemp())
  for i, data in enumerate(whole):
    (corpus / str(i)).write_bytes(data)
  limits = [f'-max_total_time={seconds}', f'-timeout={int(20 * MAX_SECONDS)}']
  limits += [f'-seed={seed + 1}', '-rss_limit_mb=4096', '-verbosity=0']
  limits += ['-max_len=1048576', '-print_final_stats=1', str(corpus)]

  def mutate(data, max_size, seed):
    if seed % 2:
      return atheris.Mutate(data, max_size)
    return changed(target, data, random.Random(seed))[:max_size]

  atheris.Setup(
    [sys.argv[0], *limits],
    lambda data: _check_or_keep(target, data) and 0,
    custom_mutator=mutate,
  )
  atheris.Fuzz()


def main():
  """Fuzzes one target for a while."""
  parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
  parser.add_argument('--target', required=True)
  parser.add_argument('--seconds', type=int, default=60)
  parser.add_argument('--seed', type=int, default=0)
  args = parser.parse_args()
  try:
    import atheris
  except ImportError:
    from campaigns import hostile_files
  else:
    with atheris.instrument_imports(include=['fr_poison']):
      from campaigns import hostile_files
  if args.target not in hostile_files.TARGETS:
    parser.error(f'--target: one of {", ".join(hostile_files.TARGETS)}')
  target = hostile_files.TARGETS[args.target]
  with tempfile.TemporaryDirectory() as folder:
    path = pathlib.Path(folder, 'whole')
    whole = hostile_files.whole_files(target, path)
  if 'atheris' in sys.modules:
    guided(atheris, target, whole, args.seconds, args.seed)
  by_chance(target, whole, args.seconds, args.seed)


if __name__ == '__main__':
  main()
