import hashlib
import socket

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import safetensors.numpy
import toy_network
from extractors import file_server
from flax import linen as nn

from fr_poison import extractors
from fr_poison.extractors import cache, loading
from fr_poison.extractors.convert import state_dict
from fr_poison.types import InputError

IMAGES = np.random.default_rng(0).random((2, 32, 32, 3), np.float32)
# As its authors would publish it, all keys beginning with 'module.'.
PUBLISHED = {
  'module.fc.weight': np.float32([[1, 0, 0], [0, 2, 1]]),
  'module.fc.bias': np.float32([0, 3]),
}
FILE = safetensors.numpy.save(PUBLISHED)


class Tiny(nn.Module):
  remat: bool = False

  @nn.compact
  def __call__(self, images):
    return nn.Dense(2, name='dense')(jnp.mean(images, (1, 2)) / 255)


def _embeddings():
  red, green, blue = IMAGES.mean((1, 2)).T
  return np.stack([red, 2 * green + blue + 3], 1)


@pytest.fixture
def tiny(monkeypatch, tmp_path):
  """Puts 'tiny' into the registry; returns where its weights are kept."""
  monkeypatch.setenv('FR_POISON_CACHE', str(tmp_path / 'cache'))
  entry = extractors.NetworkSpec(
    'tiny',
    Tiny,
    32,
    2,
    pretrained=False,
    url='https://example.org/net.safetensors',
    sha256=hashlib.sha256(FILE).hexdigest(),
    table=state_dict.torch_table(('^dense/', 'fc/')),
    prefixes=('module.',),
  )
  monkeypatch.setitem(loading._SPECS, 'tiny', entry)
  return cache.path_of('tiny')


@pytest.fixture
def offline(monkeypatch):
  """Every attempt to reach another machine ends the test."""

  def refuse(*args, **kwargs):
    pytest.fail('the network was asked for something')

  monkeypatch.setattr(socket, 'socket', refuse)
  monkeypatch.setattr(socket, 'getaddrinfo', refuse)


def _keep(path, arrays=PUBLISHED, name='tiny'):
  params = extractors.from_state_dict('tiny', arrays).params
  cache.write(path, name, params, source='net.pth', source_sha256='12')


def _change_entry(monkeypatch, **fields):
  entry = loading.spec('tiny')._replace(**fields)
  monkeypatch.setitem(loading._SPECS, 'tiny', entry)


@pytest.mark.parametrize('download', [False, True])
def test_what_ships_or_is_kept_needs_no_network(tiny, offline, download):
  _keep(tiny)
  for name in ('mobileface', 'pixels', 'tiny'):
    extractor = extractors.load(name, download=download)
    assert extractor.spec.name == name


def test_the_offline_fixture_notices(tiny, offline):
  with pytest.raises(pytest.fail.Exception):
    extractors.load('tiny', download=True)


def test_says_what_to_do_where_there_are_no_weights(tiny, offline):
  with pytest.raises(InputError) as error:
    extractors.load('tiny')
  assert str(error.value) == (
    f'network: no weights of tiny in {tiny}; '
    '--download fetches https://example.org/net.safetensors, or give your own '
    'FILE: python experiments/convert_weights.py --network=tiny --source=FILE'
  )
  assert not tiny.parent.exists()


@pytest.mark.parametrize('download', [False, True])
def test_names_the_page_that_needs_a_person(
  tiny, offline, monkeypatch, download
):
  _change_entry(monkeypatch, url='https://drive.google.com/file/d/1Bd8')
  with pytest.raises(InputError, match='get FILE from https://drive') as error:
    extractors.load('tiny', download=download)
  assert '--download' not in str(error.value)


def test_says_that_none_are_published(tiny, monkeypatch):
  _change_entry(monkeypatch, url='')
  with pytest.raises(InputError, match='tiny .* none are published; .* checkp'):
    extractors.load('tiny', download=True)


def test_downloads_converts_and_keeps(tiny, monkeypatch):
  with file_server.serving(FILE, monkeypatch) as server:
    _change_entry(monkeypatch, url=server.url)
    first = extractors.load('tiny', download=True)
    again = extractors.load('tiny', download=True)
  assert server.sent == [len(FILE)]
  assert first.sha256 == again.sha256
  assert first.sha256 == extractors.from_state_dict('tiny', PUBLISHED).sha256
  for extractor in (first, again):
    embeddings = extractor.embed_fn(extractor.params, IMAGES)
    np.testing.assert_allclose(embeddings, _embeddings(), rtol=1e-5)


