"""Recipes are chosen on people whom no config tests that shows the recipes."""

import inputs
import pytest
from configs import adaptive, end_to_end, study_lfw, tuning
from settings import Settings


@pytest.mark.parametrize('later', [adaptive, end_to_end])
@pytest.mark.parametrize('arg', ['smoke', 'smoke,of=end_to_end'])
def test_nobody_who_is_tested_later_is_seen(arg, later, little, tmp_path):
  load = lambda config: inputs.load(
    Settings.from_config(config.to_dict()), None, tmp_path
  )
  tuned, found = load(tuning.get_config(arg)), load(later.get_config('smoke'))
  own, tested = (x.faces.paths for x in (tuned.public, tuned.protocol))
  assert {*own, *tested} == set(found.public.faces.paths)
  assert not {*own} & {*tested}
  assert not {*own, *tested} & set(found.protocol.faces.paths)


def test_the_people_are_as_many_as_the_trainers_own():
  whole = tuning.get_config()
  assert (whole.num_public, whole.num_protected) == (10, 10)
  for later in (adaptive.get_config(), end_to_end.get_config()):
    assert whole.num_people == later.num_public == 20
    assert (whole.dataset, whole.seed) == (later.dataset, later.seed)
  for arg in (None, 'of=end_to_end'):
    Settings.from_config(tuning.get_config(arg).to_dict())


def test_candidates_differ_and_have_the_recipes_shown():
  found = tuning.get_config().adversaries.to_dict()
  del found['oblivious']
  shown = adaptive.get_config().adversaries
  for name in ('adaptive_paper', 'adaptive_tuned'):
    assert found[name] == shown[name].to_dict()
  assert len({repr(one) for one in found.values()}) == len(found) == 6


def test_on_lfw_it_is_the_studys_trainer_and_other_people():
  study = study_lfw.get_config().runs.moves
  found = tuning.get_config('on=lfw')
  assert (found.protect, study.protect) == ('tuning', 'test')
  for field in ('standard', 'num_public', 'attacks', 'surrogates', 'networks'):
    assert found[field] == study[field]
  Settings.from_config(found.to_dict())
