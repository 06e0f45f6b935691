import pytest

from fr_poison.report import answer


@pytest.fixture
def moves(make_record):
  """One attack, every move, and two trainers of some."""
  make = lambda name, rate, network='mobileface', **fields: make_record(
    network=network, rate=rate, adversary=name, **fields
  )
  gone = {'not_enrolled_rate': 1.0, 'protection_rate': None}
  return [
    make_record('none', '', rate=0.01),
    make('baseline', 1.0),
    make('oblivious', 0.97, 'faceres'),
    make('oblivious', 0.033, 'dlib_resnet'),
    make('adaptive', 0.02),
    make('top2', 0.05),
    make('squeezing blur', 0.5),
    make('purifying: jpeg', 0.8),
    make('detecting: statistics', 1.0) | gone,
  ]


@pytest.mark.parametrize(
  'adversary,network,expected',
  [
    ('oblivious', 'mobileface', 'baseline'),  # its own network, after all
    ('baseline', 'faceres', 'oblivious'),
    ('adversarial_training', 'mobileface', 'adaptive'),
    ('threshold', 'mobileface', 'adaptive'),
    ('squeezing bits', 'mobileface', 'cleaning'),
    ('purifying: jpeg', 'mobileface', 'cleaning'),
    ('detecting: alexnet', 'mobileface', 'detecting'),
    ('praying', 'mobileface', 'praying'),
    ('\x1b', 'mobileface', ''),
  ],
)
def test_moves(make_record, adversary, network, expected):
  record = make_record(adversary=adversary, network=network)
  assert answer.move(record) == expected


def test_the_answer_is_one_sentence(moves):
  assert answer.sentence(moves) == (
    'Of the clean pictures of cloaked people (LowKey), a trainer who chooses '
    'well among what was tried gets wrong: 100% when the trainer takes the '
    'network that the cloak was made for (baseline); 3% when the trainer takes '
    'another of the networks tried (oblivious); 2% when the trainer trains on '
    "the public tool's output (adaptive); 50% when the trainer cleans the "
    'pictures first (cleaning); nobody is enrolled when the trainer drops what '
    'a detector finds (detecting). Without a cloak: at most 1%. This holds for '
    'these pictures, networks and settings only: a cloak made on another '
    'network, or with a larger budget, may cross to networks that this one '
    'does not, and a detector may flag clean pictures of another camera.'
  )


def test_the_answer_claims_no_more_than_was_tried(moves):
  told = answer.sentence([r | {'dataset': 'orl, 40 people'} for r in moves])
  assert 'among what was tried on orl, 40 people gets wrong: ' in told
  # With and without a cloak that fails, and on the figure.
  for records in (moves, moves + [moves[-1] | {'attack': 'weak'}]):
    assert 'these pictures, networks and settings only' in answer.sentence(
      records
    )
    drawing = answer.draw(records)
    assert 'was tried' in drawing.caption
    assert 'in this experiment' in ' '.join(drawing.caption.split())


def test_several_attacks_make_a_range_and_the_lost_are_counted(
  moves, make_record
):
  partly = make_record('fawkes', rate=1.0, adversary='detecting: alexnet')
  moves += [make_record('fawkes', rate=0.81), partly]
  moves[-1]['not_enrolled_rate'] = 0.9
  text = answer.sentence(moves)
  assert '(LowKey, Fawkes)' in text and 'wrong: 81 to 100% when' in text
  told = '100% of those still enrolled (nobody with LowKey) when the trainer dr'
  assert told in text


def test_nobody_enrolled_beats_a_rate_and_none_has_every_network(
  moves, make_record
):
  moves.append(make_record(rate=0.9, adversary='detecting: alexnet'))
  found = answer.lowest(moves)
  assert found['lowkey']['detecting']['protection_rate'] is None
  assert found['lowkey']['cleaning']['adversary'] == 'squeezing blur'
  assert found['none'].keys() == {'baseline', 'oblivious'}
  assert list(found) == ['lowkey', 'none']


def test_one_recognizer_and_one_budget_are_compared(moves, make_record):
  others = [
    make_record(rate=0.3, recognizer='linear'),
    make_record(rate=0.2, epsilon=2 / 255),
    make_record('noise', rate=0.1, control_of='lowkey'),
    make_record('history', rate=0.1),
    make_record(rate=0.1, network='pixels'),
  ]
  by_attack = lambda records: sorted(map(str, records))
  assert by_attack(answer.comparable(others[:1] + moves + others[1:])) == (
    by_attack(moves)
  )


def test_figure_has_a_row_each_move(moves):
  drawing = answer.draw(moves)
  (axis,) = drawing.figure.axes
  rows = [label.get_text() for label in axis.get_yticklabels()]
  assert rows == list(answer.MOVES)
  notes = [text.get_text() for text in axis.texts]
  assert notes == ['nobody enrolled'] and drawing.alt == answer.sentence(moves)
  legend = [x.get_text() for x in drawing.figure.legends[0].get_texts()]
  assert legend == ['LowKey', 'no cloak']
  assert 'nearest neighbor' in drawing.caption


def test_nothing_to_answer(moves):
  for records in ([], moves[:2], moves[:1]):
    assert answer.sentence(records) == '' and answer.draw(records) is None


def test_cloaks_that_never_work_are_named_and_not_counted(moves, make_record):
  weak = make_record(attack='protected_set', rate=0.1)
  weaker = make_record('protected_set', network='faceres', rate=0.02)
  text = answer.sentence([*moves, weak, weaker])
  assert text.startswith(answer.sentence(moves).partition('. This holds')[0])
  assert (
    'Not counted: Protected set, with the settings of this run at most 10%'
  ) in text
  assert answer.protecting([weak, weaker]) == [weak, weaker]  # all there is
