"""CASIA-WebFace and MS1M: record 0, pictures, then people."""

import struct

import numpy as np
import pytest

from fr_poison.data import datasets, decode
from fr_poison.types import InputError


def _record(labels, data=b''):
  """A record as MXNet packs it: one label in the header, several behind."""
  count = len(labels) if len(labels) > 1 else 0
  data = (
    struct.pack('<IfQQ', count, 0 if count else labels[0], 0, 0)
    + struct.pack(f'<{count}f', *labels[:count])
    + data
  )
  start = b'\x0a\x23\xd7\xce' + struct.pack('<I', len(data))
  return start + data + bytes(-len(data) % 4)


def _jpeg(level):
  return decode.encode_jpeg(np.full([8, 8, 3], level, np.uint8), 100)


@pytest.fixture
def root(tmp_path):
  # 1 to 4 are pictures, of the people 0, 12, 0 and 12; 5 and 6 list people.
  records = [
    _record([5, 7]),
    _record([0], _jpeg(20)),
    _record([12], _jpeg(21)),
    _record([0], _jpeg(22)),
    _record([12], b'<html>'),
    _record([1, 3]),
    _record([3, 5]),
  ]
  offsets = np.cumsum([0, *map(len, records)])
  (tmp_path / 'train.rec').write_bytes(b''.join(records))
  lines = [f'{key}\t{offset}\n' for key, offset in enumerate(offsets[:-1])]
  (tmp_path / 'train.idx').write_text(''.join(lines))
  return tmp_path


@pytest.mark.parametrize(
  'name, expected',
  [
    ('casia_webface', '3 pictures of 490623, 2 people of 10572, 1 files'),
    ('ms1m', '3 pictures of 5822653, 2 people of 85742, 1 files'),
  ],
)
def test_pictures_and_people(name, expected, root):
  found = datasets.prepare(name, root, size=8)
  assert expected in found.report()[0]
  assert found.people == {'0000000': 2, '0000012': 1}
  markup = 'a web page or other markup, not a picture'
  assert found.skipped == (('train/4', markup),)
  faces = found.faces()
  assert faces.paths == ('train/1', 'train/3', 'train/2')
  assert faces.images[:, 0, 0, 0].tolist() == [20, 22, 21]


def test_damage_is_skipped(root):
  data = bytearray((root / 'train.rec').read_bytes())
  data[data.index(_jpeg(21)) - 32] ^= 1  # its magic number
  struct.pack_into('<f', data, data.index(_jpeg(22)) - 20, float('nan'))
  (root / 'train.rec').write_bytes(data)
  found = datasets.prepare('ms1m', root, size=8)
  assert found.skipped[:2] == (
    ('train/2', 'a damaged record'),
    ('train/3', 'label nan'),
  )
  assert found.people == {'0000000': 1, '0000012': 0}


def test_missing(root):
  (root / 'train.idx').unlink()
  with pytest.raises(InputError, match='train.idx: no such'):
    datasets.prepare('ms1m', root)
