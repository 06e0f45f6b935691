"""Reads foreign weight files, whatever their names end with."""

import os

import numpy as np

from fr_poison.extractors.convert import (
  guard,
  onnx_file,
  safetensors_file,
  tfjs,
  torch_file,
)
from fr_poison.types import InputError

_HEAD = 512  # bytes, enough to know each of them
_NO_FILES = {
  b'<': 'a web page, not the file that was to be downloaded',
  b'version https://git-lfs': 'a Git LFS pointer, not the file itself',
}
# By format: whether a file begins as that does, and its reader.
_READERS = {
  'PyTorch, TorchScript': (
    lambda head: head.startswith((b'PK\x03\x04', torch_file.LEGACY_MAGIC)),
    torch_file.read,
  ),
  # Behind the header's length.
  'safetensors': (lambda head: head[8:9] == b'{', safetensors_file.read),
  'TF.js model.json': (lambda head: head.lstrip()[:1] == b'{', tfjs.read),
  # The version of the format is the first field.
  'ONNX': (
    lambda head: head[:1] == b'\x08' and head[1:2] < b'\x40' and len(head) > 2,
    onnx_file.read,
  ),
}


def read(path: str | os.PathLike) -> dict[str, np.ndarray]:
  """Reads the arrays of a weight file under its authors' names.

  Args:
    path: of PyTorch, TorchScript, ONNX, safetensors, or a TF.js model.json.

  Returns:
    {name: array}, in the file's own number formats; may be read-only views.

  Raises:
    InputError: not a file, of no known format, or refused by its reader.
  """
  with guard.reading(path), open(path, 'rb') as file:
    head = file.read(_HEAD)
  for start, what in _NO_FILES.items():
    if head.lstrip(b'\xef\xbb\xbf \t\r\n').startswith(start):
      raise InputError(f'{path}: {what}')
  for begins, read_file in _READERS.values():
    if begins(head):
      return read_file(path)
  raise InputError(f'{path}: not one of {", ".join(_READERS)}')
