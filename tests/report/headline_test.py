"""The sentence above everything: short, and of what was tried alone."""

import pytest

from fr_poison.report import headline
from fr_poison.report.sources import Sources


def _say(records, **kinds):
  text, figure = headline.of(Sources(records, **kinds))
  assert len(text.split()) <= 30, text
  return text, figure


def test_the_trainers_best_answer_is_what_is_left(moves):
  # Whoever drops people recognises nobody by a cloak: that is no answer.
  partly = moves[-1] | {'protection_rate': 0.0, 'not_enrolled_rate': 0.5}
  for records in (moves, [*moves, partly]):
    text, figure = _say(records)
    assert text == (
      'LowKey hides 100% of people’s pictures from the recognizer it was made '
      'for, and 2% when its trainer answers best.'
    )
    assert figure == 'answer'


def test_a_cloak_of_fewer_people_or_trainers_is_not_the_strongest(
  moves, make_record
):
  few = [
    make_record('pgd', network=network, num_people=8)
    for network in ('mobileface', 'faceres')
  ]
  assert _say([*moves, *few]) == _say(moves)
  untried = make_record('fawkes', rate=1.0)
  text, _ = _say([*moves, untried])
  assert text.startswith('LowKey, the strongest cloak tried, hides 100%')


def test_one_trainer(make_record):
  assert _say([make_record()])[0] == (
    'LowKey hides 100% of people’s pictures from the recognizer it was made '
    'for; no other was tried.'
  )
  others = make_record(network='faceres', rate=0.2)
  assert 'hides 20% of people’s pictures when' in _say([others])[0]


def test_recognizers_that_fail_anyway_are_named(moves, make_record):
  bare = make_record('none', '', rate=0.42, adversary='adaptive')
  text, _ = _say([*moves, bare])
  assert text.endswith('best; 42% without any cloak.')
  assert 'without any cloak' not in _say(moves)[0]


def test_who_is_cloaked(make_record):
  records = [
    make_record(rate=rate, gallery=gallery, probe=probe)
    for rate, gallery, probe in (
      *((0.99, 'cloaked', 'clean'), (0.1, 'cloaked', 'cloaked')),
      (0.97, 'clean', 'cloaked'),
    )
  ]
  assert _say(records) == (
    'Of the pictures, cloaks hide at best 99% when a recognizer learns from '
    'cloaked ones, 97% when it is asked about a cloaked one, 10% when '
    'everything is cloaked.',
    'cells',
  )
  adaptive = make_record(rate=0.3, adversary='adaptive')
  assert _say([*records, adaptive])[1] == 'answer'


def test_rounds(make_record):
  records = [
    make_record(rate=rate, round=trainer, cloak_round=cloak)
    for rate, cloak, trainer in ((1.0, 0, 0), (0.1, 0, 1))
  ]
  text, figure = _say(records)
  assert figure == 'rounds' and '100% of the pictures at first, and 10%' in text


@pytest.mark.parametrize(
  'kind,fields,said',
  [
    (
      'distractors',
      {'num_distractors': 1000, 'distractors': 'real'},
      'knows 1,000 strangers as well, cloaks hide 100% of',
    ),
    (
      'detection',
      {'jpeg': '', 'test_attack': 'pgd', 'tpr_at_fpr': {'0.01': 0.5}},
      'The best detector finds 50% of the cloaked pictures',
    ),
  ],
)
def test_other_kinds(kind, fields, said, make_record):
  assert said in _say([], **{kind: [make_record() | fields]})[0]


def test_pairs_of_pictures(make_verification):
  networks = [make_verification('worse', 0.8), make_verification('better')]
  text, _ = _say([], verification=networks)
  assert text.startswith('The best network, better, says rightly of 93.2% of 6')


def test_no_cloak_is_no_answer(make_record):
  assert _say([make_record('none', '')])[0].startswith('No cloak was tried')
