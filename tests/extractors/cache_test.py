import pathlib
import threading

import ml_dtypes
import numpy as np
import pytest
import safetensors.numpy
from extractors import file_server
from flax import linen as nn

from fr_poison import weights
from fr_poison.extractors import NetworkSpec, cache
from fr_poison.types import InputError

VARIABLES = {
  'params': {'dense': {'kernel': np.arange(6.0).reshape(3, 2)}},
  'batch_stats': {'norm': {'mean': np.float32([1, 2])}},
}


@pytest.fixture
def kept(tmp_path, monkeypatch):
  monkeypatch.setenv('FR_POISON_CACHE', str(tmp_path / 'a' / 'cache'))
  return tmp_path / 'a' / 'cache' / 'net.safetensors'


def _write(path, variables=VARIABLES):
  cache.write(path, 'net', variables, source='net.pth', source_sha256='12')


def test_the_folder_is_where_users_expect_it(monkeypatch):
  monkeypatch.delenv('FR_POISON_CACHE', raising=False)
  monkeypatch.delenv('XDG_CACHE_HOME', raising=False)
  monkeypatch.setenv('HOME', '/home/ann')
  name = 'fr_poison/net.safetensors'
  assert cache.path_of('net') == pathlib.Path('/home/ann/.cache') / name
  monkeypatch.setenv('XDG_CACHE_HOME', '/var/cache/ann')
  assert cache.path_of('net') == pathlib.Path('/var/cache/ann') / name
  monkeypatch.setenv('FR_POISON_CACHE', '~/weights')
  assert str(cache.path_of('net')) == '/home/ann/weights/net.safetensors'


def test_what_was_written_is_read_as_float32(kept):
  _write(kept)
  name, variables = cache.read(kept)
  read, written = weights.flatten(variables), weights.flatten(VARIABLES)
  assert name == 'net' and read.keys() == written.keys()
  for key, array in read.items():
    assert array.dtype == np.float32
    np.testing.assert_array_equal(array, written[key])


def test_a_file_says_what_it_is(kept):
  _write(kept)
  with safetensors.safe_open(kept, 'numpy') as file:
    about = file.metadata()
  _, variables = cache.read(kept)
  assert about == {
    'network': 'net',
    'sha256': weights.digest(weights.flatten(variables)),
    'source': 'net.pth',
    'source_sha256': '12',
  }


def test_a_flipped_bit_is_found(kept):
  _write(kept)
  data = bytearray(kept.read_bytes())
  data[-1] ^= 1
  kept.write_bytes(data)
  with pytest.raises(InputError, match=f'{kept}: weight file is damaged .*del'):
    cache.read(kept)


@pytest.mark.parametrize(
  'data',
  [
    b'',
    b'\x80\x02}q\x00.',
    b'<!DOCTYPE html>',
    (10 << 30).to_bytes(8, 'little') + b'{}',  # a header of 10 GiB
    safetensors.numpy.save({'fc.weight': np.ones(2, np.float32)}),
    safetensors.numpy.save({'fc.weight': np.ones(2, ml_dtypes.bfloat16)}),
  ],
  ids=['empty', 'pickle', 'page', 'header', 'foreign', 'bfloat16'],
)
def test_another_file_is_refused_with_the_way_to_convert_it(tmp_path, data):
  path = tmp_path / 'my net.pth'
  path.write_bytes(data)
  with pytest.raises(InputError, match='convert_weights') as error:
    cache.read(path)
  assert str(error.value).startswith(f'{path}: damaged, or not a converted')
  assert f"--source='{path}'" in str(error.value)


def test_every_truncated_file_is_refused(kept):
  _write(kept)
  data = kept.read_bytes()
  for size in range(0, len(data), 7):
    kept.write_bytes(data[:size])
    with pytest.raises(InputError, match=str(kept)):
      cache.read(kept)


@pytest.mark.parametrize('name', ['none.safetensors', '.'])
def test_a_missing_file_is_named(tmp_path, name):
  with pytest.raises(InputError, match=f'{tmp_path / name}: no such file'):
    cache.read(tmp_path / name)


def test_a_folder_that_cannot_be_is_named(tmp_path):
  (tmp_path / 'file').write_text('')
  path = tmp_path / 'file' / 'cache' / 'net.safetensors'
  with pytest.raises(InputError, match='file/cache: Not a directory'):
    _write(path)


def _entry(url, sha256=None):
  return NetworkSpec('net', nn.Module, 32, 2, url=url, sha256=sha256)


def test_two_downloads_at_once_are_one(kept, monkeypatch, capfd):
  with file_server.serving(b'data', monkeypatch) as server:
    both = threading.Barrier(2)

    def fill():
      both.wait()
      cache.fill(_entry(server.url), lambda original: VARIABLES)

    threads = [threading.Thread(target=fill) for _ in range(2)]
    for thread in threads:
      thread.start()
    for thread in threads:
      thread.join()
  assert server.sent == [4]
  assert [path.name for path in kept.parent.iterdir()] == [kept.name]
  assert cache.read(kept)[0] == 'net'
  # sha256sum of 'data'
  assert 'SHA-256 3a6eb0790f39ac87c94f3856b2dd2c5d' in capfd.readouterr().err


def test_the_other_hash_keeps_a_file_out(kept, monkeypatch, capfd):
  with file_server.serving(b'data', monkeypatch) as server:
    with pytest.raises(InputError, match='not the published file'):
      cache.fill(_entry(server.url, '0' * 64), lambda original: VARIABLES)
  assert list(kept.parent.iterdir()) == []


def test_what_cannot_be_converted_is_not_kept(kept, monkeypatch, capfd):
  def convert(original):
    assert original.read_bytes() == b'data'
    raise InputError('not the weights of this network')

  with file_server.serving(b'data', monkeypatch) as server:
    with pytest.raises(InputError, match='not the weights'):
      cache.fill(_entry(server.url), convert)
  assert list(kept.parent.iterdir()) == []


def test_says_how_far_it_is(kept, monkeypatch, capfd):
  monkeypatch.setattr(cache, '_EVERY', 0)
  data = bytes(1_500_000)
  with file_server.serving(data, monkeypatch) as server:
    cache.fill(_entry(server.url), lambda original: VARIABLES)
  lines = capfd.readouterr().err.splitlines()
  assert lines[0].startswith('net: unpinned: nobody has noted the SHA-256')
  assert lines[1] == f'net: downloading {server.url}'
  assert lines[2:4] == ['net: 1 of 2 MB', 'net: 2 of 2 MB']
