import numpy as np
import pytest
from configs import arcface_from_scratch, facenet_from_scratch
from train_extractor import Settings, make_verify

from fr_poison import extractors
from fr_poison.types import InputError

CONFIG = arcface_from_scratch.get_config('smoke').to_dict()


@pytest.mark.parametrize(
  'values, text',
  [
    ({'network': 'pixels'}, "config.network: 'pixels' is unknown"),
    ({'dataset': 'olivetti'}, "config.dataset: 'olivetti' is unknown"),
    (
      {'num_train_people': 1},
      'config.num_train_people: 1; a whole',
    ),
    (
      {'num_eval_people': 3},
      'config.num_eval_people: 3; a whole',
    ),
    ({'eval_every': 0}, 'config.eval_every: 0; a whole number'),
    ({'batch_size': 0}, 'config.batch_size: 0; a whole number'),
    ({'test_fraction': 1.0}, 'config.test_fraction: 1.0 is outside'),
    ({'save_every': 0.0}, 'config.save_every: 0.0 is outside'),
    ({'save_every': float('nan')}, 'config.save_every: nan is outside'),
    ({'training': {'flip': 2.0}}, 'config.training.flip: 2.0 is outside'),
    ({'training': {'epochs': 2}}, 'config.training.epochs: unknown'),
    ({'colour': True}, 'config.colour: unknown'),
  ],
)
def test_what_cannot_be_run_is_refused_by_name(values, text):
  with pytest.raises(InputError, match=text):
    Settings.from_config(CONFIG | values)


@pytest.mark.parametrize(
  'module, preset, network',
  [
    (arcface_from_scratch, 'casia', 'arcface_r50'),
    (arcface_from_scratch, 'ms1m', 'arcface_r100'),
    (facenet_from_scratch, 'casia', 'facenet'),
  ],
)
def test_published_trainings_can_be_run(module, preset, network):
  config = module.get_config(f'preset={preset}').to_dict()
  assert Settings.from_config(config).network == network


def test_published_durations_are_those_in_steps():
  # CASIA-WebFace: 32,000 steps of 512 of 494,000 pictures; MS1MV2: 180,000
  # steps of 5.82 million.
  for preset, num_steps, num_images in (
    ('casia', 32_000, 494_000),
    ('ms1m', 180_000, 5_820_000),
  ):
    config = arcface_from_scratch.get_config(f'preset={preset}').training
    found = config.num_epochs * num_images / config.batch_size
    assert found == pytest.approx(num_steps, rel=0.02)


def test_a_missing_field_is_refused():
  config = {k: v for k, v in CONFIG.items() if k != 'network'}
  with pytest.raises(InputError, match='config.network: missing'):
    Settings.from_config(config)


def test_nobody_is_both_trained_on_and_compared():
  settings = Settings.from_config(CONFIG | {'num_train_people': 30})
  train, rest = settings.divide(settings.load_faces(None))
  # ORL has ten pictures of each.
  assert len(train.labels) == 300 and len(rest.labels) == 40
  assert not set(train.paths) & set(rest.paths)
  assert set(train.labels) == set(range(30))
  assert set(rest.labels) == {30, 31, 32, 33}


def test_more_people_than_there_are_is_refused():
  settings = Settings.from_config(CONFIG | {'num_eval_people': 37})
  with pytest.raises(
    InputError, match='num_eval_people: 41 people, but orl has'
  ):
    settings.load_faces(None)


def test_the_shipped_weights_are_a_start_where_asked():
  start = {'pretrained': True, 'network': 'mobileface', 'input_size': None}
  settings = Settings.from_config(CONFIG | start)
  shipped = extractors.load('mobileface').sha256
  assert settings.load_network('none').sha256 == shipped
  framed = settings.load_network('wide-128')
  assert (framed.sha256, framed.crop) == (shipped, (8, 4, 112, 112))


def test_people_are_compared_in_pairs():
  # Six people of two pictures each: 6 genuine pairs, in three folds of two.
  labels = np.repeat(np.arange(6), 2)
  verify = make_verify(labels, seed=0)
  perfect = verify(np.eye(6)[labels])
  assert perfect == {
    'verification_auc': 1.0,
    'verification_eer': 0.0,
    'verification_accuracy': 1.0,
  }
  blind = verify(np.ones((12, 3)))
  assert list(blind.values()) == [0.5, 0.5, 0.5]
