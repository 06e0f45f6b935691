"""Whose pictures detect.py uses for what; nothing is trained or attacked."""

import json
import types

import detect
import detect_cloaks
import numpy as np
import people
import pytest
from configs import detect as detect_config
from configs import detect_lfw
from detect_settings import Settings

from fr_poison import detectors, intervals, strict_json
from fr_poison.data import squeeze
from fr_poison.data.faces import FaceSet
from fr_poison.detectors import Detector
from fr_poison.evaluation import cloaks as cloaking
from fr_poison.types import InputError


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
    groups = [_people(x) for x in (found.public, found.tested)]
    assert [len(group) for group in groups] == [5, 3 - num_targets]
    everybody = sum(groups, [])
    assert len(set(everybody)) == len(everybody)
    others = _people(found.candidates)
    assert len(others) == imitated and not set(others) & set(groups[1])
    assert list(found.networks) == ['mobileface']
    assert found.strangers is None and found.fields == {'num_drawn': 8}


def test_people_of_a_standard(stubbed, tmp_path, monkeypatch):
  asked = []

  def of_standard(given, data_dir):
    asked.append(
      (given.standard, data_dir, given.align, given.protect, given.num_public)
    )
    fields = {'standard': given.standard}
    return people.People(_faces(20, 0), [], [], _faces(4, 90), fields)

  monkeypatch.setattr(people, 'of_standard', of_standard)
  config = detect_lfw.get_config('smoke,protect=tuning').to_dict()
  for number, tested in ((8, 6), (None, 8)):
    config |= {'num_people': number, 'num_public': 2}
    found = detect_cloaks.load(Settings.from_config(config), 'lfw', tmp_path)
    assert _people(found.public) == ['0-0', '0-1']
    assert found.candidates is found.public  # whom cloaks imitate
    assert _people(found.tested) == [f'0-{i}' for i in range(2, 2 + tested)]
    assert _people(found.strangers) == ['90-0', '90-1']
    assert found.fields['num_drawn'] == 2 + tested
    assert found.fields['standard'] == 'fr_poison-lfw-1'
  assert set(asked) == {('fr_poison-lfw-1', 'lfw', 'auto', 'tuning', 2)}
  drawn = []

  def draw(faces, *, strangers, num_protected, **given):
    drawn.append((faces, strangers, num_protected))
    raise StopIteration

  monkeypatch.setattr(detect.evaluation.Protocol, 'draw', draw)
  with pytest.raises(StopIteration):
    detect._protection(found, [], {}, {})
  assert drawn == [(found.tested, found.strangers, 1)]
  config['pipeline']['num_protected'] = 9
  with pytest.raises(InputError, match='num_protected: 9; a whole number from'):
    detect_cloaks.load(Settings.from_config(config), 'lfw', tmp_path)


