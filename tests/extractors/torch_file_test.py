"""PyTorch's files, read without torch: its own, and ones made by hand."""

import pathlib
import random
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest
from properties import expanding

from fr_poison.extractors.convert import reading
from fr_poison.types import InputError

GOLDEN = pathlib.Path(__file__).parents[1] / 'golden' / 'weights'


@pytest.mark.parametrize(
  'name', ['state_dict.pth', 'legacy.pth', 'checkpoint.pth']
)
def test_arrays_are_those_that_torch_saved(golden, name):
  arrays = reading.read(GOLDEN / name)
  expected = golden('weights/state_dict')
  assert list(arrays) == list(expected)
  for key, array in expected.items():
    assert arrays[key].shape == array.shape
    assert str(arrays[key].dtype) == (
      'bfloat16' if key == 'bfloat16' else str(array.dtype)
    )
    np.testing.assert_array_equal(arrays[key].astype(array.dtype), array)


def test_torchscript_modules_are_attributes_and_nothing_else(golden):
  arrays = reading.read(GOLDEN / 'script.pt')
  expected = golden('weights/script')
  assert arrays.keys() == expected.keys()
  for key, array in expected.items():
    assert arrays[key].dtype == array.dtype
    np.testing.assert_array_equal(arrays[key], array)


def test_a_file_that_would_run_a_command_is_refused_and_does_not():
  with pytest.raises(InputError, match='hostile.pth: posix.system is not all'):
    reading.read(GOLDEN / 'hostile.pth')
  assert not pathlib.Path('/tmp/pwned').exists()


# A pickle by hand: `c` is a global, `(`...`t` a tuple, `R` a call, `Q` an id
# of something outside, `}`...`u` a dict, `J` an integer and `X` a string.


def _text(value):
  return b'X' + struct.pack('<I', len(value)) + value.encode()


def _numbers(*values):
  return b'(' + b''.join(b'J' + struct.pack('<i', v) for v in values) + b't'


def _tensor(offset=0, shape=(4,), strides=(1,), count=4):
  storage = b'(' + _text('storage') + b'ctorch\nFloatStorage\n' + _text('0')
  storage += _text('cpu') + b'J' + struct.pack('<i', count) + b'tQ'
  view = (
    b'J' + struct.pack('<i', offset) + _numbers(*shape) + _numbers(*strides)
  )
  return b'ctorch._utils\n_rebuild_tensor_v2\n(' + storage + view + b'\x89}tR'


def _dict(*items):
  pairs = b''.join(_text(key) + value for key, value in items)
  return b'}(' + pairs + b'u'


def _write(tmp_path, pickle, compression=zipfile.ZIP_STORED, entries=()):
  """An archive whose storage 0 is 0, 1, 2, 3."""
  path = tmp_path / 'net.pth'
  with zipfile.ZipFile(path, 'w') as archive:
    archive.writestr('net/data.pkl', b'\x80\x02' + pickle + b'.')
    data = np.arange(4, dtype='<f4').tobytes()
    archive.writestr('net/data/0', data, compression)
    for name, content in entries:
      archive.writestr(name, content)
  return path


def _read(tmp_path, pickle, **kwargs):
  return reading.read(_write(tmp_path, pickle, **kwargs))


def test_views_have_their_offsets_and_strides(tmp_path):
  items = {
    'turned': (_tensor(0, (2, 2), (1, 2)), [[0, 2], [1, 3]]),
    'end': (_tensor(2, (2,), (1,)), [2, 3]),
    'every_other': (_tensor(1, (2,), (2,)), [1, 3]),
    'scalar': (_tensor(3, (), ()), 3),
    'empty': (_tensor(0, (0, 3), (3, 1)), np.zeros((0, 3))),
  }
  pickles = [(name, pickle) for name, (pickle, _) in items.items()]
  arrays = _read(tmp_path, _dict(*pickles))
  assert arrays.keys() == items.keys()
  for name, (_, expected) in items.items():
    np.testing.assert_array_equal(arrays[name], np.float32(expected))


