"""Whose pictures detect.py uses for what; nothing is trained or attacked."""

import json
import types

import detect
import detect_cloaks
import numpy as np
import pytest
from configs import detect as detect_config
from detect_settings import Settings

from fr_poison import strict_json
from fr_poison.data.faces import FaceSet
from fr_poison.detectors import Detector
from fr_poison.evaluation import cloaks as cloaking


def _settings(**changes):
  config = detect_config.get_config('smoke').to_dict()
  return Settings.from_config(config | changes)


@pytest.fixture
def stubbed(monkeypatch):
  """Networks are their names; a cloak is a grey level; jobs are collected."""
  jobs = []

  def cloak_people(job, faces, people=None, rows=None, *, folder, **_):
    assert people is rows is None  # everybody, all pictures
    jobs.append((job, faces, folder))
    return cloaking.Cloaks(faces.images + np.uint8(1), 0, 0.0)

  load = lambda name, size, alignment: name
  monkeypatch.setattr(detect_cloaks.network_loader, 'load', load)
  monkeypatch.setattr(cloaking, 'cloak_people', cloak_people)
  return jobs


def _people(faces):
  return sorted({faces.names[label] for label in faces.labels})


def test_groups_share_nobody_and_nobody_tested_is_imitated(stubbed, tmp_path):
  for num_targets, imitated in ((0, 5), (1, 1)):
    settings = _settings(num_targets=num_targets)
    found = detect_cloaks.load(settings, None, tmp_path)
    groups = [_people(x) for x in (found.train, found.validation, found.tested)]
    assert [len(group) for group in groups] == [4, 1, 3 - num_targets]
    everybody = sum(groups, [])
    assert len(set(everybody)) == len(everybody)
    others = _people(found.candidates)
    assert len(others) == imitated and not set(others) & set(groups[2])
    assert list(found.networks) == ['mobileface']


def _faces(count, level):
  images = np.full((count, 16, 16, 3), level, np.uint8)
  images += np.arange(count, dtype=np.uint8)[:, None, None, None]
  labels = np.arange(count, dtype=np.int32) // 2
  names = tuple(f'{level}-{i}' for i in range(-(-count // 2)))
  return FaceSet(images, labels, names, tuple(map(str, range(count))))


@pytest.fixture
def material(tmp_path):
  settings = _settings(epsilons=(4 / 255,), false_positive_rate=0.5)
  groups = (_faces(count, level) for count, level in ((8, 0), (4, 50), (4, 90)))
  train, validation, tested = groups
  networks = {'mobileface': 'network'}
  return detect_cloaks.Material(
    settings, train, validation, train, tested, networks, tmp_path
  )


def test_versions_are_of_those_tested(stubbed, material, tmp_path):
  settings = material.settings
  known = [material.version(*item) for item in settings.attacks.items()]
  changed = [*material.changed(known)]
  assert [v.attack for v in known] == ['fawkes', 'lowkey']
  kinds = [(v.attack, v.epsilon, v.jpeg) for v in changed]
  own = settings.attacks['fawkes'].get('epsilon')
  assert kinds[0] == ('fawkes', 4 / 255, '') and kinds[1][0] == 'lowkey'
  assert kinds[2] == ('fawkes', own, '75 4:2:0') and len(kinds) == 4
  for version in known + changed:
    assert (version.cloaked != version.clean).all()
    assert version.users.tolist() == [0, 0, 1, 1]
  for job, faces, _ in stubbed:
    assert faces is material.tested
    assert job.candidates is material.candidates and job.seed == 0
    assert job.networks == ['network']
  folders = [folder.name for *_, folder in stubbed]
  assert folders[::2] == ['fawkes-mobileface', 'fawkes 4-mobileface']
  assert stubbed[2][0].settings['epsilon'] == 4 / 255


def test_thresholds_are_of_others_and_only_the_first_detector_takes_all(
  material, tmp_path
):
  (tmp_path / 'thresholds').mkdir()
  score = lambda images: images[:, 0, 0, 0]
  fitted = []

  def fit(label, attacks):
    fitted.append((label, attacks))
    return Detector(score, label, 'grey', label)

  clean = material.tested.images
  plain, changed = (
    detect_cloaks.Version(
      attack, None, '', clean, clean + np.uint8(9), material.tested.labels
    )
    for attack in ('pgd', 'fawkes')
  )
  own = fit, [plain], [changed], {'seed': 0}, tmp_path
  found, filters = detect._detection(material, *own)
  both = ('lowkey', 'fawkes')
  assert fitted == [('squeezing', both), ('statistics', both)]
  assert [(r['label'], r['train_attack'], r['test_attack']) for r in found] == [
    ('squeezing', 'none', 'pgd'),
    ('statistics', 'lowkey+fawkes', 'pgd'),
    ('statistics', 'lowkey+fawkes', 'fawkes'),
  ]
  # Of 50, 51, 52 and 53 half may be flagged, so those above 51.
  assert {cut for _, cut in filters.values()} == {51.0}
  # Every fifth of four is one: a clean picture and a cloaked one.
  assert [r['num_images'] for r in found] == [2, 8, 8]
  assert all(r['auc'] == 1 and r['precision'] == 0.5 for r in found)
  text = (tmp_path / 'thresholds/statistics-lowkey+fawkes.json').read_bytes()
  kept = strict_json.loads(text)
  assert kept['threshold'] == 51 and kept['num_clean'] == 4
  assert kept['detector'] == 'statistics' and 'checksum' in json.loads(text)


def test_trainers_clean_probes_as_the_config_says(material):
  known = Detector(None, 'x', 'y', 'z', purify_fn=lambda images: images)
  settings = types.SimpleNamespace(
    pipeline={
      'network': 'mobileface',
      'purifiers': ('jpeg', 'residual'),
      'filters': ('statistics',),
      'purify_probes': False,
    }
  )
  filters = {'residual': (known, 1.0), 'statistics': (known, 7.0)}
  extractor = types.SimpleNamespace(spec=types.SimpleNamespace(name='m'))
  networks = {'mobileface': extractor}
  given = material._replace(settings=settings, networks=networks)
  waiting, jpeg, residual, detecting = detect._trainers(given, filters)
  assert waiting.adversary == '' and waiting.detector is None
  assert [x.filter_probes for x in (jpeg, residual)] == [False, False]
  assert jpeg.filter is detect.FILTERS['jpeg']
  assert residual.filter == known.purify
  assert detecting.detector is known and detecting.threshold == 7
  assert detecting.adversary == 'detecting: statistics'
