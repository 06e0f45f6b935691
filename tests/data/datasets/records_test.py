"""RecordIO, written here after dmlc-core's and MXNet's headers."""

import struct

import pytest

from fr_poison.data.datasets import insightface
from fr_poison.types import InputError

MAGIC = bytes.fromhex('0a23d7ce')


def pack(data, place=0):
  """One part: magic, 3 bits of place and 29 of length, data, filling."""
  word = struct.pack('<I', place << 29 | len(data))
  return MAGIC + word + data + bytes(-len(data) % 4)


def header(*labels):
  """flag, label, id, id2; several labels follow, their number in flag."""
  if len(labels) == 1:
    return struct.pack('<IfQQ', 0, labels[0], 7, 0)
  return struct.pack(f'<IfQQ{len(labels)}f', len(labels), 0, 7, 0, *labels)


def write(folder, parts):
  """train.rec of `parts`, and train.idx with their offsets."""
  lines, offset = '', 0
  for key, part in enumerate(parts):
    lines += f'{key}\t{offset}\n'
    offset += len(part)
  (folder / 'train.rec').write_bytes(b''.join(parts))
  (folder / 'train.idx').write_text(lines)
  return folder / 'train.rec'


def _read(path):
  found = []
  for key, labels, file in insightface.records(path):
    try:
      found.append((key, labels, file.path, file.read()))
    except InputError as error:
      found.append((key, labels, file.path, str(error)))
  return found


def test_one_record_byte_by_byte(tmp_path):
  # MXNet's recordio.pack(IRHeader(0, 3.0, 1, 0), b'abcde'): 24 bytes of header
  # and 5 of data make 29 = 0x1d; 3 of filling. 3.0 is 0x40400000.
  path = tmp_path / 'train.rec'
  path.write_bytes(
    bytes.fromhex(
      '0a23d7ce 1d000000 00000000 00004040 0100000000000000 0000000000000000'
      '6162636465 000000'
    )
  )
  (tmp_path / 'train.idx').write_text('1\t0\n')
  assert _read(path) == [(1, (3.0,), 'train/1', b'abcde')]


def test_several_labels_and_keys(tmp_path):
  path = write(
    tmp_path, [pack(header(3, 5)), pack(header(0) + b'a'), pack(header(1))]
  )
  assert _read(path) == [
    (0, (3.0, 5.0), 'train/0', b''),
    (1, (0.0,), 'train/1', b'a'),
    (2, (1.0,), 'train/2', b''),
  ]


def test_a_record_with_the_magic_number_in_it(tmp_path):
  # It is cut at each, which is left out; the places are first, between, last.
  parts = pack(header(2) + b'1234', 1) + pack(b'5678', 2) + pack(b'9', 3)
  path = write(tmp_path, [parts, pack(header(1) + b'next')])
  data = b'1234' + MAGIC + b'5678' + MAGIC + b'9'
  assert [row[3] for row in _read(path)] == [data, b'next']


def test_the_order_is_that_of_the_index(tmp_path):
  path = write(tmp_path, [pack(header(0) + b'a'), pack(header(1) + b'b')])
  index = path.with_suffix('.idx')
  index.write_text(''.join(index.read_text().splitlines(True)[::-1]))
  assert [row[3] for row in _read(path)] == [b'b', b'a']


GOOD = pack(header(4) + b'good')


@pytest.mark.parametrize(
  'bad',
  [
    b'\0' + GOOD[1:],  # another magic number
    pack(header(4) + b'good', 3),  # the last part of nothing
    pack(header(4) + b'good', 1),  # a first part, then another whole one
    pack(header(4) + b'good', 5),  # no such place
    pack(b'short'),  # no room for the header
    pack(struct.pack('<IfQQ', 1 << 31, 0, 0, 0)),  # nor for so many labels
  ],
)
def test_damage_spoils_one_record(bad, tmp_path):
  path = write(tmp_path, [GOOD, bad, GOOD])
  good = (4.0,), b'good'
  found = _read(path)
  assert [row[1::2] for row in found] == [
    good,
    ((), 'train/1: a damaged record'),
    good,
  ]


def test_truncated(tmp_path):
  path = write(tmp_path, [GOOD, GOOD])
  path.write_bytes(path.read_bytes()[:-6])
  assert _read(path)[1][3] == 'train/1: a damaged record'
  path.write_bytes(GOOD)
  assert _read(path)[1][3] == 'train/1: a damaged record'


@pytest.mark.parametrize('line', ['1', 'a\t0', '1\t-4', '<html>'])
def test_damaged_index(line, tmp_path):
  path = write(tmp_path, [GOOD])
  with open(path.with_suffix('.idx'), 'a') as file:
    file.write(line)
  with pytest.raises(InputError, match='train.idx: line 2 is damaged'):
    _read(path)


@pytest.mark.parametrize('name', ['train.rec', 'train.idx'])
def test_missing(name, tmp_path):
  path = write(tmp_path, [GOOD])
  (tmp_path / name).unlink()
  with pytest.raises(InputError, match=f'{name}: No such file'):
    _read(path)


def test_lines_that_name_the_same_record_again_are_refused(tmp_path):
  """A line of four bytes could read 500 MB, and so could the next."""
  path = write(tmp_path, [pack(header(1) + b'picture')])
  path.with_suffix('.idx').write_text('0\t0\n' * 9)
  with pytest.raises(InputError, match='train.idx: line 3: records overlap'):
    _read(path)


@pytest.mark.parametrize('line', ['1' * 200, '1\t' + '9' * 30, '0\t0 ' * 40])
def test_a_line_is_two_numbers(line, tmp_path):
  path = write(tmp_path, [pack(header(1) + b'picture')])
  path.with_suffix('.idx').write_text(line)
  with pytest.raises(InputError, match='train.idx: line 1 is damaged'):
    _read(path)


@pytest.mark.parametrize(
  'data',
  [
    pack(b'a', place=1) + pack(b'', place=2) * 2000 + pack(b'', place=3),
    pack(header(*[1] * 2000)),
  ],
)
def test_a_record_of_thousands_of_parts_or_labels_is_damaged(data, tmp_path):
  ((_, labels, *_),) = _read(write(tmp_path, [data]))
  assert labels == ()
