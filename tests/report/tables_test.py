import pytest

from fr_poison import types
from fr_poison.report import grid as grid_lib
from fr_poison.report import summary, tables


def _cells(line):
  return [cell.strip() for cell in line.strip('|').split(' | ')]


def test_rows_columns_and_numbers(records):
  text = tables.markdown(records)
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
  lines = tables.markdown(records).splitlines()
  assert max(map(len, lines)) <= 120
  table = tables.markdown(records).split('\n\n')[0].splitlines()
  assert len({len(line) for line in table}) == 1  # columns line up


def test_accuracy_table_has_no_noise(records):
  table = tables.markdown(records).split('\n\n')[2]
  assert 'noise' not in table
  assert table.count('98 (96-100)') == 16


def test_hostile_names_stay_in_their_cell(make_record):
  name = 'a|b\n<script>\x1b[31m*'
  text = tables.markdown([make_record(surrogate=name, network=name)])
  assert r'a\|b &lt;script> \[31m\*' in text
  assert '\x1b' not in text and '<script' not in text


def test_what_differs_between_rows_is_in_their_labels(make_record):
  labels = [
    row.label
    for row in grid_lib.arrange(
      [
        make_record(),
        make_record(epsilon=4 / 255),
        make_record(recognizer='linear'),
        make_record('fawkes'),
      ]
    ).rows
  ]
  assert labels == [
    'LowKey for mobileface, 8/255, nearest neighbor',
    'LowKey for mobileface, 4/255, nearest neighbor',
    'LowKey for mobileface, 8/255, linear',
    'Fawkes for mobileface',
  ]


def test_what_the_trainer_did_is_a_column_of_its_own(make_record):
  records = [make_record(), make_record(adversary='adversarial_training')]
  grid = grid_lib.arrange(records)
  assert grid.columns == ['mobileface', 'mobileface, adversarial training']
  (row,) = grid.rows
  assert row.label == 'LowKey for mobileface'
  assert all(map(row.is_own, grid.columns))
  (sentence,) = summary.sentences(records)
  rates = sentence.split('; ')
  assert rates[0].startswith('LowKey at 8/255 made for mobileface: 100% prot')
  assert rates[1].startswith('100% on mobileface, adversarial training (95%')


def test_controls_find_their_attack(make_record):
  control = make_record('noise', control_of='fawkes', epsilon=None)
  orphan = make_record('noise', control_of='pgd')
  grid = grid_lib.arrange([orphan, control, make_record('fawkes')])
  assert [row.label for row in grid.rows] == [
    'Fawkes for mobileface',
    'same-strength noise',
    'noise as strong as PGD for mobileface',
  ]


def test_every_surrogate_is_marked(make_record):
  surrogate = ['mobileface', 'faceres']
  record = make_record(network='faceres') | {'surrogate': surrogate}
  (row,) = grid_lib.arrange([record]).rows
  assert row.is_own('faceres') and not row.is_own('pixels')
  assert row.label == 'LowKey for mobileface + faceres'


def test_records_that_cannot_be_shown(make_record):
  with pytest.raises(types.InputError, match='none'):
    tables.markdown([])
  with pytest.raises(types.InputError, match='two of lowkey'):
    tables.markdown([make_record(), make_record(seed=1)])
  with pytest.raises(types.InputError, match='network'):
    tables.markdown([make_record(network=3)])


@pytest.mark.parametrize(
  'rate,text',
  [(0, '0'), (1, '100'), (0.5, '50'), (0.995, '99.5'), (0.998, '99.8'),
   (0.004, '0.4'), (1 - 1e-12, '100')],
)  # fmt: skip
def test_only_what_is_0_or_100_says_so(rate, text):
  assert grid_lib.percent(rate) == text


def test_intervals_round_outwards():
  assert grid_lib.interval([0.981, 1]) == '98-100'
  assert grid_lib.interval([0, 0.0185]) == '0-2'
  assert grid_lib.interval([0.07, 0.29]) == '7-29'  # 100 * 0.29 < 29


def test_sentences_state_the_result(records):
  first, second, third = summary.sentences(records)
  assert first == (
    'LowKey at 8/255 made for mobileface: 100% protected against a recognizer '
    'built on mobileface (95% interval 96 to 100%; plain noise of the same '
    'strength 2%); on networks it was not made for: 97% on faceres '
    '(93 to 100%; noise 2%) and 3% on dlib_resnet (0 to 8%; noise 2%).'
  )
  assert second.startswith('Fawkes') and 'dlib_resnet: 99.5%' in third


def test_sentence_without_control_or_other_network(make_record):
  assert summary.sentences([make_record(epsilon=None)]) == [
    'LowKey made for mobileface: 100% protected against a recognizer built on '
    'mobileface (95% interval 96 to 100%).'
  ]


def test_half_a_control_is_none(make_record):
  grid = grid_lib.arrange([make_record(noise_protection_rate=0.1)])
  assert [row.kind for row in grid.rows] == ['attack']
