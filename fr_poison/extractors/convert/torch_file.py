"""Reads PyTorch's files without torch, and without running what they say.

Three kinds: the zip archives of `torch.save` and of TorchScript (a pickle
beside one raw file per storage), and the format before PyTorch 1.6 (pickles
and storages one after another). What a pickle may say is in `data_pickle`.
"""

import io
import math
import os
import pathlib
import zipfile
from typing import BinaryIO, NamedTuple

import ml_dtypes
import numpy as np

from fr_poison import files
from fr_poison.extractors.convert import data_pickle, limits

_ENTRY = b'PK\x01\x02'  # how an archive's list begins each
LEGACY_MAGIC = b'\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.'
_LEGACY_PROTOCOL = 1001
_DTYPES = {
  'FloatStorage': np.dtype('<f4'),
  'DoubleStorage': np.dtype('<f8'),
  'HalfStorage': np.dtype('<f2'),
  'BFloat16Storage': np.dtype(ml_dtypes.bfloat16),
  'LongStorage': np.dtype('<i8'),
  'IntStorage': np.dtype('<i4'),
  'ShortStorage': np.dtype('<i2'),
  'CharStorage': np.dtype('i1'),
  'ByteStorage': np.dtype('u1'),
  'BoolStorage': np.dtype('?'),
}


class _Storage(NamedTuple):
  key: str
  dtype: np.dtype
  count: int


class _Tensor:
  """A view of a storage, in elements."""

  def __init__(self, storage, offset, shape, strides, *flags):
    del flags  # requires_grad, hooks, metadata
    limits.count('a tensor', (offset,))
    limits.count('a tensor', shape)
    limits.count('the strides of a tensor', strides)
    if not isinstance(storage, _Storage):
      raise ValueError(f'a tensor of {limits.shown(storage)}')
    self.storage, self.offset = storage, offset
    self.shape, self.strides = tuple(shape), tuple(strides)


def read(path: pathlib.Path) -> dict[str, np.ndarray]:
  """Reads the tensors of a `.pth` or `.pt` file by name, as read-only views.

  Args:
    path: a state dict, a checkpoint that holds one as `state_dict` or `model`
      (the rest of it is left out), or a TorchScript module. Other nested dicts
      and lists give dotted names; what is no tensor is left out.

  Returns:
    {'layer1.0.conv1.weight': array}, of the file's own number formats.

  Raises:
    ValueError: of another kind, naming anything but tensors, dicts, lists and
      numbers, or saying that it holds more than it does.
  """
  with files.opened(path, max_bytes=files.LARGE) as file:
    return read_file(file)


def read_file(file: BinaryIO) -> dict[str, np.ndarray]:
  """Reads what is open already as `read` does."""
  is_zip = file.read(2) == b'PK'
  file.seek(0)
  return (_read_zip if is_zip else _read_legacy)(file)


def _read_zip(file):
  if _count(file, _ENTRY) > limits.MOST:  # each takes as much as ten of it
    raise ValueError(f'an archive of more than {limits.MOST} entries')
  archive, size = zipfile.ZipFile(file), file.seek(0, os.SEEK_END)
  names = archive.namelist()
  if len(set(names)) != len(names):
    raise ValueError('an archive with two entries of one name')
  for name in names:
    if name.startswith('/') or '\\' in name or '..' in name.split('/'):
      shown = limits.shown(name)
      raise ValueError(f'archive entry {shown} points outside the archive')
  # Entries may overlap, and so be more than the file even uncompressed.
  if sum(info.compress_size for info in archive.infolist()) > size:
    raise ValueError('an archive that says it holds more than it does')

  def entry(name):
    """Reads an entry; PyTorch compresses none of those that are read here."""
    info = archive.getinfo(folder + name)
    if info.compress_type or info.file_size != info.compress_size:
      raise ValueError(f'archive entry {folder + name!r} is compressed')
    return archive.read(info)

  pickles = [name for name in names if name.endswith('/data.pkl')]
  if len(pickles) != 1:
    raise ValueError('a zip archive, but not of PyTorch (no data.pkl)')
  folder = pickles[0].removesuffix('data.pkl')
  if f'{folder}byteorder' in names and entry('byteorder') != b'little':
    raise ValueError('big-endian storages')
  tree, _ = _unpickle(io.BytesIO(entry('data.pkl')), size)
  return _arrays(tree, lambda key: entry(f'data/{key}'))


