import numpy as np
import pytest

from fr_poison import evaluation
from fr_poison.report import page, paper
from fr_poison.report.sources import Sources

_RAW = {'normalize': False, 'num_gallery_people': 5749}


@pytest.fixture
def cells(make_record):
  """Rows of the table by name: cells by head, of these records."""

  def cells(*records, detection=()):
    (table,) = paper.beside(Sources(list(records), detection=list(detection)))
    return {
      row[0]: dict(zip(table.head, row, strict=True)) for row in table.rows
    }

  return cells


def test_like_stands_beside_like(make_record, cells):
  found = cells(
    make_record('none', '', rate=0.01, adversary='baseline', **_RAW),
    make_record('none', '', 'faceres', 0.4, **_RAW),
    make_record(rate=0.9, relation='white-box', **_RAW),
    make_record(rate=0.2, relation='white-box', normalize=True),
    make_record(rate=0.3, relation='white-box', saved='JPEG 75', **_RAW),
    make_record(rate=0.5, adversary='adaptive_paper', **_RAW),
  )
  head = 'LowKey for mobileface'
  assert {name: row[head] for name, row in found.items()} == {
    'no cloak, raw 1-NN': '1 (0-5), mobileface',
    'white-box: the network it was made on, raw 1-NN': '90 (86-94), mobileface',
    'adaptive as in the paper, raw 1-NN': '50 (46-54), mobileface',
  }
  adaptive = found['adaptive as in the paper, raw 1-NN']
  assert adaptive['LowKey, paper'] == '3 (WebFace)'


@pytest.fixture
def waiting(make_record):
  """A record of a network of another family, of these people."""

  def make(network, rate, wrong, people=range(4)):
    counts = [[i, 3.0 * (i in wrong), 3] for i in people]
    fields = {'adversary': 'oblivious', 'relation': 'another family'} | _RAW
    return make_record(
      network=network, rate=rate, protection_counts=counts, **fields
    )

  return make


_OTHERS = 'oblivious: other families, raw 1-NN'


def test_the_best_of_several_is_chosen_on_others(waiting, cells):
  # Each is wrong about one half, so the other half chooses it.
  halves = evaluation.best_network(np.zeros((1, 4)), np.ones(4)).halves
  found = cells(
    waiting('faceres', 0.5, halves[0].people),
    waiting('dlib_resnet', 0.5, halves[1].people),
    waiting('facenet', 1.0, range(4)),
  )
  rate, _, ends = found[_OTHERS]['LowKey for mobileface'].partition('; ')
  assert ends == '50 faceres to 100 facenet'
  assert rate.startswith('100 (') and rate.endswith('faceres or dlib_resnet')


def test_of_other_people_there_is_a_range_alone(waiting, cells):
  for other in (
    waiting('facenet', 1.0, range(2), range(2)),
    waiting('facenet', 1.0, ()) | {'protection_counts': None},
  ):
    found = cells(waiting('faceres', 0.5, range(2)), other)
    cell = found[_OTHERS]['LowKey for mobileface']
    assert cell == '50 faceres to 100 facenet'


def test_a_cloak_on_two_networks_has_a_column(make_record, cells):
  made = {'relation': 'white-box', 'adversary': 'baseline'} | _RAW
  found = cells(
    make_record(rate=0.9, **made),
    make_record(rate=0.8, **made) | {'surrogate': ['mobileface', 'faceres']},
    make_record('fawkes_v1', rate=0.7, **made),
    make_record('pgd', rate=0.6, **made),
  )
  (row,) = found.values()
  assert [text.split(' ')[0] for text in [*row.values()][3:]] == [
    '90',
    '70',
    '80',
  ]


def test_detectors_are_shown_by_their_own_decision(make_record, cells):
  judged = {
    'detector': 'feature_space', 'features': 'vgg16', 'jpeg': '',
    'train_attack': 'lowkey', 'surrogate': ['mobileface'], 'recall': 0.1,
    'argmax_recall': 0.75, 'argmax_recall_ci': [0.7, 0.8],
  }  # fmt: skip
  found = cells(
    make_record(rate=0.9, relation='white-box', **_RAW),
    detection=[judged | {'test_attack': 'lowkey'}],
  )
  row = found["detector's recall, argmax, vgg16"]
  assert row['LowKey for mobileface'] == '75 (70-80)'
  assert row['LowKey, paper'] == '99.8'


def test_it_is_on_the_page_and_in_the_tables(make_record, tmp_path):
  records = [make_record(rate=0.9, relation='white-box', **_RAW)]
  page.write_folder(Sources(records), tmp_path)
  assert 'Beside the paper' in (tmp_path / 'report.html').read_text()
  assert '100 (Celeb1M)' in (tmp_path / 'table.md').read_text()
  assert not paper.beside(Sources([make_record('pgd', **_RAW)]))
