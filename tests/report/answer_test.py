import pytest

from fr_poison.report import answer


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
    'well gets wrong: 100% when he takes the network that the cloak was made '
    'for (baseline); 3% when he takes another network (oblivious); 2% when he '
    "trains on the public tool's output (adaptive); 50% when he cleans the "
    'pictures first (cleaning); nobody is enrolled when he drops what a '
    'detector finds (detecting). Without a cloak: at most 1%.'
  )


def test_several_attacks_make_a_range_and_the_lost_are_told(moves, make_record):
  partly = make_record('fawkes', rate=1.0, adversary='detecting: alexnet')
  moves += [make_record('fawkes', rate=0.81), partly]
  moves[-1]['not_enrolled_rate'] = 0.9
  text = answer.sentence(moves)
  assert '(LowKey, Fawkes)' in text and 'wrong: 81 to 100% when' in text
  told = '100% of those still enrolled (nobody with LowKey) when he drops'
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


def test_nothing_to_answer(moves):
  for records in ([], moves[:2], moves[:1]):
    assert answer.sentence(records) == ''


def test_cloaks_that_never_work_are_named_and_not_counted(moves, make_record):
  weak = make_record(attack='protected_set', rate=0.1)
  weaker = make_record('protected_set', network='faceres', rate=0.02)
  text = answer.sentence([*moves, weak, weaker])
  assert text.startswith(answer.sentence(moves).removesuffix('.'))
  assert 'Not counted: Protected set, at most 10% even before' in text
  assert answer.protecting([weak, weaker]) == [weak, weaker]  # all there is
