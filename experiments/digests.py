"""Keys of what a result was made from: another key, made again."""

import hashlib
import json
import pathlib

import fr_poison

_PACKAGE = pathlib.Path(fr_poison.__file__).parent


def of_code(*patterns: str) -> str:
  """SHA-256 of the package's sources that match: other code, other results."""
  sources = [p for names in patterns for p in sorted(_PACKAGE.glob(names))]
  data = b''.join(path.read_bytes() for path in sources)
  return hashlib.sha256(data).hexdigest()


def of_bytes(data: bytes) -> str:
  """SHA-256 of `data`."""
  return hashlib.sha256(data).hexdigest()


def of(parts: list) -> str:
  """SHA-256 of what JSON can say."""
  return of_bytes(json.dumps(parts, sort_keys=True).encode())
