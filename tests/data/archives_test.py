"""Tar archives: of every archiver, and of none."""

import bz2
import gzip
import io
import lzma
import tarfile

import pytest
from properties import seeds

from fr_poison.data import archives
from fr_poison.types import InputError

FILES = {'a/1.jpg': b'one', 'a/2.jpg': b'', 'b/3.jpg': bytes(range(256)) * 3}


def _read(path):
  return {x.name: x.read() for x in archives.members(path, 100)}


def _write(tmp_path, data):
  path = tmp_path / 'x.tar'
  path.write_bytes(data)
  return path


def _header(name, data=b'', kind=tarfile.REGTYPE, size=None, **fields):
  """A member as tarfile writes it, or with another size in its header."""
  info = tarfile.TarInfo(name)
  info.type, info.size = kind, len(data) if size is None else size
  info.pax_headers = fields
  head = info.tobuf(tarfile.PAX_FORMAT)
  return head + data + bytes(-len(data) % 512)


@pytest.mark.parametrize(
  'compress', [bytes, gzip.compress, bz2.compress, lzma.compress]
)
def test_compressed_or_not_in_one_stream_or_two(compress, tmp_path):
  data = seeds.tar(FILES)
  assert _read(_write(tmp_path, compress(data))) == FILES
  two = compress(data[:1000]) + compress(data[1000:])  # as pigz and pbzip2
  assert _read(_write(tmp_path, two)) == FILES
  alone = lzma.compress(data, lzma.FORMAT_ALONE)
  assert _read(_write(tmp_path, alone)) == FILES


@pytest.mark.parametrize(
  'format', [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]
)
def test_long_and_odd_names(format, tmp_path):
  # USTAR cuts at 100 letters, the others have a header for it.
  names = ['d' * 90 + '/' + 'e' * 90, 'é.jpg']
  if format != tarfile.USTAR_FORMAT:
    names.append('f' * 300)
  buffer = io.BytesIO()
  with tarfile.open(fileobj=buffer, mode='w', format=format) as tar:
    for name in names:
      info = tarfile.TarInfo(name)
      info.size = 2
      tar.addfile(info, io.BytesIO(b'ab'))
  found = _read(_write(tmp_path, buffer.getvalue()))
  assert found == dict.fromkeys(names, b'ab')


def test_what_is_neither_a_file_nor_a_folder(tmp_path):
  kinds = {
    tarfile.REGTYPE: 'file',
    tarfile.AREGTYPE: 'file',
    tarfile.DIRTYPE: 'folder',
    tarfile.LNKTYPE: 'other',
    tarfile.SYMTYPE: 'other',
    tarfile.FIFOTYPE: 'other',
    b'V': 'other',
  }
  data = b''.join(_header('a', kind=kind) for kind in kinds)
  # A folder of the oldest archivers, whose size is of nothing; and a file that
  # is a map of its holes.
  data += _header('b/', kind=tarfile.AREGTYPE, size=700)
  data += _header('c', b'12', **{'GNU.sparse.major': '1'}) + _header('d', b'3')
  found = archives.members(_write(tmp_path, data), 100)
  labels = [member.kind for member in found]
  assert labels == [*kinds.values(), 'folder', 'other', 'file']


def test_sizes_beyond_eight_gigabytes_are_numbers(tmp_path):
  data = bytearray(_header('a', b'12'))
  data[124:136] = b'\x80' + (2).to_bytes(11, 'big')
  data[148:156] = b'%06o\0 ' % (sum(data[:148]) + 256 + sum(data[156:512]))
  assert _read(_write(tmp_path, bytes(data))) == {'a': b'12'}


def test_a_later_header_says_the_size(tmp_path):
  fields = b'10 size=2\n'
  data = _header('h', fields, tarfile.XHDTYPE) + _header('a', b'12', size=7)
  assert _read(_write(tmp_path, data + _header('b'))) == {'a': b'12', 'b': b''}


def test_what_nobody_reads_is_passed_over_and_nothing_is_read_twice(tmp_path):
  path = _write(tmp_path, seeds.tar(FILES))
  names = [member.name for member in archives.members(path, 100)]
  assert names == [*FILES]
  found = archives.members(path, 100)
  member = next(found)
  assert member.read() == b'one'
  with pytest.raises(InputError, match='x.tar: damaged'):
    member.read()


_ZEROS = bytes(1 << 21)


@pytest.mark.parametrize(
  'data',
  [
    _header('a', _ZEROS),
    _header('a', _ZEROS, kind=b'V'),
    _header('a', _ZEROS, **{'GNU.sparse.size': '0'}),
    _header('h', b'%d b=%s\n' % (200_009, b'c' * 200_000), tarfile.XHDTYPE)
    * 11,
  ],
)
@pytest.mark.parametrize('compress', [gzip.compress, bz2.compress])
def test_what_comes_out_counts_not_what_is_said(data, compress, tmp_path):
  path = _write(tmp_path, compress(data + _header('b')))
  with pytest.raises(InputError, match='x.tar: .*decompression bomb'):
    for member in archives.members(path, 10):
      assert member.name != 'b'


@pytest.mark.parametrize(
  'data',
  [
    b'',
    b'\1' * 512,
    _header('a', b'12')[:600],
    _header('a', size=5),
    _header('a' * 4097),
    _header('h', b'99999 a=b\n', tarfile.XHDTYPE),
    _header('h', b'0 a=b\n', tarfile.XHDTYPE),
    _header('h', b'ab', tarfile.XHDTYPE),
    _header('h', b'12 size=-10\n', tarfile.XHDTYPE) + _header('a'),
    _header('h', size=1 << 21, kind=tarfile.GNUTYPE_LONGNAME),
    _header('a', b'12').replace(b'00000000002', b'0000000000x'),
    gzip.compress(seeds.tar(FILES))[:150],
    lzma.compress(seeds.tar(FILES))[:150],
  ],
)
def test_damage_is_one_line(data, tmp_path):
  path = _write(tmp_path, data)
  with pytest.raises(InputError) as error:
    _read(path)
  assert str(error.value) == f'{path}: damaged, or no tar archive'