def _count(file, mark):
  """Counts how often four bytes are in a file; where it ends, it is after."""
  total, tail = 0, b''
  file.seek(0)
  while data := file.read(1 << 20):
    total += (tail + data).count(mark)
    tail = data[-3:]
  return total


def _read_legacy(file):
  file = io.BytesIO(file.read())  # which reads no more than there is
  size = file.getbuffer().nbytes
  read = lambda: data_pickle.read(file, size=size)
  read()  # the magic number
  protocol, system = read(), read()
  if protocol != _LEGACY_PROTOCOL or system.get('little_endian') is not True:
    raise ValueError('a legacy PyTorch file of an unknown kind')
  tree, storages = _unpickle(file, size)
  parts = {}
  for key in read():
    if type(key) is not str or key in parts:
      raise ValueError(f'{limits.shown(key)} is no storage, or there twice')
    count = int.from_bytes(file.read(8), 'little')
    if count != storages[key].count:
      raise ValueError(f'storage {key} has {count} elements, not as announced')
    parts[key] = file.read(count * storages[key].dtype.itemsize)
  if rest := len(file.read()):
    raise ValueError(f'{rest} bytes left over')
  return _arrays(tree, parts.__getitem__)


def _unpickle(file, size):
  """Reads a pickle, and lists the storages that it names by their key."""
  storages = {}

  def persistent(parts):
    kind, dtype, key, _, count, *view = parts
    if kind != 'storage' or not isinstance(dtype, np.dtype) or any(view):
      raise ValueError(f'{limits.shown(kind)} is not allowed in weights')
    if type(key) is not str or len(key) > limits.MAX_NAME:
      raise ValueError(f'{limits.shown(key)} is no key of a storage')
    limits.count('a storage', (count,))
    storage = _Storage(key, dtype, count)
    # Read for each of its formats, one would be in memory as often.
    if storages.setdefault(key, storage) != storage:
      raise ValueError(f'storage {key} is two')
    return storages[key]

  tree = data_pickle.read(file, _find, persistent, size=size)
  return tree, storages


def _find(module, name):
  if module == 'torch':
    return _DTYPES.get(name)
  if module.split('.')[0] == '__torch__':  # a TorchScript class
    return data_pickle.Holder
  return _FUNCTIONS.get((module, name))


# What PyTorch's own functions of these names make, as far as it matters.
_FUNCTIONS = {
  ('collections', 'OrderedDict'): lambda: {},
  ('torch._utils', '_rebuild_tensor_v2'): _Tensor,
  ('torch._utils', '_rebuild_parameter'): lambda tensor, *flags: tensor,
  **{
    ('torch.jit._pickle', f'build_{kind}list'): lambda items: items
    for kind in ('int', 'double', 'bool', 'tensor')
  },
  ('torch.jit._pickle', 'restore_type_tag'): lambda value, tag: value,
}


def _arrays(tree, load):
  """Gives the tensors below `tree`; `load` reads a storage's bytes."""
  if type(tree) is dict:
    inner = (tree.get(key) for key in ('state_dict', 'model'))
    tree = next((part for part in inner if isinstance(part, dict)), tree)
  arrays, storages = {}, {}
  for name, tensor in data_pickle.leaves(tree, _Tensor):
    key = tensor.storage.key
    if key not in storages:
      storages[key] = load(key)
    arrays[name] = _view(name, tensor, storages[key])
  return arrays


def _view(name, tensor, data):
  (key, dtype, stored), shape = tensor.storage, tensor.shape
  if len(data) != stored * dtype.itemsize:
    raise ValueError(
      f'storage {key} has {len(data)} bytes for {stored} elements of {dtype}'
    )
  steps = zip(shape, tensor.strides, strict=True)
  last = tensor.offset + sum((size - 1) * stride for size, stride in steps)
  count = math.prod(shape)
  if count and (last >= stored or count > stored):
    raise ValueError(f'{name}: {shape} reaches beyond its storage')
  return np.lib.stride_tricks.as_strided(
    np.frombuffer(data, dtype)[tensor.offset :],
    shape,
    [stride * dtype.itemsize for stride in tensor.strides],
    writeable=False,
  )
