"""What reading takes of memory, held to what the readers promise.

In a child process, by the system's count: tracemalloc does not see what a
decompressor, a parser or numpy takes.
"""

import functools
import json
import os
import pickle
import struct
import subprocess
import sys
import tarfile

import numpy as np
import pytest
import safetensors.numpy
import weight_files
from properties import expanding, readers, seeds

from fr_poison.extractors.convert import limits, reading

# Beside `reading.FORMATS`: times the bytes of the file, and `reading.FIXED`.
_PROMISED = {
  'converted': reading.FORMATS['safetensors'].memory,
  'archive': 3,  # the largest picture in it, and what decompresses it
  'records': 3,
  'megaface': 30,
  'facescrub': 30,
  'lfw': 80,  # of at most 4 MB
}
_BIG = 8 << 20
_STEPS = 200_000  # of a pickle


def _big():
  """Two arrays of random numbers, 8 MB."""
  rng = np.random.default_rng(0)
  return {x: rng.random((1, 1024, 1024), np.float32) for x in 'ab'}


def _tfjs(folder):
  (folder / 'a.bin').write_bytes(bytes(_BIG))
  weight = seeds.TFJS['weightsManifest'][0]['weights'][0] | {'shape': [_BIG]}
  group = {'paths': ['a.bin'], 'weights': [weight]}
  return json.dumps({'weightsManifest': [group]}).encode()


def _openvino(folder):
  arrays = {'conv0.weight': np.ones((1024, 1024, 1, 2), np.float32)}
  arrays['conv0.bias'] = np.ones(1024, np.float32)
  text, data = weight_files.openvino(arrays, 'f32')
  (folder / 'file.bin').write_bytes(data)
  return text


def _tflite(folder):
  arrays = {'conv0.weight': np.ones((1024, 1, 1, 2048), np.float32)}
  arrays['conv0.bias'] = np.ones(1024, np.float32)
  return weight_files.tflite(arrays)


