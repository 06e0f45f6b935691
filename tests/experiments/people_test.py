"""Whom a config gets from a data set other than ORL."""

import dataclasses
import functools
import pathlib
import sys
import threading

import detect_cloaks
import detect_settings
import evaluate
import inputs
import numpy as np
import people
import pytest
import train_extractor
from configs import arcface_from_scratch, detect, lfw
from PIL import Image
from settings import Settings

from fr_poison import keys
from fr_poison.data import detect_faces, standard
from fr_poison.data.faces import FaceSet
from fr_poison.evaluation import oddities
from fr_poison.types import InputError


def test_people_with_one_picture_are_left_out_and_named(
  tmp_path, monkeypatch, capsys
):
  monkeypatch.setenv('TFDS_DATA_DIR', str(tmp_path / 'tfds'))
  root = tmp_path / 'people'
  for path in ('a/1.png', 'b/1.png', 'b/2.png', 'c/1.png', 'c/2.png'):
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    Image.new('RGB', (112, 112)).save(root / path)
  (drawn,) = people.draw('bc', 0, 1)
  load = functools.partial(people.load, alignment='none')
  faces = load('folder', 1, str(root), 'num_people', 0)
  assert faces.names == (drawn,)
  assert faces.paths == (f'{drawn}/1.png', f'{drawn}/2.png')
  printed = capsys.readouterr().err
  assert '1 people with 1 pictures: a' in printed
  assert f'1 person: {drawn} (2)' in printed
  with pytest.raises(
    InputError, match='num_people: 3 people, but folder has 2 with 2 or more'
  ):
    load('folder', 3, str(root), 'num_people', 0)
  everybody = people.find(
    'folder', None, str(root), 'num_people', 0, alignment='none'
  ).faces
  assert sorted(everybody.names) == ['b', 'c']


def test_people_are_drawn_by_the_seed_in_groups_that_share_nobody():
  names = [f's{i}' for i in range(1, 41)]
  drawn = people.draw(names, 0)
  assert sorted(drawn) == sorted(names) and drawn != tuple(names)
  assert people.draw(reversed(names), 0) == drawn
  assert people.draw(names, 0, 7) == drawn[:7]
  assert people.draw(names, 1) != drawn
  # Who else there is moves nobody before another.
  assert people.draw(names[1:], 0) == tuple(n for n in drawn if n != 's1')

  faces = people.load('orl', 10, None, 'num_people', 0)
  assert faces.names == drawn[:10] and len(faces) == 100
  folders = [path.partition('/')[0] for path in faces.paths]
  assert folders == [faces.names[label] for label in faces.labels]
  groups = people.groups(faces, 4, 0, 3)
  shown = [np.unique(group.labels).tolist() for group in groups]
  assert shown == [[0, 1, 2, 3], [], [4, 5, 6], [7, 8, 9]]
  assert all(np.shares_memory(faces.images, g.images) for g in groups if len(g))
  other = people.load('orl', 10, None, 'num_people', 1)
  assert set(other.names) != set(faces.names)


def _detection(level, data_dir):
  config = detect.get_config('smoke').to_dict()
  numbers = {'num_people': 4, 'num_public': 2}
  config |= numbers | {'dataset': 'folder', 'align': 'none'}
  config |= {'person_level': level}
  chosen = detect_settings.Settings.from_config(config)
  detect_cloaks.load(chosen, data_dir, pathlib.Path(data_dir))


def _training(level, data_dir):
  config = arcface_from_scratch.get_config('smoke').to_dict()
  config |= {'num_train_people': 2, 'num_eval_people': 4}
  config |= {'dataset': 'folder', 'align': 'none', 'person_level': level}
  return train_extractor.Settings.from_config(config).load_faces(data_dir)


@pytest.mark.parametrize('load, number', [(_detection, 4), (_training, 6)])
def test_a_folder_is_understood_alike_by_all_programs(
  tmp_path, monkeypatch, capsys, load, number
):
  monkeypatch.setenv('TFDS_DATA_DIR', str(tmp_path / 'tfds'))
  root = tmp_path / 'people'
  for i in range(4 * number):  # two pictures in each of a person's two folders
    path = root / f'p{i // 4}' / f'{2019 + i % 2}' / f'{i}.png'
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new('RGB', (112, 112)).save(path)
  load('first', str(root))
  assert f'{number} people: p' in capsys.readouterr().err
  load('every', str(root))
  printed = capsys.readouterr().err
  assert f'{number} people: p' in printed and '/2019 (2)' in printed
  with pytest.raises(InputError, match="config.person_level: 'last'"):
    load('last', str(root))


