"""read(path) -> arrays: foreign weight files, by what is in them."""

import os

import numpy as np

from fr_poison.extractors.convert import (
  guard,
  keras_file,
  onnx_file,
  safetensors_file,
  tfjs,
  torch_file,
)
from fr_poison.types import InputError

FORMATS = (
  'PyTorch, TorchScript, ONNX, Keras HDF5, TF.js model.json, safetensors'
)
_HEAD = 512  # bytes, enough to know each of them
_NO_FILES = {
  b'<': 'a web page, not the file that was to be downloaded',
  b'version https://git-lfs': 'a Git LFS pointer, not the file itself',
}


def read(path: str | os.PathLike) -> dict[str, np.ndarray]:
  """The arrays of a weight file under its authors' names.

  Args:
    path: one of `FORMATS`, whatever its name ends with.

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
  return _reader(head, path)(path)


def _reader(head, path):
  if head.startswith((b'PK\x03\x04', torch_file.LEGACY_MAGIC)):
    return torch_file.read
  if head.startswith(b'\x89HDF\r\n\x1a\n'):
    return keras_file.read
  if head[8:9] == b'{':  # after the header's length
    return safetensors_file.read
  if head.lstrip().startswith(b'{'):
    return tfjs.read
  # An ONNX model begins with its field 1, the version of the format.
  if head[:1] == b'\x08' and head[1:2] < b'\x40' and len(head) > 2:
    return onnx_file.read
  raise InputError(f'{path}: not one of {FORMATS}')
