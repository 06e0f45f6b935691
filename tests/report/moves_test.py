import pytest

from fr_poison.report import moves as moves_lib


@pytest.mark.parametrize(
  'adversary,network,expected',
  [
    ('oblivious', 'mobileface', 'baseline'),  # its own network, after all
    ('oblivious', 'mobileface mirrored', 'baseline'),
    ('baseline', 'faceres', 'another family'),  # as a record need not say
    ('oblivious', 'of somebody', 'oblivious'),
    ('adversarial_training', 'mobileface', 'adaptive'),
    ('threshold', 'mobileface', 'adaptive'),
    ('squeezing bits', 'mobileface', 'cleaning'),
    ('purifying: jpeg', 'mobileface', 'cleaning'),
    ('puface', 'mobileface', 'cleaning'),
    ('dyntracker', 'mobileface', 'following'),
    ('detecting: alexnet', 'mobileface', 'detecting'),
    ('praying', 'mobileface', 'praying'),
    ('\x1b', 'mobileface', r'\x1b'),
  ],
)
def test_moves(make_record, adversary, network, expected):
  record = make_record(adversary=adversary, network=network)
  assert moves_lib.move(record) == expected


@pytest.mark.parametrize('relation', ['same family', 'another family'])
def test_other_networks_are_of_the_family_or_not(make_record, relation):
  record = make_record(network='faceres', relation=relation)
  assert moves_lib.move(record) == relation
  own = make_record(network='mobileface', relation='white-box')
  assert moves_lib.move(own) == 'baseline'


def test_a_field_says_what_kind_a_trainer_is(make_record):
  record = make_record(adversary='my best, tuned')
  assert moves_lib.move(record | {'kind': 'squeezing'}) == 'cleaning'
  assert moves_lib.move(record | {'kind': 'top2'}) == 'adaptive'
  assert moves_lib.move(record) == 'my'


def test_recipes_are_not_compared_with_each_other(make_record):
  raw = make_record(recipe='raw', rate=0.2)
  records = [make_record(rate=0.9), make_record('fawkes'), raw]
  assert moves_lib.comparable(records) == records[:2]


def test_nobody_enrolled_beats_a_rate(moves, make_record):
  moves.append(make_record(rate=0.9, adversary='detecting: alexnet'))
  found = moves_lib.lowest(moves)
  assert found['lowkey']['detecting']['protection_rate'] is None
  assert found['lowkey']['cleaning']['adversary'] == 'squeezing blur'
  assert list(found) == ['lowkey', 'none']


def test_beside_a_choice_stand_its_own_errors_without_a_cloak(
  moves, make_record
):
  # The errors of networks that nobody chose do not count.
  for network, rate in (('another', 0.3), ('one', 0.5)):
    moves.append(make_record('none', '', network, rate))
  moves.append(make_record('none', '', rate=0.2, adversary='adaptive'))
  fawkes = make_record('fawkes', network='one', rate=0.6)
  for records, oblivious in ((moves, 0.3), ([*moves, fawkes], 0.5)):
    found = moves_lib.lowest(records)['none']
    rates = {name: r['protection_rate'] for name, r in found.items()}
    assert rates == {'baseline': 0.01, 'oblivious': oblivious, 'adaptive': 0.2}


def test_one_recognizer_and_one_budget_are_compared(moves, make_record):
  others = [
    make_record(rate=0.3, recognizer='linear'),
    make_record(rate=0.2, epsilon=2 / 255),
    make_record('noise', rate=0.1, control_of='lowkey'),
    make_record(rate=0.2, saved='JPEG 75'),
    make_record('history', rate=0.1),
    make_record(rate=0.1, network='pixels'),
  ]
  by_attack = lambda records: sorted(map(str, records))
  assert by_attack(moves_lib.comparable(others[:1] + moves + others[1:])) == (
    by_attack(moves)
  )


def test_each_attack_is_shown_on_one_surrogate(make_record):
  two = make_record(rate=0.1) | {'surrogate': ['mobileface', 'faceres']}
  others = [make_record(), make_record(network='faceres')]
  fawkes = make_record('fawkes', 'dlib_resnet')
  found = moves_lib.on_one_surrogate([two, *others, fawkes])
  assert found == [*others, fawkes]


def test_where_no_cloak_protects_none_is_left_out(make_record):
  weak = make_record(rate=0.1)
  assert moves_lib.protecting([weak]) == [weak]
  strong = make_record('fawkes', rate=0.9)
  assert moves_lib.protecting([weak, strong]) == [strong]
