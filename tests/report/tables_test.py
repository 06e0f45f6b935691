from fr_poison.report import grid as grid_lib
from fr_poison.report import tables
from fr_poison.report.sources import Sources


def _cells(line):
  return [cell.strip() for cell in line.strip('|').split(' | ')]


def test_rows_columns_and_numbers(records):
  text = tables.protection(grid_lib.arrange(records))
  head, _, *rows = text.split('\n\n')[0].splitlines()
  assert _cells(head) == (
    'protection rate,mobileface,faceres,dlib_resnet,pixels,DSSIM,PSNR,L-inf'
  ).split(',')
  assert [_cells(row)[0] for row in rows] == [
    'no cloak',
    'LowKey for mobileface',
    '- same-strength noise',
    'Fawkes for mobileface',
    '- same-strength noise',
    'LowKey for dlib_resnet',
    '- same-strength noise',
  ]
  assert _cells(rows[1])[1:] == [
    '**100** (96-100)',
    '97 (93-100)',
    '3 (0-8)',
    '7 (3-11)',
    '0.0123',
    '34.6',
    '8',
  ]
  # A control from the attack record's own fields has no measures of its own.
  assert _cells(rows[4])[1:] == ['2 (0-5)'] * 4 + ['', '', '']


def test_fits_a_terminal(records):
  lines = tables.protection(grid_lib.arrange(records)).splitlines()
  assert max(map(len, lines)) <= 120
  table = (
    tables.protection(grid_lib.arrange(records)).split('\n\n')[0].splitlines()
  )
  assert len({len(line) for line in table}) == 1  # columns line up


def test_legends_are_of_the_rows_that_are_there(records, make_record):
  plain = tables.protection(grid_lib.arrange(records))
  assert 'in the same places' not in plain and '"after' not in plain
  more = [
    make_record('noise', control_of='fawkes', control='envelope'),
    make_record(saved='JPEG 75'),
  ]
  text = tables.protection(grid_lib.arrange(records + more))
  assert '\n| - noise in the same places ' in text
  assert '\n| - after JPEG 75 ' in text
  for said in ('"noise in the same places": ', '"after ...": '):
    assert text.count(said) == 1
  assert '"somebody else' not in text
  # As many accuracies as before.
  rows = lambda table: table.rpartition('| accuracy')[2].count('\n| ')
  assert rows(text) == rows(plain)


def test_accuracy_table_has_no_noise(records):
  table = tables.protection(grid_lib.arrange(records)).split('\n\n')[2]
  assert 'noise' not in table
  assert table.count('98 (96-100)') == 16


def test_hostile_names_stay_in_their_cell(make_record):
  name = 'a|b\n<script>\x1b[31m*'
  text = tables.protection(
    grid_lib.arrange([make_record(surrogate=name, network=name)])
  )
  assert r'a\|b &lt;script>\\x1b\[31m\*' in text
  assert '\x1b' not in text and '<script' not in text


def test_what_the_trainer_did_is_a_column_of_its_own(make_record):
  records = [make_record(), make_record(adversary='adversarial_training')]
  grid = grid_lib.arrange(records)
  assert grid.columns == ['mobileface', 'mobileface, adversarial training']
  (row,) = grid.rows
  assert row.label == 'LowKey for mobileface'
  assert all(map(row.is_own, grid.columns))


def test_training_seeds_are_shown_beside_their_mean(make_record):
  noise = {'noise_protection_rate': 0.02, 'noise_protection_ci': [0, 0.05]}
  seeds = {'training_seeds': [0, 1, 2], 'over_seeds': [0.9, 1.0, 0.95]}
  grid = grid_lib.arrange([make_record(rate=0.95, **seeds, **noise)])
  text = tables.protection(grid)
  _, _, cloak, control = map(_cells, text.splitlines()[:4])
  assert cloak[1] == '**95** (91-99; seeds 90-100)'
  assert control[1] == '2 (0-5)'
  assert 'Seeds: the lowest and the highest' in text
  assert '98 (96-100)' in text  # the accuracy
  assert r'\textbf{95} (91--99; seeds 90--100)' in tables.latex([grid])
  same = grid_lib.arrange([make_record(over_seeds=[1.0, 1.0])])
  assert '(96-100; seeds 100)' in tables.protection(same)
  once = tables.protection(grid_lib.arrange([make_record()]))
  assert 'seeds' not in once.lower()


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


def _trainer(**fields):
  return {
    'attack': 'lowkey',
    'adversary': 'detecting: statistics',
    'protection_rate': None,
    'protection_ci': None,
    'not_enrolled_rate': 1.0,
    'not_enrolled_ci': [0.72, 1.0],
    'error_rate': 0.02,
    'error_ci': [0.011, 0.052],
    'others_not_enrolled_rate': 0.0,
    'others_not_enrolled_ci': [0.0, 0.2],
  } | fields


def _tables(text):
  """Of each table its head and its rows, as cells."""
  cells = lambda line: [cell.strip() for cell in line.strip('|').split('|')]
  blocks = (block.splitlines() for block in text.split('\n\n'))
  return [
    (cells(b[0]), [cells(line) for line in b[2:]])
    for b in blocks
    if '|' in b[0]
  ]


