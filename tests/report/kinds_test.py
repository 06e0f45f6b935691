import numpy as np
import pytest

from fr_poison import evaluation, metrics, types
from fr_poison.report import kinds, words


def test_every_missing_field_is_named(make_record):
  for name in make_record():
    record = make_record()
    del record[name]
    with pytest.raises(types.InputError, match=f'^{name}: missing'):
      kinds.validate(record)


@pytest.mark.parametrize(
  'name,value',
  [
    ('attack', 'glaze'),
    ('attack', ['lowkey']),
    ('epsilon', 8),
    ('epsilon', '8/255'),
    ('surrogate', 'mobileface'),
    ('surrogate', []),
    ('surrogate', [1]),
    ('network', ''),
    ('network', None),
    ('recognizer', 'svm'),
    ('num_people', 0),
    ('num_people', 40.0),
    ('num_test_images', True),
    ('protection_rate', 1.01),
    ('protection_rate', float('nan')),
    ('protection_rate', None),
    ('protection_rate', True),
    ('protection_rate', 0.2),  # not in its interval, [0.96, 1]
    ('protection_ci', [1, 0]),
    ('protection_ci', [0.5]),
    ('protection_ci', 0.5),
    ('accuracy_ci', [0, 0.5]),
    ('dssim', None),
    ('linf', 8),
    ('psnr', float('inf')),
    ('seed', -1),
    ('wall_seconds', -1),
    ('weights', ['ab']),
    ('weights', {'mobileface': 3}),
    ('device', {}),
    ('noise_protection_rate', 2),
    ('kind', ' '),
    ('recipe', ''),
    ('training_seeds', [-1]),
    ('over_seeds', 0.5),
    ('over_seeds', [0.5, 1.5]),
    ('control_of', 'noise'),
    ('control', 'noise'),
    ('saved', ''),
    ('envelope_protection_rate', -0.1),
    ('another_protection_ci', [0.5, 0.4]),
  ],
)
def test_a_wrong_field_is_named(make_record, name, value):
  with pytest.raises(types.InputError, match=name.removesuffix('_rate')):
    kinds.validate(make_record() | {name: value})


def test_nulls_that_are_allowed(make_record):
  kinds.validate(make_record(epsilon=None, psnr=None))
  kinds.validate(make_record('none', ''))


def test_controls_are_those_that_are_measured(make_record):
  assert tuple(kinds.CONTROLS) == evaluation.CONTROLS
  rates = {c: metrics.Rate(0.5, 0.4, 0.6, 9, 0.0) for c in kinds.CONTROLS}
  counts = metrics.per_person(np.zeros(2), np.arange(2))
  made = evaluation.Result(None, None, rates, None, None, counts, make_record())
  for name in kinds.CONTROLS:
    assert words.control(made.record(), name) == (0.5, [0.4, 0.6])
    assert words.control(make_record(), name) == (None, None)
  # None of one protected person's, none of a detector's finds.
  lacking = made._replace(controls=rates | {'another': None}).record()
  kinds.validate(lacking)
  assert words.control(lacking, 'another') == (None, None)
  for name in kinds.CONTROLS:
    kinds.validate(make_record('noise', control_of='pgd', control=name))
  kinds.validate(make_record(saved=None))
  kinds.validate(make_record(saved='JPEG 75'))


def test_noise_must_say_of_what(make_record):
  with pytest.raises(types.InputError, match='control_of'):
    kinds.validate(make_record('noise'))
  with pytest.raises(types.InputError, match='expected an object'):
    kinds.validate([])


def _detection(**fields):
  return {
    'detector': 'statistics',
    'features': 'noise',
    'train_attack': 'fawkes',
    'test_attack': 'lowkey',
    'epsilon': 8 / 255,
    'jpeg': '',
    'auc': 0.934,
    'auc_ci': [0.901, 0.956],
    'average_precision': 0.9,
    'tpr_at_fpr': {'0.01': 0.5, '0.001': 0.25},
    'num_people': 20,
  } | fields


def test_a_rate_above_one_is_refused():
  with pytest.raises(types.InputError, match=r'^auc: 93.4 is outside \[0, 1\]'):
    kinds.validate(_detection(auc=93.4))


