"""Damaged and forged input, and a watch on what a reader does with it."""

import contextlib
import json
import math
import os
import pathlib
import random
import resource
import sys

from hypothesis import strategies as st

# What lengths, counts and offsets are replaced by.
_NUMBERS = [0, 1, 2**15, *(2**n + x for n in (16, 31, 32, 64) for x in (-1, 0))]

_TEXTS = ['', 'a', 'a\nb', 'é', '\ud800', '../x', '/etc/passwd', '<script>']

# JSON of every kind, NaN and numbers beyond 64 bits too.
VALUES = st.recursive(
  st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.sampled_from([-1, 2**31, 2**64, 10**30, *_TEXTS]),
  ),
  lambda inner: st.one_of(
    st.lists(inner, max_size=3),
    st.dictionaries(st.sampled_from(_TEXTS), inner, max_size=3),
  ),
  max_leaves=5,
)


def damage(data: bytes, rng: random.Random) -> bytes:
  """`data` after one to three accidents."""
  data = bytearray(data)
  for _ in range(rng.randint(1, 3)):
    # Headers, where the lengths are, as often as the rest.
    end = rng.choice([64, len(data)])
    at = rng.randint(0, max(min(end, len(data)) - 1, 0))
    kind = rng.choice(['flip', 'cut', 'number', 'copy', 'insert'])
    if kind == 'flip' and data:
      data[at] ^= 1 << rng.randint(0, 7)
    elif kind == 'cut':
      del data[at : rng.choice([at + 1, at + 8, len(data)])]
    elif kind == 'number':
      size = rng.choice([1, 2, 4, 8])
      number = rng.choice(_NUMBERS) % 256**size
      data[at : at + size] = number.to_bytes(
        size, rng.choice(['little', 'big'])
      )
    elif kind == 'copy':
      data[at:at] = data[at : at + rng.randint(1, 64)]
    else:
      data[at:at] = rng.randbytes(rng.randint(0, 16))
  return bytes(data)


_ODD = [None, True, -1, 0.5, 2**31, 2**64, math.nan, [], {}, [[3]], *_TEXTS]


def forge(data: bytes, rng: random.Random) -> bytes:
  """The same JSON, with an odd value for one of its values."""

  def replaced(value):
    if not isinstance(value, dict | list) or not value or rng.random() < 0.1:
      return rng.choice(_ODD)
    at = rng.choice(
      list(value) if isinstance(value, dict) else [*range(len(value))]
    )
    value[at] = replaced(value[at])
    return value

  return json.dumps(replaced(json.loads(data))).encode()


def damaged(data: bytes) -> st.SearchStrategy[bytes]:
  """What may become of `data`."""
  return st.builds(damage, st.just(data), st.randoms(use_true_random=False))


_WRITES = {
  *('os.remove', 'os.rename', 'os.mkdir', 'os.rmdir', 'os.link', 'os.symlink'),
  *('os.truncate', 'os.chmod', 'shutil.rmtree', 'shutil.move'),
}
_NEVER = {
  *('os.system', 'os.exec', 'os.fork', 'os.posix_spawn', 'subprocess.Popen'),
  *('socket.connect', 'socket.getaddrinfo', 'pickle.find_class'),
}
_watching = None  # (folder, events) of the block that is being watched


def _hook(event, args):
  if _watching is None:
    return
  folder, events = _watching
  if event == 'open':
    path, _, flags = args
    if not flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC):
      return
  elif event in _WRITES:
    path = args[0]
  elif event in _NEVER:
    path = None
  else:
    return
  is_named = isinstance(path, str | bytes | os.PathLike)
  # (The folder itself may be made again.)
  if not is_named or not _real(path).startswith(folder):
    events.append((event, args))


def _real(path):
  return os.path.join(os.path.realpath(os.fsdecode(path)), '')


sys.addaudithook(_hook)  # There is no way to take it away again.


_ABOUT = pathlib.Path('/proc/self')


def _forget_peak():
  """Where the system can; else the peak is of all that ever was."""
  with contextlib.suppress(OSError):
    (_ABOUT / 'clear_refs').write_text('5')


def _peak():
  """The most bytes that this process had in memory, as the system counts."""
  try:
    lines = (_ABOUT / 'status').read_text().splitlines()
    (line,) = (line for line in lines if line.startswith('VmHWM'))
    return 1024 * int(line.split()[1])
  except OSError:
    unit = 1 if sys.platform == 'darwin' else 1024
    return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


@contextlib.contextmanager
def watched(folder, megabytes=64):
  """Refuses commands, connections, files outside `folder`, much memory.

  All of it: tracemalloc does not see what a decompressor or a parser takes.

  What a result itself takes may be appended to the list that is given: a file
  may hold a large picture.
  """
  global _watching
  events, results, dont_write = [], [], sys.dont_write_bytecode
  sys.dont_write_bytecode = True  # of modules imported only now
  _forget_peak()
  before = _peak()
  _watching = os.path.realpath(folder) + os.sep, events
  try:
    yield results
  finally:
    _watching, sys.dont_write_bytecode = None, dont_write
  taken = _peak() - before
  assert not events, events
  assert taken < megabytes * 2**20 + 3 * sum(results), taken