@pytest.mark.parametrize(
  'tensor, message',
  [
    (_tensor(1), 'a: .4,. reaches beyond its storage'),
    (_tensor(0, (2, 2), (3, 1)), 'a: .2, 2. reaches beyond'),
    # One number shown a million times: in memory, it would be that many.
    (_tensor(0, (1000, 1000), (0, 0)), 'a: .1000, 1000. reaches beyond'),
    (_tensor(-1), r'a tensor: \(-1,\), a size that no'),
    (_tensor(0, (4,), (-1,)), r'strides of a tensor: \(-1,\), a size'),
    (_tensor(0, (4,), (1, 1)), 'zip'),
    (_tensor(count=5), 'storage 0 has 16 bytes for 5 elements of float32'),
    (_tensor().replace(_text('0'), _text('1')), 'net/data/1'),
    (_tensor().replace(b'Float', b'Other'), 'torch.OtherStorage is not allow'),
    (b'N', 'no arrays in it'),
  ],
)
def test_tensors_that_are_not_in_the_file_are_refused(
  tmp_path, tensor, message
):
  with pytest.raises(InputError, match=f'net.pth: .*{message}'):
    _read(tmp_path, _dict(('a', tensor)))


def test_nested_parts_have_dotted_names_and_numbers_are_left_out(tmp_path):
  tensors = b'](' + _tensor() + b'}' + _dict(('b', _tensor())) + b'e'
  holder = b'c__torch__.os\nsystem\n)\x81' + _dict(('w', _tensor())) + b'b'
  pickle = _dict(('epoch', b'K\x03'), ('x', tensors), ('module', holder))
  assert list(_read(tmp_path, pickle)) == ['x.0', 'x.2.b', 'module.w']
  for name in ('state_dict', 'model'):
    inner = _dict(('a.b', _tensor()))
    pickle = _dict(('ema', _tensor()), (name, inner))
    assert list(_read(tmp_path, pickle)) == ['a.b']


@pytest.mark.parametrize(
  'pickle, message',
  [
    (_dict(('a', _tensor()), ('a', _tensor())), "key 'a' appears twice"),
    (
      _dict(('a.b', _tensor()), ('a', _dict(('b', _tensor())))),
      'a.b appears twice',
    ),
    (
      b'cbuiltins\neval\n(' + _text('1') + b'tR',
      'builtins.eval is not allowed',
    ),
    (_text('os') + _text('system') + b'\x93', 'os.system is not allowed'),
    (b'(ios\nsystem\n', 'opcode INST is not allowed'),
    (b'\x82\x01', 'opcode EXT1 is not allowed'),
    (b'ctorch._utils\n_rebuild_tensor_v2\n}b', 'objects are not allowed'),
    (b'ccollections\nOrderedDict\n}b', 'objects are not allowed'),
    (b'c__torch__\nA\n}b', 'objects are not allowed'),
    (b'(' + _text('module') + b'NNNNtQ', "'module' is not allowed"),
    (b'K\x01K\x02', 'net.pth'),
    (b'\x85', 'damaged pickle'),
  ],
)
def test_other_pickles_are_refused(tmp_path, pickle, message):
  with pytest.raises(InputError, match=message):
    _read(tmp_path, pickle)


@pytest.mark.parametrize('place', expanding.PLACES)
def test_a_tuple_of_tuples_of_itself_is_neither_hashed_nor_shown(
  place, tmp_path
):
  """It has 2^60 parts, and a message as many words."""
  path = tmp_path / 'net.pth'
  for pickle in (
    expanding.memo_graph(place, 60),
    expanding.deep(place, 20_000),
  ):
    for data in (expanding.in_torch(pickle), pickle):
      path.write_bytes(data)
      with pytest.raises(InputError) as error:
        reading.read(path)
      assert len(str(error.value)) < 1000


_SAME_HASH = b''.join(
  b'\x8a\x20' + (i * (2**61 - 1)).to_bytes(32, 'little') + b'N'
  for i in range(20_000)
)


@pytest.mark.parametrize(
  'pickle, message',
  [
    (b'}(' + _SAME_HASH + b'u', 'is no key of a dict of weights'),
    (b'})Ns', r'\(\) is no key'),
    (b'}' + _text('k' * 1001) + b'Ns', "'kkkk.*kkk' is no key"),
    (b'](' + b'N' * 300_000 + b'e', 'more steps than weights need'),
    (b'](' * 200 + b'e' * 200, 'more than 100 levels'),
    (
      _dict(('a', _tensor()), ('b', _tensor().replace(b'Float', b'Int'))),
      'storage 0 is two',
    ),
    (_dict(('a', _tensor(0, (2**20,) * 40, (0,) * 40))), 'is no shape'),
  ],
)
def test_types_and_sizes_come_before_work(tmp_path, pickle, message):
  with pytest.raises(InputError, match=f'net.pth: .*{message}'):
    _read(tmp_path, pickle)


