"""MegaFace: the lists of the development kit choose the pictures."""

import json

import pytest

from fr_poison.data import datasets
from fr_poison.types import InputError

GALLERY = [
  '400/40043574@N00/3320017216_0.jpg',
  '400/40043574@N00/3320017216_1.jpg',
  '121/12105541@N05/4811548600_1.jpg',
]
PROBES = [
  'Michael_Landes/Michael_Landes_43667.png',
  'Martin_Henderson/Martin_Henderson_40591.png',
]


def _list(root, name, paths):
  path = root / 'devkit' / 'templatelists' / name
  path.parent.mkdir(parents=True, exist_ok=True)
  people = [p.split('/')[0] for p in paths]
  path.write_text(json.dumps({'path': paths, 'id': people}))


@pytest.fixture
def root(tmp_path, draw):
  draw(tmp_path / 'FlickrFinal2', GALLERY)
  draw(tmp_path / 'facescrub_images', PROBES)
  (tmp_path / 'FlickrFinal2' / (GALLERY[0] + '.json')).write_text('{}')
  _list(tmp_path, 'megaface_features_list.json_10_1', GALLERY[:2] + ['1/2.jpg'])
  _list(tmp_path, 'megaface_features_list.json_100_2', GALLERY)
  _list(tmp_path, 'facescrub_features_list.json', PROBES)
  return tmp_path


def _prepare(root, **kwargs):
  return datasets.prepare('megaface', root, size=8, **kwargs)


def test_gallery(root):
  found = _prepare(root, num_distractors=10)
  assert found.report()[0] == (
    'megaface (centre-8): 2 pictures of 10, 1 people, 1 files skipped'
  )
  assert found.people == {'1': 0, '400/40043574@N00': 2}
  assert found.skipped == (('1/2.jpg', 'No such file or directory'),)
  found = _prepare(root, num_distractors=100, set_index=2)
  assert found.faces().paths == (GALLERY[2], GALLERY[0], GALLERY[1])


def test_probes(root):
  found = _prepare(root, part='probes')
  assert ' 2 pictures of 3530, 2 people of 80,' in found.report()[0]
  assert found.names == ('Martin_Henderson', 'Michael_Landes')


@pytest.mark.parametrize(
  'kwargs, message',
  [
    ({'part': 'both'}, "part: 'both' is unknown; known: gallery, probes"),
    ({'num_distractors': 7}, 'json_7_1: no such folder or archive'),
  ],
)
def test_refused(kwargs, message, root):
  with pytest.raises(InputError, match=message):
    _prepare(root, **kwargs)


@pytest.mark.parametrize('path', ['../x.jpg', '/etc/x.jpg', 'a/../../x.jpg'])
def test_a_list_that_leads_elsewhere(path, root):
  _list(root, 'facescrub_features_list.json', [*PROBES, path])
  with pytest.raises(InputError, match='is not <person>/<picture>'):
    _prepare(root, part='probes')


def test_no_list_or_pictures(root):
  path = root / 'devkit' / 'templatelists' / 'facescrub_features_list.json'
  path.write_text('[]')
  with pytest.raises(InputError, match='list.json: not a list of MegaFace'):
    _prepare(root, part='probes')
  (root / 'facescrub_images').rename(root / 'other')
  with pytest.raises(InputError, match='no folder FaceScrub or facescrub_im'):
    _prepare(root, part='probes')
