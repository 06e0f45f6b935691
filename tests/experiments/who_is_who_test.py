"""Names against faces: those of ORL, under right and wrong names."""

import dataclasses

import given_cloaks
import inputs
import numpy as np
import people
import pytest
import who_is_who
from configs import my_cloaks, orl
from settings import Settings

from fr_poison.data import datasets, decode
from fr_poison.types import InputError


@pytest.fixture(scope='module')
def faces():
  """Three people with 4 pictures each."""
  rows = [*range(4), *range(10, 14), *range(20, 24)]
  return datasets.load('orl').subset(rows)


def _named(faces, names, folders=()):
  """Under other names, in other folders."""
  known = list(dict.fromkeys(names))
  labels = np.array([known.index(name) for name in names], np.int32)
  paths = [f'{i}.png' for i in range(len(faces))]
  paths = [f'{a}/{b}' for a, b in zip(folders or names, paths, strict=True)]
  return dataclasses.replace(
    faces, labels=labels, names=tuple(known), paths=tuple(paths)
  )


def _doubts(*args):
  return who_is_who.doubts(_named(*args), 20)


def test_right_names_raise_no_doubt(faces):
  assert _doubts(faces, 'aaaabbbbcccc') == []


def test_several_people_under_one_name_are_told(faces):
  assert _doubts(faces, 'a' * 12) == [
    'the pictures of a seem to show 3 people, 4 like a/0.png, 4 like a/4.png, '
    '4 like a/8.png; a folder for each'
  ]
  (told,) = _doubts(faces, 'a' * 12, 'xxxxyyyyzzzz')
  assert told.endswith('or --config.person_level=every if each has one in it')
  # A single picture of somebody else.
  (told,) = _doubts(faces, 'aaaabbbbccca')
  assert 'a seem to show 2 people, 4 like a/0.png, 1 like a/11.png;' in told


def test_one_person_under_two_names_is_told(faces):
  assert _doubts(faces, 'aaddbbbbcccc') == ['a and d seem to be one person']


def test_faces_on_the_other_template_are_judged_too(faces):
  align = who_is_who.align
  points = align.landmarks_on('arcface', 'dlib', 112)
  turned = np.stack(
    [align.align(x, points, 112, 'arcface') for x in faces.images]
  )
  other = dataclasses.replace(faces, images=turned, alignment='arcface-112')
  assert _doubts(other, 'aaaabbbbcccc') == []
  assert '3 people, 4 like' in _doubts(other, 'a' * 12)[0]
  assert 'one person' in _doubts(other, 'aaddbbbbcccc')[0]


def test_pictures_on_no_template_are_not_judged(faces):
  unaligned = dataclasses.replace(faces, alignment='centre-112')
  assert _doubts(unaligned, 'a' * 12) == []


def test_who_was_understood_is_short(faces):
  told = who_is_who.understood(_named(faces, 'aaaabbbbcccc'))
  assert told == '3 people: a (4), b (4), c (4)'
  assert who_is_who.understood(faces.subset([0, 1])) == '1 person: s1 (2)'
  told = who_is_who.understood(_named(faces, 'abcdefghijkl'))
  assert told.startswith('12 people: a (1), b (1), ')
  assert told.endswith(', j (1) and 2 more')


def test_a_flat_folder_of_three_people(faces, tmp_path, capsys):
  for tree in 'AB':
    (tmp_path / tree).mkdir()
  for i, image in enumerate(faces.images):
    decode.write_png(tmp_path / f'A/{i}.png', image)
    cloak = np.where(image < 128, image + 8, image - 8)
    decode.write_png(tmp_path / f'B/{i}.png', cloak.astype(np.uint8))
  config = my_cloaks.get_config('smoke').to_dict() | {
    'originals': str(tmp_path / 'A'),
    'cloaked': str(tmp_path / 'B'),
    'align': 'already',
  }
  found = given_cloaks.load(*given_cloaks.split_config(config), None)
  (told,) = (x for x in found.fields['warnings'] if 'seem to show' in x)
  assert 'the pictures of originals/A seem to show 3 people' in told
  printed = capsys.readouterr().err
  assert printed.index('1 person: A (12)') < printed.index(f'note: {told}')
  config['strict'] = True
  with pytest.raises(
    InputError, match='config.strict: .*seem to show 3 people'
  ):
    given_cloaks.load(*given_cloaks.split_config(config), None)


def test_a_data_set_of_folders_is_judged_too(
  faces, monkeypatch, capsys, tmp_path
):
  found = people.People(_named(faces, 'aaaabbbbaaaa'), [])
  monkeypatch.setattr(people, 'find', lambda *_, **__: found)
  config = orl.get_config('smoke').to_dict() | {
    **{'dataset': 'folder', 'attacks': {}},
    **{'networks': ('pixels',), 'surrogates': ()},
    **dict.fromkeys(('num_people', 'num_targets', 'num_protected')),
  }
  load = lambda config: inputs.load(
    Settings.from_config(config), None, tmp_path
  )
  (note,) = load(config).fields['warnings']
  assert note.startswith('the pictures of a seem to show 2 people, 4 like a/0')
  assert f'note: {note}' in capsys.readouterr().err
  with pytest.raises(
    InputError, match='^config.strict: the pictures of a seem'
  ):
    load(config | {'strict': True})