def test_keys_may_be_numbers(tmp_path):
  pickle = b'}(K\1' + _tensor() + b'G' + struct.pack('>d', 0.5) + b'NNNu'
  assert list(_read(tmp_path, pickle)) == ['1']


def test_no_pickle_takes_more_memory_than_its_file(tmp_path):
  # Python's own unpickler makes room for memo number 2 ** 31 - 1, ...
  bombs = [b'Nr\xff\xff\xff\x7f0', b'T\xff\xff\xff\x7f', b'B\xff\xff\xff\x7f']
  # ... and a dict of one part, 2 ** 100 times, or of itself, has no end.
  doubled = b'(]' + b''.join(
    b'q' + bytes([i, 104, i, 104, i]) + b'\x86' for i in range(100)
  )
  bombs += [doubled + b't', b']q\x00h\x00a']
  for bomb in bombs:
    path = _write(tmp_path, bomb)
    tracemalloc.start()
    try:
      with pytest.raises(InputError):
        reading.read(path)
      assert tracemalloc.get_traced_memory()[1] < 2e6
    finally:
      tracemalloc.stop()


@pytest.mark.parametrize('name', ['../x', '/etc/x', 'net/../../x', '..\\x'])
def test_archives_that_point_outside_are_refused(tmp_path, name):
  with pytest.raises(InputError, match='points outside the archive'):
    _read(tmp_path, _dict(('a', _tensor())), entries=[(name, b'')])


def test_other_archives_are_refused(tmp_path):
  pickle = _dict(('a', _tensor()))
  with pytest.raises(InputError, match="'net/data/0' is compressed"):
    _read(tmp_path, pickle, compression=zipfile.ZIP_DEFLATED)
  with pytest.raises(InputError, match='no data.pkl'):
    _read(tmp_path, pickle, entries=[('other/data.pkl', b'')])
  with pytest.raises(InputError, match='big-endian'):
    _read(tmp_path, pickle, entries=[('net/byteorder', b'big')])
  with pytest.warns(UserWarning, match='Duplicate'):
    path = _write(tmp_path, pickle, entries=[('net/data/0', bytes(16))])
  with pytest.raises(InputError, match='two entries of one name'):
    reading.read(path)


def test_entries_that_overlap_are_refused(tmp_path):
  """Each as long as the file, all the same bytes: the sum has no bound."""
  path = _write(tmp_path, _dict(('a', _tensor())), entries=[('net/b', b'b')])
  data = bytearray(path.read_bytes())
  entry = data.rindex(b'PK\x01\x02')
  data[entry + 20 : entry + 28] = struct.pack('<II', len(data), len(data))
  path.write_bytes(data)
  with pytest.raises(InputError, match='holds more than it does'):
    reading.read(path)


def test_legacy_files_say_their_sizes_twice(tmp_path):
  data = (GOLDEN / 'legacy.pth').read_bytes()
  path = tmp_path / 'net.pth'
  for changed, message in (
    (data + b'\0', '1 bytes left over'),
    (data[:-1], 'has 1 bytes for 2 elements|bytes for'),
    (data.replace(b'M\xe9\x03', b'M\xea\x03'), 'of an unknown kind'),
    (b'\x80\x02N.', 'no arrays in it'),
  ):
    path.write_bytes(changed)
    with pytest.raises(InputError, match=message):
      reading.read(path)


@pytest.mark.parametrize('name', ['state_dict.pth', 'script.pt', 'legacy.pth'])
def test_damage_is_an_input_error_or_changes_nothing(tmp_path, name):
  data, expected = (GOLDEN / name).read_bytes(), reading.read(GOLDEN / name)
  path, rng = tmp_path / name, random.Random(0)
  for i in range(60):
    changed, at = bytearray(data), rng.randrange(len(data))
    if i % 2:
      changed[at] ^= 1 << rng.randrange(8)
    else:
      del changed[at:]
    path.write_bytes(changed)
    try:
      arrays = reading.read(path)
    except InputError as error:
      assert str(error).startswith(str(path))
    else:  # Legacy files have no checksums.
      assert i % 2 and (name == 'legacy.pth' or _equal(arrays, expected))


def _equal(arrays, expected):
  return arrays.keys() == expected.keys() and all(
    arrays[key].tobytes() == expected[key].tobytes() for key in expected
  )
