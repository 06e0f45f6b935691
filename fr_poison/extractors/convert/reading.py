"""Reads foreign weight files, whatever their names end with.

The readers of this folder execute nothing, take no more memory than the table
below says, and raise whatever they like: here it becomes one line.
"""

import contextlib
import os
import pathlib
import re
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from fr_poison import files
from fr_poison.extractors.convert import (
  dlib_dat,
  frbench,
  mxnet_params,
  numpy_pickle,
  onnx_file,
  openvino_ir,
  safetensors_file,
  tfjs,
  tflite_file,
  torch_file,
)
from fr_poison.types import InputError

FIXED = 64 << 20  # bytes; what a tiny file may take
_HEAD = 512  # bytes, enough to know each of them
_NO_FILES = {  # by how they begin, behind white space
  b'(?!%b)<' % openvino_ir.HEAD: (
    'a web page, not the file that was to be downloaded'
  ),
  b'version https://git-lfs': 'a Git LFS pointer, not the file itself',
}


def read(path: str | os.PathLike) -> dict[str, np.ndarray]:
  """Reads the arrays of a weight file under its authors' names.

  Args:
    path: of PyTorch, TorchScript, ONNX, safetensors, a TF.js model.json, an
      OpenVINO model's .xml, TensorFlow Lite, MXNet, a pickle of NumPy arrays,
      a network of dlib's, or an FRBench release's .tar.gz or folder.

  Returns:
    {name: array}, in the file's own number formats; may be read-only views.

  Raises:
    InputError: not a file, of no known format, damaged, or saying something
      else than numbers; with the file's name, in one line.
  """
  path = pathlib.Path(path)
  with _one_line(path):
    arrays = _read(path)
  if not arrays:
    raise InputError(f'{path}: no arrays in it')
  return arrays


def read_config(path: str | os.PathLike) -> frbench.Config | None:
  """Reads what an FRBench release says of its network; None of other files.

  Raises as `read`.
  """
  path = pathlib.Path(path)
  with _one_line(path):
    is_release = path.is_dir() or _head(path).startswith(frbench.MAGIC)
    return frbench.read_config(path) if is_release else None


@contextlib.contextmanager
def _one_line(path):
  try:
    yield
  except Exception as error:  # Damaged files raise nearly everything.
    reason = str(error)
    if isinstance(error, InputError):  # which names a file
      line = reason
    elif isinstance(error, OSError):
      line = f'{error.filename or path}: {error.strerror or reason}'
    elif isinstance(error, ValueError):  # which are the readers' own
      line = f'{path}: {reason}'
    else:
      line = f'{path}: damaged ({type(error).__name__}: {reason})'
    # The names that a file gives its parts may have several lines.
    raise InputError(' '.join(line.splitlines())) from error


def _head(path):
  with files.opened(path, max_bytes=files.LARGE) as file:
    return file.read(_HEAD)


def _read(path):
  if path.is_dir():
    return frbench.read(path)
  head = _head(path)
  for start, what in _NO_FILES.items():
    if re.match(rb'[\xef\xbb\xbf\s]*' + start, head):
      raise ValueError(what)
  for kind in FORMATS.values():
    if re.match(kind.begins, head, re.DOTALL):
      return kind.read(path)
  raise ValueError(f'not one of {", ".join(FORMATS)}')


class Format(NamedTuple):
  """A format.

  Attributes:
    begins: pattern of how a file of it begins.
    read: its reader.
    memory: what reading takes at most, whatever the file says: so many times
      the bytes of the file and of those beside it, and `FIXED`.
  """

  begins: bytes
  read: Callable[[pathlib.Path], dict[str, np.ndarray]]
  memory: int


FORMATS = {
  'PyTorch, TorchScript': Format(
    rb'PK\x03\x04|' + re.escape(torch_file.LEGACY_MAGIC), torch_file.read, 8
  ),
  'safetensors': Format(  # behind the header's length
    rb'.{8}\{', lambda path: safetensors_file.read(path)[0], 2
  ),
  # Bytes become 32-bit floats, by way of 64-bit ones; lists of JSON are many
  # times their text.
  'TF.js model.json': Format(rb'\s*\{', tfjs.read, 30),
  # The version of the format is the first field.
  'ONNX': Format(rb'\x08[\x00-\x3f].', onnx_file.read, 10),
  'OpenVINO .xml': Format(openvino_ir.HEAD, openvino_ir.read, 30),
  'TensorFlow Lite': Format(tflite_file.HEAD, tflite_file.read, 3),
  'MXNet': Format(re.escape(mxnet_params.MAGIC), mxnet_params.read, 3),
  'NumPy arrays in a pickle': Format(rb'\x80[\x02-\x05]', numpy_pickle.read, 8),
  # Eight times as much may come out, of a PyTorch file.
  'FRBench .tar.gz': Format(re.escape(frbench.MAGIC), frbench.read, 64),
  'dlib': Format(rb'.*' + dlib_dat.INPUT, dlib_dat.read, 4),
}
