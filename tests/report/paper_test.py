"""The study beside the paper: the right cells in the right places."""

import pytest

from fr_poison.report import paper


@pytest.fixture
def protection(make_record):
  def make(attack, network, adversary, recognizer, rate):
    return make_record(
      attack,
      'mobileface',
      network,
      rate,
      adversary=adversary,
      recognizer=recognizer,
      protection_ci=[max(rate - 0.1, 0), min(rate + 0.1, 1)],
      num_people=20,
    )

  return make


def _rows(text):
  lines = text.partition('\n\n')[0].splitlines()[2:]
  cells = [[c.strip() for c in line.strip('|').split('|')] for line in lines]
  return {name: rest for name, *rest in cells}


def test_every_number_is_in_its_row(protection):
  nn, e2e = 'nearest_neighbor', 'end_to_end'
  found = [
    protection('lowkey', 'mobileface', 'baseline', nn, 1.0),
    protection('lowkey', 'mobileface', 'baseline', e2e, 0.9),
    protection('lowkey', 'faceres', 'oblivious', nn, 0.5),
    protection('lowkey', 'dlib_resnet', 'oblivious', nn, 0.2),
    protection('lowkey', 'pixels', 'oblivious', nn, 0.0),
    protection('lowkey', 'mobileface', 'adaptive', nn, 0.05),
    protection('lowkey', 'mobileface', 'adversarial_training', nn, 0.01),
    protection('fawkes_v1', 'mobileface', 'adaptive', e2e, 0.04),
    protection('pgd', 'mobileface', 'baseline', nn, 0.7),
  ]
  text = paper.markdown(found, [])
  rows = _rows(text)
  assert rows['baseline, 1-NN'] == ['97', '94', '', '100 (90-100)']
  assert rows['baseline, end to end'] == ['88', '97', '', '90 (80-100)']
  (oblivious,) = (v for k, v in rows.items() if k.startswith('oblivious'))
  # The trainer's best choice; raw pixels are no network.
  assert oblivious == [
    '0 (MagFace)',
    '24 (CLIP)',
    '',
    '20 (10-30), dlib_resnet',
  ]
  # Adversarial training never sees a tool: that is not the paper's.
  assert rows['adaptive, 1-NN'] == ['3', '3', '', '5 (0-15)']
  assert rows['adaptive, end to end'] == ['3', '3', '4 (0-14)', '']
  assert '20 people' in text and 'made for mobileface' in text


def test_a_detector_has_its_rows():
  fields = {'detector': 'feature_space', 'jpeg': '', 'test_attack': 'lowkey'}
  fields['features'] = 'alexnet'
  rates = {'precision': 0.99, 'precision_ci': [0.9, 1.0]}
  rates |= {'recall': 1.0, 'recall_ci': [0.95, 1.0]}
  first = fields | rates
  other = fields | rates | {'detector': 'statistics', 'recall': 0.1}
  rows = _rows(paper.markdown([], [other, first, first | {'recall': 0.2}]))
  recall = rows["detector's recall, alexnet"]
  assert recall == ['99.8', '99.8', '', '100 (95-100)']
  assert rows["detector's precision, alexnet"][3] == '99 (90-100)'
