"""Names against faces, as the programs judge them before anything else."""

import dataclasses

import given_cloaks
import inputs
import numpy as np
import people
import pytest
from configs import my_cloaks, orl
from settings import Settings

from fr_poison.data import datasets, decode
from fr_poison.types import InputError


@pytest.fixture(scope='module')
def faces():
  """Three people with 4 pictures each."""
  rows = [*range(4), *range(10, 14), *range(20, 24)]
  return datasets.load('orl').subset(rows)


def _renamed(faces, names):
  known = sorted(set(names))
  labels = np.array([known.index(name) for name in names], np.int32)
  paths = tuple(f'{name}/{i}.png' for i, name in enumerate(names))
  return dataclasses.replace(
    faces, labels=labels, names=tuple(known), paths=paths
  )


def _flat(faces, root):
  """Their pictures and cloaks, loose in A/ and B/; the config of a test."""
  for tree in 'AB':
    (root / tree).mkdir()
  on_dlib = datasets.load('orl', template='dlib')
  rows = [on_dlib.paths.index(path) for path in faces.paths]
  for i, image in enumerate(on_dlib.images[rows]):
    decode.write_png(root / f'A/{i}.png', image)
    cloak = np.where(image < 128, image + 8, image - 8)
    decode.write_png(root / f'B/{i}.png', cloak.astype(np.uint8))
  return my_cloaks.get_config('smoke').to_dict() | {
    'originals': str(root / 'A'),
    'cloaked': str(root / 'B'),
    'align': 'already',
  }


def test_a_flat_folder_of_three_people(faces, tmp_path, capsys):
  config = _flat(faces, tmp_path)
  load = lambda **change: given_cloaks.load(
    *given_cloaks.split_config(config | change), None
  )
  found = load()
  text, *_ = found.fields['warnings']
  assert text.startswith('folders do not say who is who, so faces do: 3 people')
  assert found.protected == [0, 1, 2] and found.settings.num_protected == 3
  assert 'grouped them' in found.not_tested[0]
  printed = capsys.readouterr().err
  people = '3 people: like 0.png (4), like 10.png (4), like 4.png (4)\n'
  assert printed.index(people) < printed.index(f'note: {text}')
  assert '  like 10.png (4): 10.png, 11.png, 8.png, 9.png\n' in printed
  with pytest.raises(InputError, match='config.strict: folders do not say who'):
    load(strict=True)
  # Sorted by their owner, they need no new cloaks.
  for i in range(12):
    folder = tmp_path / 'A' / 'abc'[i // 4]
    folder.mkdir(exist_ok=True)
    (tmp_path / f'A/{i}.png').rename(folder / f'{i}.png')
  assert load().faces.names[:3] == (
    *('originals/a', 'originals/b', 'originals/c'),
  )


def test_loose_pictures_are_one_person_where_that_is_said(
  faces, tmp_path, capsys
):
  config = _flat(faces, tmp_path) | {'loose': 'one_person'}
  found = given_cloaks.load(*given_cloaks.split_config(config), None)
  (text,) = (x for x in found.fields['warnings'] if 'seem to show' in x)
  assert 'the pictures of originals/A seem to show 3 people' in text
  printed = capsys.readouterr().err
  assert printed.index('1 person: A (12)') < printed.index(f'note: {text}')
  config['strict'] = True
  with pytest.raises(
    InputError, match='config.strict: .*seem to show 3 people'
  ):
    given_cloaks.load(*given_cloaks.split_config(config), None)
  config['loose'] = 'mine'
  with pytest.raises(InputError, match="^config.loose: 'mine' is unknown"):
    given_cloaks.split_config(config)


def test_a_data_set_of_folders_is_judged_too(
  faces, monkeypatch, capsys, tmp_path
):
  found = people.People(_renamed(faces, 'aaaabbbbaaaa'), [], [])
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
