import numpy as np
import pytest

from fr_poison.report import curves


def _lines(axis):
  return [
    (x.get_label(), x.get_linestyle(), x.get_xydata().tolist())
    for x in axis.lines
  ]


def test_protection_by_budget(make_record):
  make = lambda rate, level, network='mobileface', **fields: make_record(
    rate=rate, epsilon=level / 255, network=network, **fields
  )
  drawing = curves.by_epsilon(
    [
      make(0.9, 8),
      make(0.3, 2),
      make(0.2, 8, 'faceres'),
      make(0.1, 8, 'dlib_resnet'),
      make(0.05, 2, 'faceres'),
      make(0.01, 2, recognizer='linear'),
      make(0.5, 8, 'mobileface', attack='fawkes'),  # at one budget only
      make_record('none', '', rate=0.0),
    ]
  )
  (axis,) = drawing.figure.axes
  assert _lines(axis) == [
    ('LowKey', '-', pytest.approx(np.array([[2, 30], [8, 90]]))),
    ('LowKey', '--', pytest.approx(np.array([[2, 5], [8, 10]]))),
  ]
  (legend,) = drawing.figure.legends
  assert [x.get_text() for x in legend.get_texts()] == ['LowKey']
  assert drawing.alt == (
    'LowKey, baseline: 30% at 2, 90% at 8 grey levels. '
    'LowKey, oblivious: 5% at 2, 10% at 8 grey levels'
  )


def test_protection_among_strangers(make_record):
  make = lambda rate, kind, number, *args: make_record(
    *args, rate=rate, distractors=kind, num_distractors=number
  )
  drawing = curves.by_distractors(
    [
      make(0.9, 'model', 1000),
      make(0.1, 'none', 0),
      make(0.8, 'real', 10),
      make(0.0, 'none', 0, 'none', ''),
      make(0.2, 'real', 10, 'none', ''),
    ]
  )
  (axis,) = drawing.figure.axes
  assert _lines(axis) == [
    ('LowKey for mobileface, mobileface', '-', [[0, 10], [10, 80]]),
    ('LowKey for mobileface, mobileface', '--', [[0, 10], [1000, 90]]),
    ('no cloak, mobileface', '-', [[0, 0], [10, 20]]),
  ]
  labels = [label.get_text() for label in axis.get_xticklabels()]
  assert labels == ['0', '10', '1k']


def test_nothing_to_draw(make_record):
  assert curves.by_epsilon([]) is None and curves.by_distractors([]) is None
  assert curves.by_epsilon([make_record(), make_record('none', '')]) is None
