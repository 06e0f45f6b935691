"""No network judges people on pictures that it was trained on."""

import dataclasses
import types

import inputs
import numpy as np
import pytest
import toy_network
from configs import orl
from settings import Settings

from fr_poison.data.faces import FaceSet
from fr_poison.evaluation import learning
from fr_poison.types import InputError

TOY = toy_network.extractor()


def _faces(people, prefix=''):
  labels = np.repeat(np.arange(len(people), dtype=np.int32), 2)
  images = toy_network.pictures([ord(people[label]) for label in labels])
  names = tuple(prefix + name for name in people)
  paths = tuple(f'{names[p]}/{i}' for i, p in enumerate(labels))
  return FaceSet(images, labels, names, paths)


def test_the_same_pictures_under_other_names_are_found():
  seen, images = _faces('abc'), _faces('zy').images
  known = learning.trained_on(seen)
  assert known['num_people'] == 3
  images[2:] = seen.images[:2]
  evaluated = dataclasses.replace(_faces('zy', 'renamed '), images=images)
  shared = learning.seen(known, evaluated)
  assert shared == ['renamed y/2', 'renamed y/3']


def test_other_pictures_of_a_data_set_of_the_same_name_are_taken():
  assert learning.seen(learning.trained_on(_faces('abc')), _faces('def')) == []


def test_who_does_not_say_what_they_saw_is_refused_only_if_trained_here():
  # Weights from elsewhere are taken.
  assert learning.seen(None, _faces('a')) == []
  with pytest.raises(InputError, match='does not say which pictures'):
    learning.seen({'dataset': 'orl', 'num_people': 4}, _faces('a'))


@pytest.mark.parametrize(
  ('known', 'message'),
  [
    ({'num_people': 1}, 'the/path does not say which pictures'),
    (
      learning.trained_on(_faces('b')),
      'trained on 2 of the pictures .* as b/0',
    ),
  ],
)
def test_a_config_whose_network_knows_the_people_is_refused(
  monkeypatch, known, message
):
  config = orl.get_config('smoke').to_dict()
  config['extractor'] = {'checkpoint': 'the/path'}
  monkeypatch.setattr(inputs.extractors, 'load', lambda _: TOY)
  described = {'trained_on': known}
  saved = types.SimpleNamespace(description=described)
  monkeypatch.setattr(inputs.checkpoints, 'find', lambda _: saved)
  settings = Settings.from_config(config)
  with pytest.raises(InputError, match=message):
    inputs.load_checkpoint(settings, _faces('b'))
  other = inputs.load_checkpoint
  if 'pictures' in known:
    trainer = other(settings, _faces('c'))
    assert trainer.adversary == '' and trainer.name.startswith('toy ')
