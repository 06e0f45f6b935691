"""No network judges people on pictures that it was trained on."""

import dataclasses

import numpy as np
import pytest
import replies
import toy_network
from configs import orl
from settings import Settings

from fr_poison.data.faces import FaceSet
from fr_poison.types import InputError

TOY = toy_network.extractor()


def _faces(people, prefix=''):
  labels = np.repeat(np.arange(len(people), dtype=np.int32), 2)
  images = toy_network.pictures([ord(people[label]) for label in labels])
  names = tuple(prefix + name for name in people)
  paths = tuple(f'{names[p]}/{i}' for i, p in enumerate(labels))
  return FaceSet(images, labels, names, paths)


@pytest.fixture
def check():
  config = orl.get_config('smoke').to_dict()
  config['extractor'] = {'checkpoint': 'the/path'}

  def check(trained_on, faces, dataset='folder'):
    settings = Settings.from_config(config | {'dataset': dataset})
    reply = replies.Reply('', 'toy', TOY, trained_on=trained_on)
    replies.check_unseen(settings, reply, faces)

  return check


def test_the_same_pictures_under_other_names_are_found(check):
  seen, images = _faces('abc'), _faces('zy').images
  known = replies.trained_on(seen)
  assert known['num_people'] == 3
  images[2:] = seen.images[:2]
  evaluated = dataclasses.replace(_faces('zy', 'renamed '), images=images)
  for dataset in ('folder', 'lfw'):
    with pytest.raises(InputError, match='trained on 2 of the pictures .* as'):
      check(known, evaluated, dataset)


def test_other_pictures_of_a_data_set_of_the_same_name_are_taken(check):
  check(replies.trained_on(_faces('abc')), _faces('def'))


def test_who_does_not_say_what_they_saw_is_refused_only_if_trained_here(check):
  check(None, _faces('a'))  # the weights come from elsewhere
  with pytest.raises(InputError, match='the/path does not say which pictures'):
    check({'dataset': 'orl', 'num_people': 4}, _faces('a'))
