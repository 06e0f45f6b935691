"""Reads PyTorch's files without torch, and without running what they say.

Three kinds: the zip archives of `torch.save` and of TorchScript (a pickle
beside one raw file per storage), and the format before PyTorch 1.6 (pickles
and storages one after another). What a pickle may say is in `data_pickle`.
"""

import io
import math
import os
import zipfile
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import ml_dtypes
import numpy as np

from fr_poison.extractors.convert import data_pickle, guard

LEGACY_MAGIC = b'\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.'
_LEGACY_PROTOCOL = 1001
_MAX_NAME = 10_000
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


class _Tensor(NamedTuple):
  """A view of a storage, in elements."""

  storage: _Storage
  offset: int
  shape: tuple[int, ...]
  strides: tuple[int, ...]


def read(path: str | os.PathLike) -> dict[str, np.ndarray]:
  """Reads the tensors of a `.pth` or `.pt` file by name, as read-only views.

  Args:
    path: a state dict, a checkpoint that holds one as `state_dict` or `model`
      (the rest of it is left out), or a TorchScript module. Other nested dicts
      and lists give dotted names; what is no tensor is left out. A dict that
      is there twice gives its first names.

  Returns:
    {'layer1.0.conv1.weight': array}, of the file's own number formats.

  Raises:
    InputError: damaged, of another kind, naming anything but tensors, dicts,
      lists and numbers, or saying that it holds more than it does.
  """
  with guard.reading(path), open(path, 'rb') as file:
    is_zip = file.read(2) == b'PK'
    file.seek(0)
    return (_read_zip if is_zip else _read_legacy)(file)


def _read_zip(file):
  archive, size = zipfile.ZipFile(file), file.seek(0, os.SEEK_END)
  names = archive.namelist()
  if len(set(names)) != len(names):
    raise ValueError('an archive with two entries of one name')
  for name in names:
    if name.startswith('/') or '\\' in name or '..' in name.split('/'):
      raise ValueError(f'archive entry {name!r} points outside the archive')
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
  tree, _ = _unpickle(io.BytesIO(entry('data.pkl')))
  return _arrays(tree, lambda key: entry(f'data/{key}'))


def _read_legacy(file):
  data = file.read()
  if not data.startswith(LEGACY_MAGIC):
    raise ValueError('not a PyTorch file')
  file = io.BytesIO(data)
  data_pickle.read(file)  # the magic number
  protocol, system = data_pickle.read(file), data_pickle.read(file)
  if protocol != _LEGACY_PROTOCOL or system.get('little_endian') is not True:
    raise ValueError('a legacy PyTorch file of an unknown kind')
  tree, storages = _unpickle(file)
  parts = {}
  for key in data_pickle.read(file):
    count = int.from_bytes(file.read(8), 'little')
    if count != storages[key].count:
      raise ValueError(f'storage {key} has {count} elements, not as announced')
    parts[key] = file.read(count * storages[key].dtype.itemsize)
  if rest := len(data) - file.tell():
    raise ValueError(f'{rest} bytes left over')
  return _arrays(tree, parts.__getitem__)


def _unpickle(file):
  """Reads a pickle, and lists the storages that it names by their key."""
  storages = {}

  def persistent(parts):
    kind, dtype, key, _, count, *view = parts
    if kind != 'storage' or not isinstance(dtype, np.dtype) or any(view):
      raise ValueError(f'{kind!r} is not allowed in weights')
    storages[key] = _Storage(key, dtype, count)
    return storages[key]

  return data_pickle.read(file, _find, persistent), storages


def _find(module, name):
  if module == 'torch':
    return _DTYPES.get(name)
  if module.split('.')[0] == '__torch__':  # a TorchScript class
    return data_pickle.Holder
  return _FUNCTIONS.get((module, name))


def _rebuild_tensor(storage, offset, shape, strides, *flags):
  del flags  # requires_grad, hooks, metadata
  numbers = (offset, *shape, *strides)
  if not all(type(n) is int and n >= 0 for n in numbers):
    raise ValueError(f'a tensor at {offset} with {shape} and {strides}')
  return _Tensor(storage, offset, tuple(shape), tuple(strides))


# What PyTorch's own functions of these names make, as far as it matters.
_FUNCTIONS = {
  ('collections', 'OrderedDict'): lambda: {},
  ('torch._utils', '_rebuild_tensor_v2'): _rebuild_tensor,
  ('torch._utils', '_rebuild_parameter'): lambda tensor, *flags: tensor,
  **{
    ('torch.jit._pickle', f'build_{kind}list'): lambda items: items
    for kind in ('int', 'double', 'bool', 'tensor')
  },
  ('torch.jit._pickle', 'restore_type_tag'): lambda value, tag: value,
}


def _arrays(tree: Any, load: Callable[[str], bytes]) -> dict[str, np.ndarray]:
  """Gives the tensors below `tree`; `load` reads a storage's bytes."""
  if type(tree) is dict:
    inner = (tree.get(key) for key in ('state_dict', 'model'))
    tree = next((part for part in inner if isinstance(part, dict)), tree)
  arrays, storages = {}, {}
  for name, tensor in _tensors(tree, '', set()):
    if name in arrays:
      raise ValueError(f'{name} appears twice')
    storage = tensor.storage
    if storage not in storages:
      storages[storage] = load(storage.key)
    arrays[name] = _view(name, tensor, storages[storage])
  if not arrays:
    raise ValueError('no tensors in it')
  return arrays


def _tensors(tree, name, seen) -> Iterator[tuple[str, _Tensor]]:
  if len(name) > _MAX_NAME:  # a long key, again at every depth
    raise ValueError(f'{name[:40]!r}...: a name of {len(name)} letters')
  if isinstance(tree, _Tensor):
    yield name, tree
  elif isinstance(tree, dict | list | tuple) and id(tree) not in seen:
    seen.add(id(tree))  # It may contain itself, or one part everywhere.
    items = tree.items() if isinstance(tree, dict) else enumerate(tree)
    for key, value in items:
      yield from _tensors(value, f'{name}.{key}' if name else str(key), seen)


def _view(name, tensor, data):
  storage, offset, shape, strides = tensor
  itemsize = storage.dtype.itemsize
  if len(data) != storage.count * itemsize:
    raise ValueError(
      f'storage {storage.key} has {len(data)} bytes for {storage.count} '
      f'elements of {storage.dtype}'
    )
  steps = zip(shape, strides, strict=True)
  last = offset + sum((size - 1) * stride for size, stride in steps)
  count = math.prod(shape)
  if count and (last >= storage.count or count > storage.count):
    raise ValueError(f'{name}: {shape} reaches beyond its storage')
  return np.lib.stride_tricks.as_strided(
    np.frombuffer(data, storage.dtype)[offset:],
    shape,
    [stride * itemsize for stride in strides],
    writeable=False,
  )
