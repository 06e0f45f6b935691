"""Whose a picture is by its folders, and PubFig83's."""

import shutil

import pytest

from fr_poison.data import datasets
from fr_poison.types import InputError

PATHS = ['Ann/2019/1.jpg', 'Ann/2020/1.jpg', 'Ann/1.jpg', 'Bob/x/y/1.jpg']


def _people(root, **kwargs):
  return datasets.prepare('folder', root, size=8, **kwargs).people


def test_the_person_is_the_first_folder(tmp_path, draw):
  root = draw(tmp_path / 'x', PATHS)
  assert _people(root) == {'Ann': 3, 'Bob': 1}
  found = datasets.prepare('folder', root, size=8)
  assert found.report()[0] == (
    'folder (centre-8): 4 pictures, 2 people, 0 files skipped'
  )


def test_or_every_folder_with_pictures(tmp_path, draw):
  root = draw(tmp_path / 'x', PATHS)
  assert _people(root)['Ann'] == 3  # what was prepared before does not count
  assert _people(root, person_level='every') == {
    'Ann': 1,
    'Ann/2019': 1,
    'Ann/2020': 1,
    'Bob/x/y': 1,
  }
  with pytest.raises(InputError, match="person_level: 'last' is"):
    _people(root, person_level='last')


def test_loose_pictures_are_one_person(tmp_path, draw):
  root = draw(tmp_path / 'Cat', ['1.jpg', '2.jpg', 'Ann/1.jpg'])
  assert _people(root) == {'Ann': 1, 'Cat': 2}


@pytest.mark.parametrize('base', [None, 'people'])
def test_an_archive_is_its_folder(base, tmp_path, draw):
  """With one folder around all others, as most are made, or without."""
  draw(tmp_path / 'people', [*PATHS, '1.jpg'])
  archive = shutil.make_archive(
    tmp_path / 'x.y', 'gztar', tmp_path if base else tmp_path / 'people', base
  )
  loose = base or 'x'
  assert _people(archive) == {'Ann': 3, 'Bob': 1, loose: 1}


LITTER = [
  '@eaDir/1.jpg',
  'Ann/@eaDir/1.jpg/SYNOFILE_THUMB_M.jpg',
  '__MACOSX/Ann/1.jpg',
  '__MACOSX/Ann/._1.jpg',
  '.thumbnails/1.jpg',
  '#recycle/1.jpg',
  '$RECYCLE.BIN/1.jpg',
  'Ann/Thumbs.db/1.jpg',
]


@pytest.mark.parametrize('level', ['first', 'every'])
@pytest.mark.parametrize('is_archive', [False, True])
def test_litter_is_nobody(level, is_archive, tmp_path, draw):
  root = draw(tmp_path / 'x', ['Ann/1.jpg', '@ann/1.jpg', *LITTER])
  if is_archive:
    root = shutil.make_archive(root, 'tar', root)
  found = datasets.prepare('folder', root, size=8, person_level=level)
  assert found.people == {'Ann': 1, '@ann': 1} and not found.skipped


def test_pubfig83(tmp_path, draw):
  paths = ['pubfig83/Adam Sandler/1.jpg', 'pubfig83/Adam Sandler/2.jpg']
  found = datasets.prepare('pubfig83', draw(tmp_path / 'x', paths), size=8)
  assert found.people == {'Adam Sandler': 2}
  assert ' 1 people of 83,' in found.report()[0]
  assert found.faces().paths == tuple(paths)