def test_attacks_are_columns_and_every_kind_of_test_has_its_table():
  both = {'train_attack': 'fawkes+lowkey'}
  text = tables.detection(
    [
      _detection(**both),
      _detection(test_attack='pgd', epsilon=2 / 255, **both),
      _detection(detector='autoencoder', features='plain', train_attack='none'),
      _detection(epsilon=4 / 255, auc=0.7, auc_ci=[0.6, 0.8], **both),
      _detection(jpeg='75 4:2:0', **both),
      _detection(),
    ]
  )
  cell = '93 (90-96), TPR 50'
  assert _tables(text) == [
    (
      ['detector', 'LowKey', 'PGD'],
      [
        ['statistics (noise)', cell, cell],
        ['autoencoder (plain)', cell, ''],
      ],
    ),
    (
      ['detector', 'JPEG', 'LowKey'],
      [['statistics (noise)', '75 4:2:0', cell]],
    ),
    (
      ['detector', 'epsilon', 'LowKey'],
      [['statistics (noise)', '4/255', '70 (60-80), TPR 50']],
    ),
    (
      ['detector', 'trained on', 'LowKey'],
      [['statistics (noise)', 'fawkes', cell]],
    ),
  ]


def _deciding(**fields):
  return (
    _detection(
      train_attack='fawkes+lowkey',
      precision=0.5,
      precision_ci=[0.4, 0.6],
      recall=0.25,
      recall_ci=[0.2, 0.3],
      argmax_precision=None,
      argmax_precision_ci=None,
      argmax_recall=0.0,
      argmax_recall_ci=[0.0, 0.1],
      false_positive_rates={'untouched': 0.015, 'half|size': 1.0},
      false_positive_rates_ci={'untouched': [0, 0.03], 'half|size': [0.9, 1]},
    )
    | fields
  )


def test_what_detectors_flag_has_its_tables():
  squeezing = _deciding(
    detector='squeezing',
    features='toy',
    argmax_recall=None,
    false_positive_rates={'untouched': 0.5, 'sharpened': 0.0},
    false_positive_rates_ci={'untouched': [0.4, 0.6], 'sharpened': [0, 0.2]},
  )
  text = tables.detection(
    [
      _deciding(),
      _deciding(test_attack='pgd', argmax_precision=1.0,
                argmax_precision_ci=[0.8, 1.0], argmax_recall=0.75,
                argmax_recall_ci=[0.7, 0.8]),
      _deciding(processing='half size', recall=1.0, recall_ci=[0.9, 1.0]),
      _deciding(epsilon=4 / 255, recall=1.0, recall_ci=[0.9, 1.0]),
      squeezing,
    ]
  )  # fmt: skip
  plain, _, processed, decided, innocent = _tables(text.replace(r'\|', '!'))
  assert [row[0] for row in plain[1]] == [
    'statistics (noise)',
    'squeezing (toy)',
  ]
  assert processed[0] == ['detector', 'processing', 'LowKey']
  assert processed[1][0][1] == 'half size'
  name, at = 'statistics (noise)', '50 (40-60) / 25 (20-30)'
  assert decided == (
    ['detector', 'decides by', 'LowKey', 'PGD'],
    [
      [name, 'threshold', at, at],
      [name, 'argmax', '- / 0 (0-10)', '100 (80-100) / 75 (70-80)'],
      ['squeezing (toy)', 'threshold', at, ''],
    ],
  )
  assert innocent == (
    ['flagged though innocent', 'untouched', 'half!size', 'sharpened'],
    [
      [name, '2 (0-3)', '100 (90-100)', ''],
      ['squeezing (toy)', '50 (40-60)', '', '0 (0-20)'],
    ],
  )
  assert 'as in the paper' in text and 'sharpened' not in tables.detection(
    [_detection()]
  )


def test_who_is_not_enrolled_has_no_protection_rate():
  text = tables.trainers([_trainer()])
  row = text.split('\n\n')[0].splitlines()[2]
  cells = [cell.strip() for cell in row.strip('|').split('|')]
  assert cells == [
    'LowKey, detecting: statistics',
    '',
    '100 (72-100)',
    '98 (94-99)',
    '0 (0-20)',
  ]


def test_tables_of_all_kinds(records, make_record):
  write = lambda found: tables.markdown(
    found, grid_lib.tables(found.protection)
  )
  text = tables.protection(grid_lib.arrange(records))
  assert write(Sources(records)) == text
  runs = [make_record(), make_record(seed=1)]
  text = write(Sources(runs, detection=[_detection(auc=0.9, auc_ci=[0.8, 1])]))
  assert '## seed 0\n\n' in text and '## seed 1\n\n' in text
  assert '90 (80-100), TPR 50' in text
  assert write(Sources()) == 'No records.\n'


def test_networks_on_pairs_the_best_one_first(make_verification):
  text = tables.verification(
    [
      make_verification('a|b'),
      make_verification(
        'c', 0.9942, input_size=128, crop=[16.4, 0, 95.2, 112.0]
      ),
    ]
  )
  assert _cells(text.splitlines()[0]) == [
    *('network', 'part', 'input', 'accuracy', 'TAR at FAR 0.1%')
  ]
  assert _cells(text.splitlines()[2]) == [
    *('c', '16.4, 0, 95.2, 112', '128', '99.42 ± 0.71', '64.03')
  ]
  assert text.splitlines()[3].startswith(r'| a\|b ')
  assert 'best on the others' in text
