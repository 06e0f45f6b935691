import json

import jax
import numpy as np
import pytest
import toy_network

from fr_poison import extractors
from fr_poison.search import store
from fr_poison.types import InputError

IMAGES = toy_network.pictures(np.arange(11) % 3)
EXTRACTOR = toy_network.extractor()


def _fill(folder, images=IMAGES, extractor=EXTRACTOR, **settings):
  settings = {'count': len(images), 'batch_size': 1, 'block_size': 4} | settings
  return store.fill(folder, extractor, _stream(images), **settings)


def _stream(images):
  return lambda size: (
    images[start : start + size] for start in range(0, len(images), size)
  )


def _files(folder):
  return {p.name: p.read_bytes() for p in folder.glob('*/*')}


def test_embeds_every_picture_once_in_order(tmp_path):
  found = _fill(tmp_path)
  assert (found.num_computed, found.damaged) == (3, ())  # 4, 4 and 3 pictures
  np.testing.assert_array_equal(
    store.read(tmp_path, EXTRACTOR), found.embeddings
  )
  expected = extractors.embed(EXTRACTOR, IMAGES)
  np.testing.assert_allclose(found.embeddings, expected, rtol=1e-5, atol=1e-6)
  before = _files(tmp_path)
  again = _fill(tmp_path)
  assert (again.num_computed, again.damaged) == (0, ())
  assert _files(tmp_path) == before


def test_nobody_else_looks_inside(tmp_path):
  _fill(tmp_path)
  (folder,) = tmp_path.iterdir()
  assert folder.stat().st_mode & 0o777 == 0o700


def test_neither_devices_nor_batches_change_the_bytes(tmp_path, monkeypatch):
  images = toy_network.pictures(np.arange(44) % 3)
  # Eight pictures a device, so that all have some; then four at a time.
  expected = np.array(_fill(tmp_path / 'a', images, block_size=40).embeddings)
  devices = jax.local_devices()
  monkeypatch.setattr(jax, 'local_devices', lambda: devices[:1])
  found = _fill(tmp_path / 'b', images).embeddings
  np.testing.assert_array_equal(found, expected)


def test_a_killed_run_goes_on_and_ends_with_the_same_bytes(tmp_path):
  _fill(tmp_path / 'whole')

  def stream(size):
    for number, images in enumerate(_stream(IMAGES)(size)):
      if number == 2:
        raise KeyboardInterrupt
      yield images

  with pytest.raises(KeyboardInterrupt):
    store.fill(
      tmp_path / 'killed', EXTRACTOR, stream, 11, batch_size=1, block_size=4
    )
  with pytest.raises(InputError, match='no whole store of embeddings'):
    store.read(tmp_path / 'killed', EXTRACTOR)
  assert _fill(tmp_path / 'killed').num_computed == 1
  assert _files(tmp_path / 'killed') == _files(tmp_path / 'whole')


def test_what_a_killed_process_of_several_noted_is_found(tmp_path):
  _fill(tmp_path)
  before = _files(tmp_path)
  (path,) = tmp_path.glob('*/manifest.json')
  manifest = json.loads(path.read_text())
  blocks = manifest['blocks']
  # The first one of them had finished block 0, and knew an old block 1.
  for name, own in (
    ('manifest.json', {'0:4': blocks['0:4'], '4:8': {'pictures': 'old'}}),
    ('manifest-1.json', {'4:8': blocks['4:8']}),
  ):
    path.with_name(name).write_text(json.dumps(manifest | {'blocks': own}))
  assert _fill(tmp_path).num_computed == 1
  assert _files(tmp_path) == before


def test_damage_is_reported_and_mended(tmp_path):
  _fill(tmp_path)
  before = _files(tmp_path)
  (path,) = tmp_path.glob('*/embeddings.f32')
  data = bytearray(path.read_bytes())
  data[len(data) * 5 // 11] ^= 1  # of picture 5, in block 1
  path.write_bytes(data)
  with pytest.raises(InputError, match='block 1 is damaged'):
    store.read(tmp_path, EXTRACTOR)
  found = _fill(tmp_path)
  assert (found.num_computed, found.damaged) == (1, (1,))
  assert _files(tmp_path) == before


def test_other_pictures_and_networks_are_computed_and_others_kept(tmp_path):
  _fill(tmp_path)
  images = IMAGES.copy()
  images[5, 0, 0, 0] ^= 1
  changed = _fill(tmp_path, images)
  assert (changed.num_computed, changed.damaged) == (1, ())
  # One more picture: the last block grows, and no other is touched.
  more = np.concatenate([images, IMAGES[:1]])
  assert _fill(tmp_path, more).num_computed == 1
  found = _fill(tmp_path, more[:8])  # and fewer again
  assert found.num_computed == 0 and found.embeddings.shape == (8, 6)
  other = EXTRACTOR._replace(sha256='another')
  with pytest.raises(InputError, match='no whole store of embeddings'):
    store.read(tmp_path, other)
  assert _fill(tmp_path, more, other).num_computed == 3
  assert _fill(tmp_path, more[:8]).num_computed == 0


def test_a_damaged_manifest_vouches_for_nothing(tmp_path):
  _fill(tmp_path)
  before = _files(tmp_path)
  (path,) = tmp_path.glob('*/manifest.json')
  manifest = json.loads(path.read_text())
  for text in ('', '[]', json.dumps(manifest | {'blocks': [1]})):
    path.write_text(text)
    assert _fill(tmp_path).num_computed == len(manifest['blocks'])
    assert _files(tmp_path) == before


def test_bad_input_is_refused(tmp_path):
  pixels = extractors.load('pixels')
  for message, settings in (
    ('network: pixels', {'extractor': pixels}),
    ('count: 0', {'images': IMAGES[:0]}),
    ('block_size: 0', {'block_size': 0}),
    ('batch_size: 0', {'batch_size': 0}),
  ):
    with pytest.raises(InputError, match=f'^{message}'):
      _fill(tmp_path, **settings)
  assert not list(tmp_path.iterdir())
  for count in (3, 10, 12):
    with pytest.raises(InputError, match=f'^pictures: {count} expected'):
      _fill(tmp_path, count=count)
  (tmp_path / 'file').write_bytes(b'')
  with pytest.raises(InputError, match='file'):
    _fill(tmp_path / 'file')
