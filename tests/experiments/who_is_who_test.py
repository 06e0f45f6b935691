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


def test_a_flat_folder_of_three_people(faces, tmp_path, capsys):
  for tree in 'AB':
    (tmp_path / tree).mkdir()
  on_dlib = datasets.load('orl', template='dlib')
  rows = [on_dlib.paths.index(path) for path in faces.paths]
  for i, image in enumerate(on_dlib.images[rows]):
    decode.write_png(tmp_path / f'A/{i}.png', image)
    cloak = np.where(image < 128, image + 8, image - 8)
    decode.write_png(tmp_path / f'B/{i}.png', cloak.astype(np.uint8))
  config = my_cloaks.get_config('smoke').to_dict() | {
    'originals': str(tmp_path / 'A'),
    'cloaked': str(tmp_path / 'B'),
    'align': 'already',
  }
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
