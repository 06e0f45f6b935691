"""Files that fuzzing found, or reading the readers, and what fuzz.py finds."""

import gzip
import io
import json
import pickle
import random
import struct
import tarfile
import zipfile

import numpy as np
import pytest
import safetensors.numpy
from campaigns import fuzz, hostile_files

from fr_poison import weights
from fr_poison.types import InputError


@pytest.mark.parametrize('name', hostile_files.TARGETS)
def test_whole_files_are_read_and_damaged_ones_or_refused(name, tmp_path):
  target = hostile_files.TARGETS[name]
  whole = hostile_files.whole_files(target, tmp_path / 'whole')
  rng = random.Random(0)
  assert any(fuzz.check(target, data) for data in whole)
  for _ in range(8):
    fuzz.check(target, fuzz.damage(rng.choice(whole), rng))
  for build in target.builders:
    for _ in range(4):
      fuzz.check(target, build(rng))


def _header(kind, size):
  """An archive of zeros that says that 32 MB of them are a header."""
  info = tarfile.TarInfo('a')
  info.type, info.size = kind, size
  head = info.tobuf(tarfile.GNU_FORMAT)
  return gzip.compress(head + bytes(32 << 20), 1)


def _torch(tree):
  buffer = io.BytesIO()
  with zipfile.ZipFile(buffer, 'w') as archive:
    archive.writestr('net/data.pkl', pickle.dumps(tree, 2))
  return buffer.getvalue()


def _nested(depth, key):
  tree = {}
  for _ in range(depth):
    tree = {key: tree}
  return tree


def _laughs(depth):
  """A dict of 2^depth parts, in a few bytes for each depth."""
  tree = {'a': 1}
  for _ in range(depth):
    tree = {'a': tree, 'b': tree}
  return tree


_ITSELF = {}
_ITSELF['a'] = _ITSELF
_TWICE = {'weightsManifest': [{'paths': ['a.bin', './a.bin'], 'weights': []}]}
_NO_PART = {'weightsManifest': [{'paths': ['a\nb'], 'weights': []}]}
_ONE = {'a': np.zeros(1, np.float32)}
_BELOW = _ONE | {'a/b': np.zeros(1, np.float32)}

FOUND = [
  *(
    ('megaface', json.dumps({'path': paths}).encode())
    for paths in (3, None, [3], [['a/b']], ['a/\0'], ['a/\ud800'])
  ),
  ('megaface', b'[' * 100_000),
  # 2 * 10^8 pairs, of which there are none.
  ('lfw', b'10000000 10\n'),
  ('lfw', b'0 0\n'),
  ('lfw', b'-1 -1\nBob\t1\t2\nAnn\t1\tBob\t2\n'),
  *(
    ('archives', _header(kind, 32 << 20))
    for kind in (tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE, tarfile.XGLTYPE)
  ),
  ('archives', _header(tarfile.REGTYPE, -512)),
  # 256 MB in a file of 36 bytes.
  ('record files', bytes.fromhex('0a23d7ce ffffff0f') + bytes(28)),
  ('torch', _torch(_nested(200, 'k' * 20_000))),
  ('tfjs', json.dumps(_TWICE).encode()),
  ('tfjs', json.dumps(_TWICE).replace('a.bin', r'a\nb').encode()),
  ('tfjs', json.dumps(_NO_PART).encode()),
  ('torch', _torch({'a\nb': _ONE})),
  ('pickles', pickle.dumps({'a\nb': None})),
  ('pickles', b'\x80\x05\x96' + struct.pack('<Q', 1 << 28) + b'.'),
  ('pickles', b'\x80\x05Nr' + struct.pack('<I', 1 << 23) + b'.'),
  ('pickles', pickle.dumps(_laughs(40))),
  ('pickles', pickle.dumps(_ITSELF)),
]


@pytest.mark.parametrize('name, data', FOUND)
def test_what_was_found_is_refused(name, data):
  assert not fuzz.check(hostile_files.TARGETS[name], data)


def test_an_array_below_another_is_no_error_of_another_kind():
  about = {'network': 'net', 'sha256': weights.digest(_BELOW)}
  data = safetensors.numpy.save(_BELOW, about)
  fuzz.check(hostile_files.TARGETS['converted'], data)


def _raises(path):
  raise KeyError(path)


def _tells_two_lines(path):
  raise InputError(f'{path}:\nno')


@pytest.mark.parametrize(
  'read, error',
  [
    (_raises, KeyError),
    (_tells_two_lines, AssertionError),
    (lambda path: b'x' * (99 << 20), AssertionError),
    (lambda path: path.parent.with_suffix('.x').touch(), AssertionError),
  ],
)
def test_what_a_reader_must_not_do_is_found(read, error, tmp_path, monkeypatch):
  monkeypatch.setattr(fuzz.tempfile, 'tempdir', str(tmp_path))
  with pytest.raises(error):
    fuzz.check(hostile_files.Target(read, []), b'')


def test_a_slow_reader_is_found(monkeypatch):
  monkeypatch.setattr(fuzz, 'MAX_SECONDS', 0)
  target = hostile_files.Target(lambda path: None, [])
  with pytest.raises(AssertionError):
    fuzz.check(target, b'')


def test_without_atheris_damage_is_by_chance(capsys, monkeypatch, tmp_path):
  monkeypatch.chdir(tmp_path)
  good = hostile_files.Target(lambda path: None, [])
  fuzz.by_chance(good, [b'{"a": 1}'], 0.1, 0)
  assert 'files read, 0 refused' in capsys.readouterr().out
  with pytest.raises(KeyError):
    fuzz.by_chance(hostile_files.Target(_raises, []), [b'whole'], 1, 0)
  (kept,) = tmp_path.glob('crash-*')
  assert kept.read_bytes() != b'whole'


def test_a_third_of_the_files_are_built():
  rng = random.Random(0)
  target = hostile_files.Target(None, [], (lambda rng: b'built',))
  made = [fuzz.changed(target, b'whole', rng) for _ in range(60)]
  assert 3 < made.count(b'built') < 20  # and as many are damaged then