def _onnx(folder):
  array = expanding.field(9, bytes(_BIG)) + expanding.field(8, b'a')
  size = b'\x08' + expanding._length(_BIG // 4) + b'\x10\1'
  return expanding.onnx(expanding.field(5, size + array))


def _dlib(folder):
  layer = seeds._string('con_4') + seeds._tensor([0.5] * (_BIG // 4))
  shape = *[1] * 11, _BIG // 4 - 1
  head = seeds.dlib()[: seeds.dlib().index(seeds._string('con_4'))]
  return head + layer + b''.join(map(seeds._integer, shape))


def _frbench(folder):
  config = {'net/config.yaml': seeds.FRBENCH}
  weights = {'net/a.pth': weight_files.torch(_big())}
  return expanding.gzip.compress(seeds.tar(weights | config), 1)


def _archive(folder):
  return seeds.tar({'a/1.jpg': os.urandom(_BIG), 'a/2.jpg': os.urandom(_BIG)})


def _overlapping(folder):
  """A record of 8 MB, which every line of the index names."""
  data = struct.pack('<IfQQ', 0, 0, 0, 0) + bytes(_BIG)
  (folder / 'file.idx').write_bytes(b'0\t0\n' * 10_000)
  return bytes.fromhex('0a23d7ce') + struct.pack('<I', len(data)) + data


_ZERO = '"%x":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}'
_fields = lambda name, text: name + '{' + text + '}'
_list = lambda name, text: name + '[' + text + ']'
_safetensors = lambda text: expanding.safetensors(_fields('', text))
_xml = lambda text: b'<?xml version="1.0"?><net >' + text.encode()

# The reader, its format, and what writes a file that it should read.
GOOD = [
  ('weights', 'PyTorch, TorchScript', lambda _: weight_files.torch(_big())),
  ('weights', 'safetensors', lambda _: safetensors.numpy.save(_big())),
  ('weights', 'TF.js model.json', _tfjs),
  ('weights', 'ONNX', _onnx),
  ('weights', 'OpenVINO .xml', _openvino),
  ('weights', 'TensorFlow Lite', _tflite),
  ('weights', 'MXNet', lambda _: weight_files.mxnet(_big())),
  ('weights', 'NumPy arrays in a pickle', lambda _: pickle.dumps(_big())),
  ('weights', 'FRBench .tar.gz', _frbench),
  ('weights', 'dlib', _dlib),
  ('archive', 'archive', _archive),
  (
    'megaface',
    'megaface',
    lambda _: b'{"path":["a/b"%s]}' % (b',"a/b"' * 10**6),
  ),
  ('facescrub', 'facescrub', lambda _: b'name' + b'\nAnn Lee' * 10**6),
  (
    'lfw',
    'lfw',
    lambda _: b'1 9999\n' + b'a 1 1\n' * 9999 + b'a 1 a 1\n' * 9999,
  ),
]
_pickles = [
  expanding.many(opcodes, _STEPS)
  for opcodes in (b'}', b']\x94', b'\x8a\x08abcdefgh')
]
# Those that a reader may refuse, or read, in as little memory.
HOSTILE = [
  *(
    ('weights', 'PyTorch, TorchScript', lambda _, x=x: expanding.in_torch(x))
    for x in (
      *_pickles,
      b'\x80\4X'
      + struct.pack('<I', 4 << 20)
      + b'a' * ((4 << 20) - 4)
      + '\U0001f600'.encode()
      + b'.',
      expanding.deep('key', 2_000_000),
      expanding.deep('key', 100_000),
      *(expanding.memo_graph(place, 40) for place in expanding.PLACES),
    )
  ),
  (
    'weights',
    'PyTorch, TorchScript',
    lambda _: expanding.entries(limits.MOST // 2),
  ),
  *(
    ('weights', 'NumPy arrays in a pickle', lambda _, x=x: x)
    for x in (_pickles[0], expanding.memo_graph('dtype', 40))
  ),
  *(
    (reader, name, lambda _, x=x: _safetensors(x))
    for reader, name in (('weights', 'safetensors'), ('converted',) * 2)
    for x in (
      expanding.named(15_000, _ZERO),
      _fields('"__metadata__":', expanding.named(80_000, '"%x":""')),
      _list('"a":', expanding.named(300_000, '{}')),
      _list('"a":', expanding.named(1_000_000, '{}')),
    )
  ),
  *(
    ('weights', 'TF.js model.json', lambda _, x=x: x.encode())
    for x in (
      _fields('', _list('"a":', expanding.named(1_000_000, '[]'))),
      _fields('', expanding.named(300_000, '"%x":[]')),
      '{"a":' + '[' * 1_000_000,
    )
  ),
  *(
    ('weights', 'ONNX', lambda _, x=x: expanding.onnx(x))
    for x in (
      b'\x0a\0' * (limits.MOST - 1),
      b'\x0a\0' * 4_000_000,
      expanding.field(1, b'\x0a\0' * 300_000),
      expanding.field(
        5,
        b'\x08'
        + expanding._length(_BIG)
        + b'\x10\7'
        + expanding.field(7, bytes(_BIG)),
      ),
    )
  ),
  *(
    ('weights', 'OpenVINO .xml', lambda _, x=x: _xml(x))
    for x in (
      expanding.named(limits.MOST - 9, '<layer id="%x" type="a"/>', ''),
      '<net ' + expanding.named(200_000, 'a%x=""', ' ') + '>',
      '<a>' * 2_000_000,
    )
  ),
  ('weights', 'MXNet', lambda _: expanding.arrays_of_nothing(limits.MOST)),
  *(
    ('archive', 'archive', lambda _, x=x, kind=kind: x(kind))
    for kind in (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME)
    for x in (functools.partial(expanding.headers, count=8),)
  ),
  *(
    (
      'archive',
      'archive',
      lambda _, x=x: x(seeds.tar({'a/1.jpg': bytes(96 << 20)})),
    )
    for x in (
      expanding.bz2.compress,
      functools.partial(expanding.gzip.compress, compresslevel=1),
    )
  ),
  ('records', 'records', _overlapping),
  ('megaface', 'megaface', lambda _: b'{"path":[""%s]}' % (b',""' * 10**6)),
  ('facescrub', 'facescrub', lambda _: b'name' + b'\n' * 10**6),
  ('lfw', 'lfw', lambda _: b'1 1\n' + b'a\n' * 10**6),
]


def _written(tmp_path, cases):
  """Writes them, and gives what each may take."""
  for i, (reader, name, write) in enumerate(cases):
    place = tmp_path / str(i)
    place.mkdir()
    path = place / ('file.rec' if reader == 'records' else 'file')
    path.write_bytes(write(place))
    size = sum(file.stat().st_size for file in place.iterdir())
    times = (
      reading.FORMATS[name].memory if reader == 'weights' else _PROMISED[name]
    )
    yield reader, path, size, times * size + reading.FIXED


@pytest.fixture(scope='module')
def measured(tmp_path_factory):
  """All of them, read in one process: (path, bytes, allowed, taken, said)."""
  folder = tmp_path_factory.mktemp('files')
  cases = [*_written(folder, GOOD + HOSTILE)]
  result = subprocess.run(
    [sys.executable, readers.__file__],
    input=json.dumps([(reader, str(path)) for reader, path, *_ in cases]),
    env=os.environ | {'PYTHONPATH': os.pathsep.join(sys.path)},
    stdout=subprocess.PIPE,
    text=True,
    check=True,
  )
  found = zip(cases, json.loads(result.stdout), strict=True)
  return [(*case[1:], *measured_and_said) for case, measured_and_said in found]


def test_every_format_is_measured():
  assert {name for _, name, _ in GOOD} >= reading.FORMATS.keys()
  measured = {name for _, name, _ in GOOD + HOSTILE}
  assert measured == reading.FORMATS.keys() | _PROMISED.keys()


def test_good_files_take_what_is_promised(measured):
  for path, size, allowed, taken, said in measured[: len(GOOD)]:
    assert said.startswith('read '), said
    assert taken <= allowed, (path, size, taken, allowed, said)


def test_hostile_files_take_no_more(measured):
  for path, size, allowed, taken, said in measured[len(GOOD) :]:
    assert said.startswith(('read ', str(path.parent))), said
    assert taken <= allowed, (path, size, taken, allowed, said)