def _faces(count, level):
  images = np.full((count, 16, 16, 3), level, np.uint8)
  images += np.arange(count, dtype=np.uint8)[:, None, None, None]
  images[:, 1::2, 1::2] += 40  # or a filter changes nothing
  labels = np.arange(count, dtype=np.int32) // 2
  names = tuple(f'{level}-{i}' for i in range(-(-count // 2)))
  return FaceSet(images, labels, names, tuple(map(str, range(count))))


@pytest.fixture
def material(tmp_path):
  settings = _settings(epsilons=(4 / 255,), false_positive_rate=0.5)
  public, tested = _faces(8, 0), _faces(4, 90)
  networks = {'mobileface': 'network'}
  return detect_cloaks.Material(
    settings, public, public, tested, networks, tmp_path
  )


def test_versions_are_of_those_tested(stubbed, material, tmp_path):
  settings = material.settings
  known = [material.version(*item) for item in settings.attacks.items()]
  changed = [*material.changed(known)]
  assert [v.attack for v in known] == ['fawkes', 'lowkey']
  kinds = [(v.attack, v.epsilon, v.jpeg, v.processing) for v in changed]
  own = settings.attacks['fawkes'].get('epsilon')
  assert kinds[0] == ('fawkes', 4 / 255, '', '') and kinds[1][0] == 'lowkey'
  assert kinds[2] == ('fawkes', own, '75 4:2:0', '') and len(kinds) == 6
  assert kinds[4] == ('fawkes', own, '', 'half size')
  process = squeeze.make('resize', scale=0.5)
  for made, whole in zip(changed[4], known[0], strict=True):
    if isinstance(made, np.ndarray) and made.ndim == 4:
      np.testing.assert_array_equal(made, process(whole))
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


def test_a_jpeg_is_named_by_its_settings_and_what_else_by_its_label():
  jpeg = {'name': 'jpeg', 'quality': 80}
  assert detect_cloaks._named('x', (jpeg,)) == {'jpeg': '80 4:2:0'}
  own = jpeg | {'subsampling': '4:4:4'}
  assert detect_cloaks._named('x', (own,)) == {'jpeg': '80 4:4:4'}
  assert detect_cloaks._named('x', (own, own)) == {'processing': 'x'}
  assert detect_cloaks._named('x', ()) == {'processing': 'x'}


def test_innocent_pictures_are_clean_ones_of_those_tested(stubbed, material):
  settings = material.settings
  known = [material.version(*item) for item in settings.attacks.items()]
  # Of one of them alone the noise is two levels strong.
  known[1] = known[1]._replace(cloaked=known[1].clean + np.uint8(2))
  found = material.innocent(known)
  clean = material.tested.images
  np.testing.assert_array_equal(found['untouched'], clean)
  for attack, level in (('fawkes', 1), ('lowkey', 2)):
    expected = clean + np.uint8(level)
    np.testing.assert_array_equal(found[f'noise like {attack}'], expected)
    assert list(settings.attacks)[level - 1] == attack


@pytest.fixture
def detected(material, tmp_path):
  """`_detection` of stubs that score by the grey level: what it was given."""
  (tmp_path / 'thresholds').mkdir()
  score, fitted = lambda images: images[:, 0, 0, 0], []

  def fit(label, attacks):
    fitted.append((label, attacks))
    detector = Detector(score, label, 'grey', label)
    scores = np.array([50, 51, 52, 53.0])
    return detectors.CrossFitted(detector, scores, np.array([0, 1, 0, 1]))

  clean, users = material.tested.images, material.tested.labels
  version = lambda attack, **fields: detect_cloaks.Version(
    attack, None, clean, clean + np.uint8(9), users, **fields
  )
  versions = detect_cloaks.Versions(
    [version('pgd')],
    [version('fawkes', processing='half size')],
    {'untouched': clean - np.uint8(60), 'sharpened': clean},
  )
  own = {'seed': 0}, tmp_path
  return fitted, *detect._detection(material, fit, versions, *own)


def test_only_the_first_detector_of_all_tools_takes_everything(detected):
  fitted, found, filters = detected
  both = ('lowkey', 'fawkes')
  assert fitted == [('squeezing', both), ('statistics', both)]
  assert [
    (r['label'], r['train_attack'], r['test_attack'], r['processing'])
    for r in found
  ] == [
    ('squeezing', 'none', 'pgd', ''),  # which is not asked about the changed
    ('statistics', 'lowkey+fawkes', 'pgd', ''),
    ('statistics', 'lowkey+fawkes', 'fawkes', 'half size'),
  ]
  # Every fifth of four is one: a clean picture and a cloaked one.
  assert [r['num_images'] for r in found] == [2, 8, 8]
  assert all(r['auc'] == 1 and r['precision'] == 0.5 for r in found)
  for record in found:
    # Those of 90 less 60 are below, those of 90 above.
    rates = record['false_positive_rates']
    assert rates == {'untouched': 0, 'sharpened': 1}
  wilson = found[0]['false_positive_rates_ci']['untouched']
  assert wilson == list(intervals.wilson(0, 1))  # every fifth
  ends = found[1]['false_positive_rates_ci']['untouched']
  assert ends == pytest.approx([0, 1 - 0.05**0.5])  # nobody of two people


def test_thresholds_are_of_all_folds_and_kept(detected, tmp_path):
  _, found, filters = detected
  # Of 50, 51, 52 and 53 half may be flagged, so those above 51; of a fold one.
  assert {cut for _, cut in filters.values()} == {51.0}
  for record in found:
    assert record['threshold'] == 51 and record['threshold_folds'] == [50, 51]
    assert record['threshold_from'] == '4 people, 2 folds'
  text = (tmp_path / 'thresholds/statistics-lowkey+fawkes.json').read_bytes()
  kept = strict_json.loads(text)
  assert kept['threshold'] == 51 and kept['num_clean'] == 4
  assert kept['threshold_folds'] == [50, 51]
  assert kept['detector'] == 'statistics' and 'checksum' in json.loads(text)


def test_detectors_learn_from_public_people_in_their_folds(
  stubbed, material, tmp_path, monkeypatch
):
  asked = []

  def cross_fit(recipe, clean, *cloaked, **given):
    asked.append((recipe, clean, cloaked, given))
    raise StopIteration

  monkeypatch.setattr(detectors, 'cross_fit', cross_fit)
  chosen = material.settings.detectors
  chosen['squeezing'] = chosen['squeezing'] | {'folds': 3}
  with pytest.raises(StopIteration):
    detect._run(material, {}, tmp_path)
  ((recipe, clean, cloaked, given),) = asked
  public = material.public
  assert recipe is material.settings.recipes['squeezing']
  assert clean is public.images and given['users'] is public.labels
  for adv_images in cloaked:
    np.testing.assert_array_equal(adv_images, clean + np.uint8(1))
  assert len(cloaked) == 2 and given['extractor'] == 'network'
  assert (given['num_folds'], given['every']) == (3, 5)
  assert given['folder'] == tmp_path / 'detectors'


def test_trainers_clean_probes_as_the_config_says(material):
  known = Detector(None, 'x', 'y', 'z', purify_fn=lambda images: images)
  settings = types.SimpleNamespace(
    pipeline={
      'networks': ('mobileface',),
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
