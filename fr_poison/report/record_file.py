"""Files of result records, all of which reports are made from.

So a table can be traced and redone. For what is in them see `kinds`.
"""

import hashlib
import importlib.metadata
import json
import os
import pathlib
import platform
from collections.abc import Iterable, Iterator

from fr_poison import files, strict_json, types, version
from fr_poison.report import kinds

config_hash = strict_json.digest  # of a config, whatever its keys' order
_PACKAGES = ('jax', 'jaxlib', 'flax', 'optax', 'numpy')


def write(path: str | os.PathLike, records: Iterable[dict]) -> None:
  """Writes one JSON line a record, NumPy scalars as numbers, all or nothing.

  Raises:
    InputError: a record is not valid or cannot be said in strict JSON.
  """
  lines = []
  for i, record in enumerate(records, 1):
    try:
      kinds.validate(record)
      lines.append(strict_json.dumps(strict_json.sealed(record)) + '\n')
    except types.InputError as error:
      raise types.InputError(f'record {i}: {error}') from error
  write_text(path, ''.join(lines))


def scan(path: str | os.PathLike) -> Iterator[tuple[int, dict | Exception]]:
  """Reads the lines of a file of records, which may be in any state.

  Yields:
    The line's number, and its valid record or what is wrong with it. An empty
    file is one line, which is wrong.

  Raises:
    InputError: the file cannot be read.
  """
  data = files.read(path, max_bytes=files.LARGE)
  for i, line in enumerate(data.removesuffix(b'\n').split(b'\n'), 1):
    try:
      record = strict_json.loads(line)
      kinds.validate(record)
    except (ValueError, RecursionError) as error:
      yield i, error
    else:
      yield i, record


def read(path: str | os.PathLike) -> list[dict]:
  """Reads the records of a file that `write` made.

  Raises:
    InputError: the file cannot be read, or naming it and the line that is
      not strict JSON, altered or not a valid record.
  """
  records = []
  for i, found in scan(path):
    if isinstance(found, Exception):
      raise types.InputError(f'{path}, line {i}: {found}') from found
    records.append(found)
  return records


def anchor(record: dict) -> str:
  """Names a record in a page and a file: a short hash of what it says."""
  text = json.dumps(record, sort_keys=True)
  return f'r-{hashlib.sha256(text.encode()).hexdigest()[:10]}'


def environment() -> dict:
  """Returns the record fields `versions` and `device` of this process."""
  import jax

  versions = {name: importlib.metadata.version(name) for name in _PACKAGES}
  versions['python'] = platform.python_version()
  versions['fr_poison'] = version.__version__
  (first, *_), count = jax.devices(), jax.device_count()
  is_cpu = first.platform == 'cpu'
  kind = is_cpu and _cpu_name() or first.device_kind
  device = f'{first.platform} x{count} ({kind}), {os.cpu_count()} cores'
  return {'versions': versions, 'device': device}


def write_text(path: str | os.PathLike, text: str) -> None:
  """Writes a UTF-8 file that is never seen half written.

  Raises:
    InputError: it cannot be written.
  """
  # A name read from JSON may hold a lone surrogate, which UTF-8 cannot say.
  files.write_atomic(path, text.encode(errors='replace'))


def _cpu_name():
  try:
    lines = pathlib.Path('/proc/cpuinfo').read_text().splitlines()
  except OSError:  # not Linux
    return platform.processor()
  names = (x.split(':', 1)[1].strip() for x in lines if 'model name' in x)
  return next(names, platform.processor())