@pytest.mark.parametrize(
  'roc, name',
  [(3, 'roc'), ({}, 'roc.fpr'), ({'fpr': [0, 1]}, 'roc.tpr'),
   ({'fpr': [], 'tpr': []}, 'roc.fpr'), ({'fpr': [0], 'tpr': [0, 1]}, 'roc'),
   ({'fpr': ['a'], 'tpr': [0]}, 'roc.fpr')],
)  # fmt: skip
def test_an_odd_curve_of_a_detector_is_refused(roc, name):
  kinds.validate(_detection(roc={'fpr': [0, 1], 'tpr': [0, 1]}))
  with pytest.raises(types.InputError, match=f'^{name}: '):
    kinds.validate(_detection(roc=roc))


@pytest.mark.parametrize(
  'fields, message',
  [
    ({'argmax_recall': 1.5}, 'argmax_recall: 1.5 is outside'),
    ({'argmax_recall': 0.5, 'argmax_recall_ci': [0.6, 1]}, 'argmax_recall_ci'),
    ({'threshold_folds': ['a']}, 'threshold_folds: '),
    ({'processing': None}, 'processing: expected a text'),
    ({'false_positive_rates': [1]}, 'false_positive_rates: expected an object'),
    (
      {
        'false_positive_rates': {'a': 0.1},
        'false_positive_rates_ci': {'a': [0.2, 0.3]},
      },
      'false_positive_rates_ci.a: 0.1 is not in',
    ),
    (
      {'false_positive_rates': {}, 'false_positive_rates_ci': {'a': [0, 1]}},
      r"false_positive_rates: expected rates of \['a'\]",
    ),
    (
      {'false_positive_rates_ci': {'a': [0, 1]}},
      'false_positive_rates: expected rates of',
    ),
  ],
)
def test_odd_numbers_of_flags_are_refused(fields, message):
  rates = {'false_positive_rates': {'a': 0.1, 'b': 1.0}}
  ends = {'false_positive_rates_ci': {'a': [0, 0.2], 'b': [0.9, 1]}}
  kinds.validate(_detection(**rates, **ends, argmax_recall=None))
  with pytest.raises(types.InputError, match=f'^{message}'):
    kinds.validate(_detection(**fields))


def test_every_field_of_a_verification_is_needed(make_verification):
  kinds.validate(make_verification())
  for name in make_verification().keys() - {'tar_at_far'}:
    record = make_verification()
    del record[name]
    with pytest.raises(types.InputError, match=f'^{name}: missing'):
      kinds.validate(record)


@pytest.mark.parametrize(
  'fields, message',
  [
    ({'accuracy': 93.2}, 'accuracy: 93.2 is outside'),
    ({'accuracy_ci': [0.1, 0.2]}, 'accuracy_ci: 0.9325 is not in'),
    ({'tar_at_far': {'0.01': 0.5}}, 'tar_at_far: that of 0.001 is missing'),
    ({'assumed': ['a.jpg']}, 'assumed: expected a list, got str'),
    ({'roc': {'fpr': [0], 'tpr': [0, 1]}}, 'roc: as many'),
  ],
)
def test_an_odd_verification_is_refused(make_verification, fields, message):
  with pytest.raises(types.InputError, match=f'^{message}'):
    kinds.validate(make_verification(**fields))


@pytest.mark.parametrize(
  'change',
  [{'clean': 3}, {'clean': [[1]]}, {'cloaked': []}, {'explained': 'x'}],
)
def test_an_odd_map_is_refused(make_record, change):
  (name,) = change
  points = {'neighbours': [[0, 1]], 'clean': [[0, 1]], 'cloaked': [[0, 1]]}
  good = points | {'explained': 0.5}
  kinds.validate(make_record(embedding_map=good))
  with pytest.raises(types.InputError, match=f'^embedding_map.{name}: '):
    kinds.validate(make_record(embedding_map=good | change))


def test_an_odd_check_of_a_model_is_refused(make_record):
  fields = {'num_distractors': 10, 'distractors': 'real'}
  check = {'num_people': 10, 'real': 0.5, 'model': 0.4, 'difference': 0.1}
  kinds.validate(make_record(check=check, **fields))
  for odd, name in (
    (3, 'check'),
    ({}, 'check.num_people'),
    (check | {'real': 'x'}, 'check.real'),
  ):
    with pytest.raises(types.InputError, match=f'^{name}: '):
      kinds.validate(make_record(check=odd, **fields))