def _people(root):
  """a has 1 picture, b 2, c 3."""
  for name, count in (('a', 1), ('b', 2), ('c', 3)):
    (root / name).mkdir(parents=True)
    for i in range(count):
      Image.new('RGB', (112, 112)).save(root / name / f'{i}.png')
  return str(root)


def test_people_with_fewer_pictures_than_asked_for_are_left_out(
  tmp_path, monkeypatch
):
  monkeypatch.setenv('TFDS_DATA_DIR', str(tmp_path / 'tfds'))
  find = functools.partial(
    people.find,
    'folder',
    data_dir=_people(tmp_path / 'x'),
    field='x',
    seed=0,
    alignment='none',
  )
  assert sorted(find(None, min_pictures=2).faces.names) == ['b', 'c']
  assert find(None, min_pictures=3).faces.names == ('c',)
  message = '^config.x: 2 people, but folder has 1 with 3 or more'
  with pytest.raises(InputError, match=message):
    find(2, min_pictures=3)
  message = '^config.min_pictures: nobody in folder has 4 usable ones'
  with pytest.raises(InputError, match=message):
    find(None, min_pictures=4)


@pytest.mark.parametrize('number', [1, 2.5, None])
def test_the_fewest_pictures_are_two(number):
  config = detect.get_config('smoke').to_dict() | {'min_pictures': number}
  with pytest.raises(InputError, match='^config.min_pictures: .*from 2 exp'):
    detect_settings.Settings.from_config(config)


@pytest.mark.parametrize('load', [_detection, _training])
def test_all_programs_ask_for_as_many_pictures(load, tmp_path, monkeypatch):
  monkeypatch.setattr(people, 'find', lambda *args, **options: found(options))

  def found(options):
    asked.append(options['min_pictures'])
    raise InputError('found')

  asked = []
  with pytest.raises(InputError, match='found'):
    load('first', str(tmp_path))
  assert asked == [2]


def test_faces_that_were_not_found_are_said_of_the_people_drawn(
  tmp_path, monkeypatch
):
  pytest.importorskip('dlib', reason='dlib is not installed')
  monkeypatch.setenv('TFDS_DATA_DIR', str(tmp_path / 'tfds'))
  for name in ('Ann', 'Bob'):
    (tmp_path / 'lfw' / name).mkdir(parents=True)
    for i in (1, 2):
      path = tmp_path / 'lfw' / name / f'{name}_000{i}.jpg'
      Image.new('RGB', (60, 60)).save(path)
  found = people.find(
    'lfw', 1, str(tmp_path / 'lfw'), 'num_people', 0, alignment='dlib'
  )
  (name,) = found.faces.names
  assert found.warnings == [
    'no face found in 2 pictures, cut out where those of lfw are: '
    f'{name}/{name}_0001.jpg, {name}/{name}_0002.jpg'
  ]
  assert not found.left_out


def test_orl_is_aligned_already():
  with pytest.raises(InputError, match='config.align: dlib, but orl is'):
    people.find('orl', 4, None, 'num_people', 0, alignment='dlib')


@pytest.mark.parametrize(
  'dataset, alignment, expected',
  [
    ('orl', 'auto', None),  # in the frame already
    ('ms1m', 'auto', None),  # on ArcFace's template
    ('lfw', 'auto', 'wide-128'),
    ('folder', 'auto', 'wide-128'),
    ('folder', 'dlib', 'dlib-112'),
    ('folder', 'none', None),
  ],
)
def test_faces_are_put_into_the_frame_unless_they_lie_in_place(
  dataset, alignment, expected
):
  pytest.importorskip('dlib')
  found = people.place(dataset, alignment)
  assert (found and found.alignment) == expected


def test_without_dlib_the_message_names_both_ways(monkeypatch):
  monkeypatch.setattr(detect_faces, '_local', threading.local())
  monkeypatch.setitem(sys.modules, 'dlib', None)
  with pytest.raises(InputError, match='^config.align: dlib: not installed'):
    people.place('lfw', 'auto')
  assert people.place('lfw', 'none') is None


def test_what_is_there_twice_is_noted(tmp_path):
  rng = np.random.default_rng(0)
  images = rng.integers(0, 256, (3, 32, 32, 3), np.uint8)
  images[2] = images[0]
  labels = np.array([0, 0, 1], np.int32)
  faces = FaceSet(images, labels, ('a', 'b'), ('a/1', 'a/2', 'b/1'))
  (note,) = oddities.twins(faces)
  assert note.startswith(
    '1 of 3 pictures are nearly the same as one before them, as a/1 and b/1: '
  )
  assert oddities.twins(faces.subset([0, 1])) == []


