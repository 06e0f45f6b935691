"""Every figure: what is drawn where, and what it says to who cannot see."""

import numpy as np
import pytest

from fr_poison import types
from fr_poison.report import figures, prose
from fr_poison.report import moves as moves_lib
from fr_poison.report.sources import Sources


def test_figure_has_a_row_each_move(moves):
  drawing = figures.by_move(moves)
  (axis,) = drawing.figure.axes
  rows = [label.get_text() for label in axis.get_yticklabels()]
  assert [x.replace('\n', ' ') for x in rows] == [*moves_lib.MOVES.values()]
  notes = [text.get_text() for text in axis.texts]
  assert notes == ['nobody enrolled']
  first = 'LowKey: 100% (takes the network that the cloak was made for), 20% ('
  assert drawing.alt.startswith(first)
  assert 'nobody enrolled (drops what a detector finds)' in drawing.alt
  legend = [x.get_text() for x in drawing.figure.legends[0].get_texts()]
  assert legend == ['LowKey', 'no cloak']
  assert 'nearest neighbor' in drawing.caption


def test_a_cloak_of_fewer_people_is_labelled(moves, make_record):
  few = make_record('pgd', num_people=8)
  (legend,) = figures.by_move([*moves, few]).figure.legends
  names = [x.get_text() for x in legend.get_texts()]
  assert names == ['LowKey, 40 people', 'PGD, 8 people', 'no cloak']
  assert '(LowKey, 40 people; PGD, 8 people)' in prose.answer([*moves, few])[0]


def test_one_move_is_no_answer(moves):
  for records in ([], moves[:2], moves[:1]):
    assert figures.by_move(records) is None


@pytest.mark.parametrize(
  'network,year,mark',
  [
    ('dlib_resnet', 2017, ''),
    ('mobileface mirrored', 2018, ''),
    ('mobileface 1a2b3c4d', 2018, '†'),
    ('arcface_r100', 2021, '*'),
    ('facenet_small', 2015, '†'),
  ],
)
def test_years_and_whose_weights(network, year, mark):
  assert figures.year_and_mark(network) == (year, mark)
  assert figures.year_and_mark('nobody_knows') is None
  assert figures.year_and_mark('faceplugin') is None  # its authors do not say


def test_networks_from_old_to_new(records, make_record):
  for network in ('facenet_small', 'nobody_knows', 'facenet'):
    records.append(make_record(rate=0.2, network=network))
  drawing = figures.timeline(records)
  (axis,) = drawing.figure.axes
  rows = [label.get_text() for label in axis.get_yticklabels()]
  assert rows == [
    '2015 facenet_small†',
    '2017 dlib_resnet',
    '2018 facenet*',
    '2018 faceres',
    '2018 mobileface',
  ]
  assert 'own file' in drawing.caption and 'trained here' in drawing.caption
  text = 'LowKey for dlib_resnet: 99.5% (2017 dlib_resnet), 4% (2018 faceres)'
  assert text in drawing.alt
  hollow = sum(x.get_markerfacecolor() == 'none' for x in axis.lines)
  assert hollow == 3  # one for each cloak's own network


def test_only_trainers_who_wait_are_shown(make_record):
  rates = [
    make_record(),
    make_record(rate=0.1, network='faceres', adversary='adaptive'),
    make_record('none', '', rate=0.1, network='faceres'),
  ]
  assert figures.timeline(rates) is None
  assert figures.timeline([]) is None


def _lines(axis):
  return [
    (x.get_label(), x.get_linestyle(), x.get_xydata().tolist())
    for x in axis.lines
  ]


def test_protection_by_budget(make_record):
  make = lambda rate, level, network='mobileface', **fields: make_record(
    rate=rate, epsilon=level / 255, network=network, **fields
  )
  drawing = figures.by_epsilon(
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
    'LowKey, baseline: 30% (2), 90% (8). LowKey, oblivious: 5% (2), 10% (8)'
  )


def test_protection_among_strangers(make_record):
  make = lambda rate, kind, number, *args: make_record(
    *args, rate=rate, distractors=kind, num_distractors=number
  )
  drawing = figures.by_distractors(
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
    ('LowKey, mobileface', '-', [[0, 10], [10, 80]]),
    ('LowKey, mobileface', '--', [[0, 10], [1000, 90]]),
    ('no cloak, mobileface', '-', [[0, 0], [10, 20]]),
  ]
  labels = [label.get_text() for label in axis.get_xticklabels()]
  assert labels == ['0', '10', '1k']
  # Cloaks for two networks have their names; of 600 and 1000 one has a label.
  records = [make(x, 'real', 600, 'lowkey', y) for x, y in ((0, 'a'), (1, 'b'))]
  records += [r | {'num_distractors': 1000} for r in records]
  (axis,) = figures.by_distractors(records).figure.axes
  names = [name for name, *_ in _lines(axis)]
  assert names == [f'LowKey for {x}, mobileface' for x in 'ab']
  assert [x.get_text() for x in axis.get_xticklabels()] == ['1k']


def test_no_curve_of_one_point(make_record):
  assert figures.by_epsilon([]) is None and figures.by_distractors([]) is None
  assert figures.by_epsilon([make_record(), make_record('none', '')]) is None


def _detection(**fields):
  return {
    'detector': 'statistics',
    'features': 'noise',
    'train_attack': 'lowkey+fawkes',
    'test_attack': 'lowkey',
    'epsilon': 8 / 255,
    'jpeg': '',
    'auc': 0.75,
    'roc': {'fpr': [0, 0.25, 1], 'tpr': [0, 0.5, 1]},
  } | fields


