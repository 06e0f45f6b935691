from fr_poison.report import roc_curves


def _record(**fields):
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
  drawing = roc_curves.draw(
    [
      _record(),
      _record(detector='autoencoder', train_attack='none', **other),
      _record(test_attack='pgd'),
      # Other budgets, JPEG and detectors of one tool have tables.
      _record(epsilon=4 / 255),
      _record(jpeg='75 4:2:0'),
      _record(train_attack='fawkes'),
      # Records without a curve, too.
      {k: v for k, v in _record(test_attack='fawkes').items() if k != 'roc'},
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


def test_nothing_to_draw():
  assert roc_curves.draw([]) is None
