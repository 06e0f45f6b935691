"""Standards: frozen lists of people, and the files that they name."""

import collections
import hashlib

import numpy as np
import pytest

from fr_poison import keys
from fr_poison.data import datasets, decode, standard
from fr_poison.types import InputError

NAME = 'fr_poison-lfw-1'


@pytest.fixture(scope='module')
def frozen():
  return standard.load(NAME)


def _people(frozen, role):
  names = [name for own, name, _ in frozen.pictures if own == role]
  return collections.Counter(name.rpartition('_')[0] for name in names)


def test_people_and_pictures_are_as_many_as_the_list_says(frozen):
  counts = {role: _people(frozen, role) for role in standard.ROLES}
  assert {role: len(people) for role, people in counts.items()} == {
    'test': 40,
    'tuning': 22,
    'public': 361,
    'stranger': 5326,
  }
  assert {role: set(people.values()) for role, people in counts.items()} == {
    'test': {10},
    'tuning': {10},
    'public': {5},
    'stranger': {1},
  }
  assert len(set().union(*counts.values())) == 5749  # all of LFW, each once
  names = [name for _, name, _ in frozen.pictures]
  assert len(set(names)) == len(names)


def test_the_draw_is_by_name_alone(frozen):
  place = lambda name: keys.of([NAME, name])
  for roles in (('test', 'tuning'), ('public',), ('stranger',)):
    people = [name for role in roles for name in _people(frozen, role)]
    assert people == sorted(people, key=place)
  by_person = collections.defaultdict(list)
  for _, name, _ in frozen.pictures:
    by_person[name.rpartition('_')[0]].append(name)
  for names in by_person.values():
    assert names == sorted(names, key=place)


def test_the_list_never_changes(frozen):
  """Numbers of one list are never put beside those of another one."""
  assert frozen.digest[:16] == '927ada0591b5cbb6'


def _small(tmp_path, monkeypatch, pictures):
  """LFW in little, and a list of it: name -> role."""
  rows = []
  for i, (name, role) in enumerate(pictures.items()):
    folder = tmp_path / 'lfw' / name.rpartition('_')[0]
    folder.mkdir(parents=True, exist_ok=True)
    data = decode.encode_png(np.full((20, 20, 3), 10 * i, np.uint8))
    (folder / name).write_bytes(data)
    rows.append((role, name, hashlib.sha256(data).hexdigest()[:16]))
  monkeypatch.setenv('TFDS_DATA_DIR', str(tmp_path / 'tfds'))
  return standard.Standard('mine', 'lfw', 'digest', rows)


def _prepared(tmp_path):
  return datasets.prepare('lfw', tmp_path / 'lfw', size=20)


PICTURES = {
  'Cid_0001.jpg': 'test',
  'Ann_0002.jpg': 'test',
  'Cid_0003.jpg': 'test',
  'Bob_0001.jpg': 'tuning',
  'Dan_0001.jpg': 'public',
  'Eve_0001.jpg': 'stranger',
}


def test_pictures_are_read_by_role_in_the_order_of_the_list(
  tmp_path, monkeypatch
):
  mine = _small(tmp_path, monkeypatch, PICTURES)
  found = mine.faces(_prepared(tmp_path))
  assert list(found) == list(standard.ROLES)
  assert found['test'].names == ('Cid', 'Ann')
  assert found['test'].labels.tolist() == [0, 1, 0]
  assert found['test'].images[:, 0, 0, 0].tolist() == [0, 10, 20]
  assert found['public'].paths == ('Dan/Dan_0001.jpg',)


def test_a_missing_or_other_picture_is_named(tmp_path, monkeypatch):
  mine = _small(tmp_path, monkeypatch, PICTURES)
  path = tmp_path / 'lfw/Ann/Ann_0002.jpg'
  data = path.read_bytes()
  path.write_bytes(decode.encode_png(np.zeros((20, 20, 3), np.uint8)))
  with pytest.raises(InputError, match='1 of 6 .* not those .* Ann_0002.jpg$'):
    mine.faces(_prepared(tmp_path))
  path.unlink()
  with pytest.raises(InputError, match='1 of 6 .* missing, as Ann_0002.jpg$'):
    mine.faces(_prepared(tmp_path))
  path.write_bytes(data)
  assert len(mine.faces(_prepared(tmp_path))['test']) == 3


def test_an_unknown_standard_is_refused():
  with pytest.raises(InputError, match='^standard: .lfw. is unknown'):
    standard.load('lfw')