def test_a_panel_each_attack_a_line_each_detector():
  other = {'roc': {'fpr': [0, 0, 1], 'tpr': [0, 1, 1]}, 'auc': 1.0}
  drawing = figures.roc(
    [
      _detection(),
      _detection(detector='autoencoder', train_attack='none', **other),
      _detection(test_attack='pgd'),
      # Other budgets, JPEG and detectors of one tool have tables.
      _detection(epsilon=4 / 255),
      _detection(jpeg='75 4:2:0'),
      _detection(train_attack='fawkes'),
      # Records without a curve, too.
      {k: v for k, v in _detection(test_attack='fawkes').items() if k != 'roc'},
    ]
  )
  titles = [axis.get_title() for axis in drawing.figure.axes]
  assert titles == ['LowKey', 'PGD']
  panel, _ = drawing.figure.axes
  lines = [line.get_xydata().tolist() for line in panel.lines]
  guessing = [[0, 0], [100, 100]]
  assert lines == [
    guessing,
    [[0, 0], [25, 50], [100, 100]],
    [[0, 0], [0, 100], [100, 100]],
  ]
  legend = [x.get_text() for x in drawing.figure.legends[0].get_texts()]
  assert legend == ['statistics (noise)', 'autoencoder (noise)']
  assert drawing.alt.startswith('statistics (noise) on LowKey: area 75%. ')


def test_no_panel_without_a_curve():
  assert figures.roc([]) is None


def test_a_line_each_network_from_one_false_accept_on(make_verification):
  better = {'roc': {'fpr': [0, 0, 0.0005, 1], 'tpr': [0, 0.9, 1, 1]}}
  drawing = figures.verification(
    [make_verification(), make_verification('faceres', 0.99, **better)]
  )
  (axis,) = drawing.figure.axes
  first, second = (line.get_xydata().tolist() for line in axis.lines)
  assert first == [[0, 0], [0, 90], [0.05, 100], [100, 100]]
  assert second == [[0, 0], [0, 50], [1, 75], [100, 100]]
  assert axis.get_xscale() == 'log' and axis.get_xlim() == (0.05, 100)
  legend = [x.get_text() for x in drawing.figure.legends[0].get_texts()]
  assert legend == ['faceres', 'mobileface']
  assert drawing.alt == 'faceres: 99.0% right. mobileface: 93.2% right'
  assert '6000 pairs of lfw' in drawing.caption
  drawing.svg()
  assert figures.verification([]) is None


def test_each_choice_has_its_worst_cloak_and_its_clean_accuracy(make_record):
  none = lambda **fields: make_record('none', '', rate=0.0, **fields)
  drawing = figures.trade_off(
    [
      make_record(rate=0.9),
      make_record('fawkes', rate=0.97),  # the worst
      make_record(rate=0.1, adversary='adaptive'),
      none(accuracy=0.99),
      none(accuracy=0.97, adversary='adaptive'),
      make_record(rate=0.1, adversary='top2'),  # nothing without a cloak
    ]
  )
  # The more robust comes first; robustness is 1 - the protection rate.
  assert drawing.alt == (
    'robustness: 90% (mobileface, adaptive), 3% (mobileface). '
    'accuracy: 97% (mobileface, adaptive), 99% (mobileface)'
  )
  (axis,) = drawing.figure.axes
  points = [
    x.get_xydata()[0, 0] for x in axis.lines if len(x.get_xydata()) == 1
  ]
  assert points == pytest.approx([90, 3, 97, 99])
  # The interval [0.93, 1] of the protection rate, turned round.
  bar = axis.collections[1].get_segments()[0]
  assert bar[:, 0].tolist() == pytest.approx([0, 7])


def test_one_choice_is_no_trade_off(make_record):
  records = [make_record(), make_record('none', '', rate=0.0)]
  assert figures.trade_off(records) is None
  assert figures.trade_off([]) is None


@pytest.fixture
def places():
  # Around their mean, the origin: variance 2 * 3^2 along the first axis,
  # 2 * 2^2 along the second, 2 * 1 along the third.
  points = 7 + np.diag([3.0, 2.0, 1.0])
  return figures.project(
    points[:1], 14 - points[:2], np.concatenate([points[1:], 14 - points[2:]])
  )


def test_axes_are_those_of_the_largest_variance(places):
  assert places['explained'] == pytest.approx(26 / 28)
  ((x, y),) = places['clean']
  assert abs(x) == pytest.approx(3) and y == pytest.approx(0)
  (first, second) = places['cloaked']
  assert first == pytest.approx([-x, 0])
  assert abs(second[1]) == pytest.approx(2)
  assert len(places['neighbours']) == 3


def test_map_shows_each_kind(places, make_record):
  drawing = figures.embedding_map(
    [make_record(), make_record(embedding_map=places)]
  )
  (axis,) = drawing.figure.axes
  drawn = {x.get_label(): x.get_xydata().tolist() for x in axis.lines}
  assert drawn | {'explained': places['explained']} == places
  assert '93% of the variance' in drawing.caption
  assert figures.embedding_map([make_record()]) is None


def test_other_arrays_are_refused():
  good = np.zeros((2, 3))
  for bad in (np.zeros((2, 4)), np.zeros((0, 3))):
    with pytest.raises(types.InputError, match='embedding_map'):
      figures.project(good, bad, good)


def test_figures_are_those_that_records_can_fill(records):
  drawings, missing = figures.draw_all(Sources(records))
  names = [drawing.name for drawing in drawings]
  assert names == ['answer', 'timeline', 'accuracy_robustness']
  assert missing == []
  assert figures.draw_all(Sources()).drawings == []
