"""Anybody's folders at any depth, and PubFig83's."""

from fr_poison.data import datasets


def test_the_person_is_the_folder(tmp_path, draw):
  paths = ['a/Ann/1.jpg', 'a/1.jpg', 'b/Ann/1.jpg', 'b/Ann/old/1.jpg']
  found = datasets.prepare('folder', draw(tmp_path / 'x', paths), size=8)
  assert found.people == {'a': 1, 'a/Ann': 1, 'b/Ann': 1, 'b/Ann/old': 1}
  assert found.report()[0] == (
    'folder (centre-8): 4 pictures, 4 people, 0 files skipped'
  )


def test_pubfig83(tmp_path, draw):
  paths = ['pubfig83/Adam Sandler/1.jpg', 'pubfig83/Adam Sandler/2.jpg']
  found = datasets.prepare('pubfig83', draw(tmp_path / 'x', paths), size=8)
  assert found.people == {'Adam Sandler': 2}
  assert ' 1 people of 83,' in found.report()[0]
  assert found.faces().paths == tuple(paths)