def test_faces_that_seem_to_be_bgr_are_noted(tmp_path, monkeypatch, capsys):
  images = np.full((20, 12, 12, 3), (200, 150, 120), np.uint8)
  labels = np.repeat(np.arange(10, dtype=np.int32), 2)
  paths = tuple(f'{i}' for i in range(20))
  images[:2] = images[:2, ..., ::-1]  # by the light of a stage
  faces = FaceSet(images, labels, tuple('abcdefghij'), paths)
  assert oddities.exchanged_colours(faces) == []
  images[5] = images[5, ..., ::-1]
  (note,) = oddities.exchanged_colours(faces)
  assert note.startswith('3 of 20 faces are bluer than they are red, as 0: BGR')

  monkeypatch.setenv('TFDS_DATA_DIR', str(tmp_path / 'tfds'))
  (tmp_path / 'people' / 'a').mkdir(parents=True)
  for i in range(2):
    path = tmp_path / 'people' / 'a' / f'{i}.png'
    Image.new('RGB', (112, 112), (120, 150, 200)).save(path)
  people.load(
    'folder',
    1,
    str(tmp_path / 'people'),
    'num_people',
    0,
    alignment='none',
  )
  assert 'note: 2 of 2 faces are bluer' in capsys.readouterr().err


def _frozen(root, monkeypatch):
  """A standard of 9 people, 2 pictures each, in place of a shipped one."""
  roles = {
    'Ann': 'test',
    'Bob': 'test',
    'Cid': 'tuning',
    'Dan': 'tuning',
    'Eve': 'public',
    'Fay': 'public',
    'Gil': 'public',
    'Hal': 'stranger',
    'Ida': 'stranger',
  }
  rows, sums = [], {}
  for i, (name, role) in enumerate(roles.items()):
    (root / name).mkdir(parents=True)
    for j in (1, 2):
      path = root / name / f'{name}_000{j}.jpg'
      Image.new('RGB', (112, 112), (20 * i, 100 * j, 0)).save(path)
      sums[path.name] = keys.of_bytes(path.read_bytes())[:16]
      rows.append((role, path.name, sums[path.name]))
  mine = standard.Standard('fr_poison-lfw-1', 'lfw', 'digest', rows)
  monkeypatch.setattr(standard, 'load', lambda name: mine)


@pytest.mark.parametrize(
  'protect, cloak, others',
  [
    ('test', {'Ann', 'Bob'}, {'Cid', 'Dan'}),
    ('tuning', {'Cid', 'Dan'}, set()),  # nobody who is tested
  ],
)
def test_a_standard_says_who_has_which_part(
  protect, cloak, others, tmp_path, monkeypatch
):
  monkeypatch.setenv('TFDS_DATA_DIR', str(tmp_path / 'tfds'))
  _frozen(tmp_path / 'lfw', monkeypatch)
  config = lfw.get_config('smoke').to_dict()
  config |= {'align': 'none', 'protect': protect, 'num_public': 2}
  config |= {'networks': ('pixels',), 'surrogates': ()}
  settings = Settings.from_config(config)
  found = inputs.load(settings, str(tmp_path / 'lfw'), tmp_path)
  named = lambda faces: {faces.names[i] for i in np.unique(faces.labels)}
  assert named(found.protocol.faces) == cloak
  assert len(found.protocol.protected) == 2
  assert named(found.public.faces) == {'Eve', 'Fay'}
  strangers = {'Eve', 'Fay', 'Gil', 'Hal', 'Ida'} | others
  assert named(found.protocol.strangers) == strangers
  shared = evaluate.shared_fields(found, 'hash')
  assert shared['standard'] == 'fr_poison-lfw-1'
  assert shared['standard_digest'] == 'digest'
  assert shared['protect'] == protect
  assert shared['dataset'] == (
    f'lfw, 2 people, with 1-NN among {len(strangers)} strangers'
  )
  with pytest.raises(InputError, match='config.num_public: 4, but .* has 3'):
    inputs.load(
      dataclasses.replace(settings, num_public=4), str(tmp_path / 'lfw'), None
    )


@pytest.mark.parametrize(
  'field, value, message',
  [
    ('standard', 'lfw', "config.standard: 'lfw' is unknown"),
    ('standard', '', 'config.protect: there is no config.standard'),
    ('protect', 'public', "config.protect: 'public' is unknown"),
    ('dataset', 'orl', "config.dataset: 'orl' is unknown"),
    ('num_targets', 2, 'config.num_targets: of a standard'),
  ],
)
def test_settings_of_a_standard(field, value, message):
  config = lfw.get_config('smoke,protect=tuning').to_dict() | {field: value}
  with pytest.raises(InputError, match=message):
    Settings.from_config(config)