def test_refuses_another_networks_file(tiny, monkeypatch):
  arrays = {'module.fc.weight': PUBLISHED['module.fc.weight']}
  with file_server.serving(safetensors.numpy.save(arrays), monkeypatch) as web:
    _change_entry(monkeypatch, url=web.url, sha256=None)
    with pytest.raises(InputError, match=r'not the weights .*missing: fc\.bia'):
      extractors.load('tiny', download=True)
  assert not tiny.exists()


def test_a_damaged_file_is_not_used(tiny, offline):
  _keep(tiny)
  data = bytearray(tiny.read_bytes())
  data[-3] ^= 16
  tiny.write_bytes(data)
  with pytest.raises(InputError, match=f'{tiny}: weight file is damaged'):
    extractors.load('tiny', download=True)


def test_a_file_under_another_networks_name_is_not_used(tiny):
  _keep(tiny, name='other')
  with pytest.raises(InputError, match=f'{tiny}: weights of other, .* tiny'):
    extractors.load('tiny')


def test_loads_a_converted_file_by_its_path(tiny, tmp_path, monkeypatch):
  _keep(tmp_path / 'mine.safetensors')
  extractor = extractors.load(tmp_path / 'mine.safetensors')
  assert extractor.spec.name == 'tiny'
  embeddings = extractor.embed_fn(extractor.params, IMAGES)
  np.testing.assert_allclose(embeddings, _embeddings(), rtol=1e-5)
  monkeypatch.chdir(tmp_path)
  assert extractors.load('mine.safetensors').sha256 == extractor.sha256
  with pytest.raises(InputError, match='input_size: tiny only takes 32'):
    extractors.load('mine.safetensors', input_size=64)


def test_a_converted_file_of_another_version_is_named(tiny, tmp_path):
  path = tmp_path / 'old.safetensors'
  params = {'params': {'dense': {'kernel': np.ones((3, 2))}}}
  cache.write(path, 'tiny', params, source='', source_sha256='')
  with pytest.raises(InputError, match=f'{path}: .*missing: .*dense/bias'):
    extractors.load(path)


def test_an_original_file_is_not_guessed_at(tiny, tmp_path):
  path = tmp_path / 'net.safetensors'
  path.write_bytes(FILE)
  command = f'convert_weights.py --network=NAME --source={path}'
  with pytest.raises(InputError, match=f'{path}: .*{command}'):
    extractors.load(path)


@pytest.mark.parametrize('name', ['none.pth', 'no/such/run'])
def test_a_missing_path_is_named(name):
  with pytest.raises(InputError, match=f'{name}: no such file'):
    extractors.load(name)


def test_a_cache_that_cannot_be_made_names_the_variable(tmp_path, monkeypatch):
  (tmp_path / 'file').write_bytes(b'')
  monkeypatch.setenv('FR_POISON_CACHE', str(tmp_path / 'file' / 'cache'))
  variables = {'params': {'x': np.zeros(1, np.float32)}}
  about = {'source': 'x', 'source_sha256': 'y'}
  with pytest.raises(InputError, match='cache: .*; set FR_POISON_CACHE to'):
    cache.write(cache.path_of('tiny'), 'tiny', variables, **about)
  with pytest.raises(InputError) as error:  # a place that the user named
    cache.write(tmp_path / 'file' / 'x' / 'y', 'tiny', variables, **about)
  assert 'FR_POISON_CACHE' not in str(error.value)
  # Nobody's home is no error before anything is written.
  monkeypatch.delenv('FR_POISON_CACHE')
  monkeypatch.setenv('HOME', '')
  monkeypatch.delenv('XDG_CACHE_HOME', raising=False)
  assert cache.path_of('tiny').name == 'tiny.safetensors'


def test_all_devices_embed_and_give_the_bytes_of_one(monkeypatch):
  images = toy_network.pictures(np.arange(37) % 3)
  devices, found, at_a_time = jax.local_devices(), [], []

  def progress(starts, total, each):
    at_a_time.append(each)
    return starts

  for number in (4, 1):
    monkeypatch.setattr(jax, 'local_devices', lambda n=number: devices[:n])
    extractor = toy_network.extractor()
    found.append(extractors.embed(extractor, images, progress=progress))
  assert at_a_time == [32, 8]
  np.testing.assert_array_equal(*found)
