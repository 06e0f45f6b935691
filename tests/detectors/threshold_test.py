import json

import numpy as np
import pytest

from fr_poison.detectors import base, threshold
from fr_poison.types import InputError

ONE = base.Detector(None, 'statistics', 'noise', 'a' * 64)
OTHER = base.Detector(None, 'feature_space', 'alexnet', 'b' * 64)
SETTINGS = {'false_positive_rate': 0.05, 'num_clean': 200}


@pytest.mark.parametrize(
  'rate, expected',
  [
    (0, 3),  # nothing is above the highest score
    (0.2, 3),  # of four pictures one would be too many
    (0.25, 2),
    (0.5, 2),  # both twos or none: above 1 would be three quarters
    (0.75, 1),
    (0.99, 1),
  ],
)
def test_thresholds_by_hand(rate, expected):
  assert threshold.choose([2, 1, 3, 2], rate) == expected


@pytest.mark.parametrize('rate', [0.0, 0.01, 0.1, 0.29, 0.57, 0.999])
def test_no_lower_threshold_keeps_the_rate(rate):
  rng = np.random.default_rng(0)
  for count, levels in ((100, 1000), (100, 9), (7, 3)):
    scores = rng.integers(0, levels, count)
    chosen = threshold.choose(scores, rate)
    assert np.mean(scores > chosen) <= rate
    assert np.mean(scores > chosen - 1e-9) > rate


def test_a_share_that_is_no_sum_of_halves():
  # int(.29 * 100) is 28, but 29 of 100 are allowed: 70, ..., 98 are flagged
  # above 70 - and so above 71 there are only 28.
  assert threshold.choose(np.arange(100), 0.29) == 70


@pytest.mark.parametrize(
  'scores, rate, message',
  [
    ([], 0.1, 'scores_of_clean: expected'),
    ([1, np.nan], 0.1, 'scores_of_clean: expected'),
    ([[1, 2]], 0.1, 'scores_of_clean: expected'),
    ([1, 2], 1, 'false_positive_rate: 1 is outside'),
    ([1, 2], -0.1, 'false_positive_rate: -0.1 is outside'),
    ([1, 2], np.nan, 'false_positive_rate: nan is outside'),
  ],
)
def test_what_gives_no_threshold_is_refused(scores, rate, message):
  with pytest.raises(InputError, match=f'^{message}'):
    threshold.choose(scores, rate)


def test_a_file_gives_its_detector_the_very_number(tmp_path):
  path, value = tmp_path / 'threshold.json', np.float64(1) / 3
  threshold.save(path, ONE, value, **SETTINGS)
  assert threshold.load(path, ONE) == value
  assert [p.name for p in tmp_path.iterdir()] == ['threshold.json']


@pytest.mark.parametrize(
  'other', [OTHER, ONE._replace(digest='b' * 64), ONE._replace(name='x')]
)
def test_another_detectors_file_is_refused(tmp_path, other):
  path = tmp_path / 'threshold.json'
  threshold.save(path, ONE, 0.5, **SETTINGS)
  with pytest.raises(InputError) as error:
    threshold.load(path, other)
  message = str(error.value)
  assert f'statistics on noise ({"a" * 12}...), not of ' in message
  assert f'{other.name} on {other.features} ({other.digest[:12]}' in message
  assert '\n' not in message


@pytest.mark.parametrize(
  'text',
  [
    None,
    'not JSON',
    '[]',
    '{}',
    json.dumps({'threshold': 1}),
    *(
      json.dumps(
        {
          'detector': ONE.name,
          'features': ONE.features,
          'digest': ONE.digest,
          'threshold': value,
        }
      )
      for value in (float('nan'), float('inf'), None, True, '1')
    ),
  ],
)
def test_a_damaged_file_is_refused(tmp_path, text):
  path = tmp_path / 'threshold.json'
  if text is not None:
    path.write_text(text)
  with pytest.raises(InputError, match='threshold.json: .*threshold'):
    threshold.load(path, ONE)


def test_a_threshold_that_is_no_number_is_not_written(tmp_path):
  for value in (np.nan, -np.inf):
    with pytest.raises(InputError, match='^threshold: .* is outside'):
      threshold.save(tmp_path / 'threshold.json', ONE, value, **SETTINGS)
  assert not list(tmp_path.iterdir())


def test_another_digit_is_found(tmp_path):
  path = tmp_path / 'threshold.json'
  threshold.save(path, ONE, 0.5, **SETTINGS)
  text = path.read_text()
  path.write_text(text.replace('0.5', '0.7'))
  with pytest.raises(InputError, match='threshold.json: .*altered'):
    threshold.load(path, ONE)
  lines = [line for line in text.splitlines() if 'checksum' not in line]
  path.write_text('\n'.join(lines).replace('200,', '200'))
  assert threshold.load(path, ONE) == 0.5  # of before there were sums
