"""Keys of what a result was made from: another key, made again."""

import hashlib
import json
import pathlib

import fr_poison

_PACKAGE = pathlib.Path(fr_poison.__file__).parent
# They fetch and keep files, which are known by their own digests.
_FILES = ('extractors/cache.py', 'extractors/download.py')


def of_code(*patterns: str) -> str:
  """SHA-256 of the package's sources that match: other code, other results."""
  left_out = [_PACKAGE / name for name in _FILES]
  sources = [p for names in patterns for p in sorted(_PACKAGE.glob(names))]
  data = b''.join(p.read_bytes() for p in sources if p not in left_out)
  return hashlib.sha256(data).hexdigest()


def of_bytes(data: bytes) -> str:
  """SHA-256 of `data`."""
  return hashlib.sha256(data).hexdigest()


def of(parts: list) -> str:
  """SHA-256 of what JSON can say."""
  return of_bytes(json.dumps(parts, sort_keys=True).encode())
