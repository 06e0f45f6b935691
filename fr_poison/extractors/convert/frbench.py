"""Reads FRBench's releases: a PyTorch state dict beside a YAML config.

They come as a .tar.gz of one folder, or as that folder. Of the config's YAML
nothing is allowed but plain values: no tags, no anchors, nothing deep.
"""

import contextlib
import io
import pathlib
import posixpath
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

import numpy as np
import yaml

from fr_poison import files
from fr_poison.data import archives
from fr_poison.extractors.convert import torch_file

MAGIC = b'\x1f\x8b'
_CONFIGS = '.yaml', '.yml'
_WEIGHTS = '.pth', '.pt', '.bin', '.ckpt'
_MAX_CONFIG = 1 << 14  # bytes
_MAX_DEPTH = 8
_MAX_RATIO = 8  # of an archive's contents to its own size; weights give 1


class Config(NamedTuple):
  """What a config says of its network, apart from what its arrays show.

  Attributes:
    backbone: as 'irse-100'.
    size: rows and columns of its pictures.
    mean: of pictures in [0, 1], by channel.
    std: what they are divided by, then.
    channels: 'RGB' or 'BGR'.
    template: (x, y) of five landmarks in its pictures; None is ArcFace's.
  """

  backbone: str
  size: tuple[float, ...]
  mean: tuple[float, ...]
  std: tuple[float, ...]
  channels: str
  template: np.ndarray | None


def read(path: pathlib.Path) -> dict[str, np.ndarray]:
  """Reads the arrays of a release by name, see `torch_file.read`.

  Raises:
    ValueError: no such release, or one that expands too much.
  """
  with _part(path, _WEIGHTS) as file:
    return torch_file.read_file(file)


def read_config(path: pathlib.Path) -> Config:
  """Reads the config of a release.

  Raises:
    ValueError: no such release, or a config that does not say what it should.
  """
  with _part(path, _CONFIGS) as file:
    return parse(file.read(_MAX_CONFIG + 1))


def parse(data: bytes) -> Config:
  """Parses a config; what it leaves out is as in the package.

  Raises:
    ValueError: YAML of other than plain values, or a field that is missing or
      not what it should be, by name.
  """
  tree = _plain(data)
  inputs, name = _dict(tree, 'input'), _dict(tree, 'backbone').get('name')
  if not isinstance(name, str):
    raise ValueError(f'config: backbone.name {name!r} is not a name')
  channels = inputs.get('channel', 'rgb')
  if channels not in ('rgb', 'bgr'):
    raise ValueError(f'config: input.channel {channels!r} is not rgb or bgr')
  half, template = [0.5] * 3, inputs.get('template')
  std = inputs.get('std', half)
  return Config(
    name,
    tuple(_numbers('size', inputs.get('size', [112, 112]), (2,))),
    tuple(_numbers('mean', inputs.get('mean', half), (3,))),
    # Also called so, and never a variance.
    tuple(_numbers('std', inputs.get('var', std), (3,))),
    channels.upper(),
    None if template is None else _numbers('template', template, (5, 2)),
  )


def _plain(data):
  """Reads YAML of plain values; anchors may make it large, tags anything."""
  if len(data) > _MAX_CONFIG:
    raise ValueError(f'config: more than {_MAX_CONFIG} bytes')
  depth = 0
  try:
    for event in yaml.parse(data, yaml.SafeLoader):
      depth += isinstance(event, yaml.CollectionStartEvent)
      depth -= isinstance(event, yaml.CollectionEndEvent)
      if depth > _MAX_DEPTH:
        raise ValueError(f'config: more than {_MAX_DEPTH} levels')
      if getattr(event, 'tag', None) or getattr(event, 'anchor', None):
        raise ValueError('config: tags and anchors are not allowed')
    return yaml.safe_load(data)
  except yaml.YAMLError as error:
    raise ValueError(f'config: damaged YAML ({error})') from error


def _dict(tree, key):
  value = tree.get(key, {}) if isinstance(tree, dict) else None
  if not isinstance(value, dict):
    raise ValueError(f'config: {key} is not a dict of fields')
  return value


def _numbers(name, value, shape):
  """Gives finite numbers of that shape."""
  try:
    array = np.array(value, np.float64)
  except (ValueError, TypeError, OverflowError):
    array = np.array(np.nan)
  if array.shape != shape or not np.isfinite(array).all():
    raise ValueError(f'config: input.{name} is not numbers {list(shape)}')
  return array


@contextlib.contextmanager
def _part(path: pathlib.Path, endings: tuple[str, ...]) -> Iterator[BinaryIO]:
  """Opens the one file of a release whose name has one of these endings."""
  fits = lambda name: name.endswith(endings) and not name.startswith('.')
  with contextlib.ExitStack() as stack:
    if path.is_dir():
      found = [file for file in path.iterdir() if fits(file.name)]
      opened = (files.opened(file, max_bytes=files.LARGE) for file in found[:2])
      parts = [stack.enter_context(file) for file in opened]
    else:
      parts = list(_members(path, fits))
    if len(parts) != 1:
      count = 'more than one' if parts else 'no'
      names = ' or '.join(endings)
      raise ValueError(f'no FRBench release: {count} file {names} in it')
    yield parts[0]


def _members(path, fits):
  for member in archives.members(path, _MAX_RATIO):
    if member.kind == 'file' and fits(posixpath.basename(member.name)):
      yield io.BytesIO(member.read())
