"""Reads foreign weight files, whatever their names end with.

The readers of this folder execute nothing, take no more memory than their file
is long, and raise whatever they like: here it becomes one line.
"""

import contextlib
import json
import os
import pathlib
import re

import ml_dtypes
import numpy as np
import safetensors

from fr_poison import files
from fr_poison.extractors.convert import (
  dlib_dat,
  frbench,
  mxnet_params,
  numpy_pickle,
  onnx_file,
  openvino_ir,
  tfjs,
  tflite_file,
  torch_file,
)
from fr_poison.types import InputError

_HEAD = 512  # bytes, enough to know each of them
_NO_FILES = {  # by how they begin, behind white space
  b'(?!%b)<' % openvino_ir.HEAD: (
    'a web page, not the file that was to be downloaded'
  ),
  b'version https://git-lfs': 'a Git LFS pointer, not the file itself',
}
_SAFETENSORS = {
  **{f'F{8 * size}': np.dtype(f'<f{size}') for size in (2, 4, 8)},
  **{f'I{8 * size}': np.dtype(f'<i{size}') for size in (1, 2, 4, 8)},
  'BF16': np.dtype(ml_dtypes.bfloat16),
  'U8': np.dtype('u1'),
  'BOOL': np.dtype('?'),
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
  except InputError:  # about something else than the file
    raise
  except Exception as error:  # Damaged files raise nearly everything.
    file, reason = path, str(error)
    if isinstance(error, OSError):
      file, reason = error.filename or path, error.strerror or reason
    elif not isinstance(error, ValueError):  # which are the readers' own
      reason = f'damaged ({type(error).__name__}: {reason})'
    # The names that a file gives its parts may have several lines.
    line = ' '.join(f'{file}: {reason}'.splitlines())
    raise InputError(line) from error


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
  for begins, read_file in _READERS.values():
    if re.match(begins, head, re.DOTALL):
      return read_file(path)
  raise ValueError(f'not one of {", ".join(_READERS)}')


def _read_safetensors(path):
  data = files.read(path, max_bytes=files.LARGE)
  parts = safetensors.deserialize(data)  # checks all sizes first
  header = data[8 : 8 + int.from_bytes(data[:8], 'little')]
  # The package takes the last of two entries of one name, silently.
  json.loads(header, object_pairs_hook=_without_duplicates)
  arrays = {}
  for name, part in parts:
    if part['dtype'] not in _SAFETENSORS:
      raise ValueError(f'{name}: unknown number format {part["dtype"]}')
    array = np.frombuffer(part['data'], _SAFETENSORS[part['dtype']])
    arrays[name] = array.reshape(part['shape'])
  return arrays


def _without_duplicates(pairs):
  result = dict(pairs)
  if len(result) < len(pairs):
    names = [name for name, _ in pairs]
    twice = next(name for name in names if names.count(name) > 1)
    raise ValueError(f'{twice} appears twice')
  return result


# By format: how a file of it begins, and its reader.
_READERS = {
  'PyTorch, TorchScript': (
    rb'PK\x03\x04|' + re.escape(torch_file.LEGACY_MAGIC),
    torch_file.read,
  ),
  'safetensors': (rb'.{8}\{', _read_safetensors),  # behind the header's length
  'TF.js model.json': (rb'\s*\{', tfjs.read),
  # The version of the format is the first field.
  'ONNX': (rb'\x08[\x00-\x3f].', onnx_file.read),
  'OpenVINO .xml': (openvino_ir.HEAD, openvino_ir.read),
  'TensorFlow Lite': (tflite_file.HEAD, tflite_file.read),
  'MXNet': (re.escape(mxnet_params.MAGIC), mxnet_params.read),
  'NumPy arrays in a pickle': (rb'\x80[\x02-\x05]', numpy_pickle.read),
  'FRBench .tar.gz': (re.escape(frbench.MAGIC), frbench.read),
  'dlib': (rb'.*' + dlib_dat.INPUT, dlib_dat.read),
}
