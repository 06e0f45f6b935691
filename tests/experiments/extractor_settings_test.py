import pytest
from configs import train_extractor
from extractor_settings import Settings

from fr_poison import extractors
from fr_poison.types import InputError

CONFIG = train_extractor.get_config('smoke').to_dict()


@pytest.mark.parametrize(
  'values, text',
  [
    ({'network': 'pixels'}, "config.network: 'pixels' is unknown"),
    ({'network': 'resnet18', 'pretrained': True}, "'resnet18' is unknown"),
    ({'dataset': 'lfw'}, "config.dataset: 'lfw' is unknown; known: orl"),
    ({'num_train_people': 1}, 'config.num_train_people: 1 is below 2'),
    ({'num_eval_people': 1}, 'config.num_eval_people: 1 is below 2'),
    ({'eval_every': 0}, 'config.eval_every: 0 is below 1'),
    ({'batch_size': 0}, 'config.batch_size: 0 is below 1'),
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


def test_a_missing_field_is_refused():
  config = {k: v for k, v in CONFIG.items() if k != 'network'}
  with pytest.raises(InputError, match='config.network: missing'):
    Settings.from_config(config)


def test_nobody_is_both_trained_on_and_told_apart():
  settings = Settings.from_config(CONFIG | {'num_train_people': 30})
  train, rest = settings.load_faces(None)
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
  settings = Settings.from_config(CONFIG | {'pretrained': True})
  shipped = extractors.load('mobileface').sha256
  assert settings.load_network().sha256 == shipped
