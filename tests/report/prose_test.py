"""What is said, above all where a reader might take false comfort."""

import pytest

from fr_poison.report import figures, page, prose, tables
from fr_poison.report import grid as grid_lib
from fr_poison.report import moves as moves_lib
from fr_poison.report.grid import arrange
from fr_poison.report.sources import Sources


def test_the_answer_claims_no_more_than_was_tried(moves):
  said = prose.answer([r | {'dataset': 'orl, 40 people'} for r in moves])
  assert said[0] == (
    'This is of the pictures of people who cloaked (LowKey) on orl, 40 people; '
    'the trainer chooses best among what was tried.'
  )
  # With and without a cloak that fails, and on the figure.
  for records in (moves, moves + [moves[-1] | {'attack': 'weak'}]):
    assert 'networks and settings only' in prose.answer(records)[-1]
    caption = ' '.join(figures.by_move(records).caption.split())
    assert 'was tried' in caption and 'In this experiment' in caption


def test_nothing_to_answer(moves):
  for records in ([], moves[:2], moves[:1]):
    assert prose.answer(records) == []


def test_cloaks_that_never_work_are_named_and_not_counted(moves, make_record):
  weak = make_record(attack='protected_set', rate=0.1)
  weaker = make_record('protected_set', network='faceres', rate=0.02)
  *texts, failing, limits = prose.answer([*moves, weak, weaker])
  assert [*texts, limits] == prose.answer(moves)
  said = 'Not counted: Protected set, with the settings of this run at most 10%'
  assert failing.startswith(said)
  assert moves_lib.protecting([weak, weaker]) == [weak, weaker]  # all there is


def test_page_begins_with_the_answer(records, make_record):
  begin = lambda records, skipped=(): prose.lead(
    Sources(records, skipped=[*skipped]), grid_lib.tables(records)
  )
  first, *answer = begin(records)
  assert first.startswith('LowKey, the strongest cloak tried, hides 100%')
  assert answer == prose.answer(records)
  (first,) = begin([make_record()])
  assert first.endswith('no other was tried.')
  (nothing,) = begin([])
  assert nothing.startswith('There are no records')
  _, seeds, skipped = begin([make_record(), make_record(seed=1)], ['a line'])
  assert seeds.startswith('Here are 2 runs') and 'not used' in skipped


def test_the_next_command_is_the_first_that_is_missing(make_record):
  step = lambda **kinds: prose.next_step(Sources(**kinds))[1].split('/')[-1]
  run, adaptive = make_record(), make_record(adversary='adaptive')
  assert step(protection=[run]) == 'adaptive.py'
  assert step(protection=[adaptive]) == 'detect.py'
  seen = {'detection': [{}], 'distractors': [{}]}
  assert step(protection=[adaptive], **seen) == 'tracking.py'
  follower = make_record(adversary='dyntracker')
  assert step(protection=[adaptive, follower], **seen) == ''
  _, command = prose.next_step(Sources([make_record('given')]))
  assert 'my_cloaks.py:adaptive' in command and '--config.originals=' in command


def test_what_was_tested_is_not_said_to_be_missing(make_record):
  records = [make_record(dataset='orl, 40 people')]
  text = ' '.join(prose.limits(Sources(records)))
  assert '(detecting)' in text and 'ORL is 40 people' in text
  trainer = make_record(adversary='detecting: statistics')
  text = ' '.join(prose.limits(Sources(trainers=[trainer])))
  assert '(detecting)' not in text and 'ORL' not in text
  assert 'noise of a camera' not in text
  text = ' '.join(prose.limits(Sources(detection=[{'detector': 'statistics'}])))
  assert 'noise of a camera' in text  # what a detector may flag as well
  tested = [{'detector': 'statistics', 'false_positive_rates': {'x': 0.1}}]
  text = ' '.join(prose.limits(Sources(detection=tested)))
  assert 'noise of a camera' not in text


@pytest.fixture
def judged(make_record):
  """judged({'mobileface': (.9, 1)}): given cloaks with these intervals."""

  def make(intervals, bare=(0, 0.04), surrogate='unknown', **fields):
    found = []
    for network, ci in intervals.items():
      place = {'network': network, 'protection_ci': list(ci)}
      given = make_record('given', surrogate, network, sum(ci) / 2, **fields)
      found.append(given | place | {'epsilon': None})
      none = make_record('none', '', network, sum(bare) / 2)
      found.append(none | place | {'protection_ci': list(bare)})
    return found

  return make


def _first(records):
  return prose.verdict(records)[0]


def test_other_cloaks_have_no_verdict(records):
  assert prose.verdict(records) == []


def test_protected_against_all_is_no_promise(judged):
  records = judged({'mobileface': (0.9, 1), 'faceres': (0.6, 0.8)})
  first, _, second, *_ = prose.verdict(records)
  assert first == (
    'These cloaks protect against all of the 2 recognizers tried here. That '
    'is no promise for others: a trainer can choose later than you.'
  )
  assert second == (
    'Protected against: faceres 70% (60 to 80%); mobileface 95% (90 to 100%).'
  )


def test_protected_against_none(judged):
  records = judged({'mobileface': (0, 0.1), 'faceres': (0.2, 0.49)})
  first, _, second, *_ = prose.verdict(records)
  assert first == (
    'These cloaks protect against none of the 2 recognizers tried here.'
  )
  assert second.startswith('Not protected against: mobileface 5% (0 to 10%); f')
  records = judged({'mobileface': (0, 0.1), 'faceres': (0.2, 0.6)})
  assert _first(records).endswith(
    'here; of 1 there are too few pictures to say.'
  )


def test_unsure_where_the_interval_holds_half(judged):
  few = {'num_people': 4, 'num_test_images': 12}
  first, _, second, third, *_ = prose.verdict(
    judged({'mobileface': (0.44, 1), 'faceres': (0.5, 0.9)}, **few)
  )
  assert first.startswith('Nothing can be said for sure: too few pictures')
  assert second.startswith('Too few pictures to say, against: faceres 70%')
  # 4 of 4 people: .05^(1/4) = .47 to 1.
  assert 'from 12 pictures of 4 people; the intervals are up to 56' in third
  assert third.endswith('not even all of them wrong would prove protection: '
                        'give more, of five people or of one.')  # fmt: skip
  # 5 of 5 people: .55, more than half. Of one person 3 pictures give Wilson's
  # 3 / (3 + 1.96^2) = .44, and 4 give 4 / (4 + 3.84) = .51.
  for people, pictures, few in ((5, 5, False), (1, 3, True), (1, 4, False)):
    given = {'num_people': people, 'num_test_images': pictures}
    said = prose.verdict(judged({'mobileface': (0.51, 1)}, **given))
    assert any('not even all' in text for text in said) == few


def test_few_pictures_do_show_where_a_cloak_does_nothing(judged):
  # Nothing is sure of 0 to 64%, but it is what no cloak gives as well.
  records = judged({'mobileface': (0, 0.64)}, bare=(0, 0.64))
  records += judged({'faceres': (0.4, 1)}, bare=(0, 0.64))
  assert _first(records) == (
    'Do not count on these cloaks: against 1 of the 2 recognizers tried here '
    'they do nothing, and there are too few pictures to say more.'
  )
  assert 'against all of the 1 recognizers tried' in _first(records[:2])
  assert _first(records[2:]).startswith('Nothing can be said for sure')


def test_a_trainer_who_filters_cleans_the_pictures(make_record):
  said = 'A trainer cleaning the pictures first'
  not_tested = lambda **of: ' '.join(prose.not_tested([make_record(**of)]))
  assert said in not_tested() and said in not_tested(adversary='adaptive')
  for adversary in ('squeezing blur', 'purifying: jpeg', 'puface'):
    assert said not in not_tested(adversary=adversary)


def test_one_network_only_is_no_protection(judged):
  intervals = {'mobileface': (0.9, 1), 'faceres': (0, 0.1)}
  assert _first(judged(intervals)).startswith(
    'Of the networks tried here these cloaks protect against one only, '
    'mobileface, perhaps the one they were made for: do not count on them.'
  )
  known = _first(judged(intervals, surrogate='mobileface'))
  assert known.startswith(
    'Of the 2 recognizers tried here these cloaks protect only against what '
    'they were made for, mobileface: do not count on them.'
  )
  assert known.endswith('what is not listed was not tried.')
  # Nor if no other was tried.
  alone = judged({'mobileface': (0.9, 1)}, surrogate='mobileface')
  assert 'only against what they were made for' in _first(alone)
  assert 'against one only' in _first(judged({'mobileface': (0.9, 1)}))


def test_every_verdict_says_that_only_these_were_tried(judged):
  for own, other in (
    ((0.9, 1), (0, 0.1)),
    ((0.9, 1), (0.9, 1)),
    ((0, 0.1),) * 2,
  ):
    for surrogate in ('unknown', 'mobileface'):
      intervals = {'mobileface': own, 'faceres': other}
      assert 'tried here' in _first(judged(intervals, surrogate=surrogate))


def test_protected_against_some(judged):
  first = _first(
    judged(
      {'mobileface': (0.9, 1), 'faceres': (0.8, 1), 'dlib_resnet': (0, 0.1)}
    )
  )
  assert first.startswith(
    'These cloaks protect against 2 of the 3 recognizers tried here, and not '
    'for sure against the other 1.'
  )
  assert first.endswith('do not count on them.')


def test_errors_made_anyway_are_no_protection(judged):
  intervals = {'mobileface': (0.6, 1)}
  for records in (
    judged(intervals, bare=(0.5, 0.7)),
    judged(intervals, noise_protection_rate=0.5,
           noise_protection_ci=[0.4, 0.6]),
  ):  # fmt: skip
    first, _, second, *_ = prose.verdict(records)
    assert first.startswith('Nothing can be said for sure')
    assert second.startswith('Wrong about these people without a cloak')
  noise = {'noise_protection_rate': 0.5, 'noise_protection_ci': [0.4, 0.59]}
  assert 'against one only' in _first(judged(intervals, **noise))


@pytest.mark.parametrize('control', ['noise', 'envelope'])
def test_the_strongest_control_decides(judged, control):
  weak = {f'{c}_protection_rate': 0.1 for c in ('noise', 'envelope', 'another')}
  weak |= {name.replace('rate', 'ci'): [0, 0.2] for name in weak}
  for high, expected in (
    (0.6, 'Wrong about these people without a cloak, too, or by mere noise: '
     'mobileface 80% (60 to 100%).'),
    (0.59, 'Protected against: mobileface 80% (60 to 100%).'),
  ):  # fmt: skip
    strong = {
      f'{control}_protection_rate': 0.5,
      f'{control}_protection_ci': [0.4, high],
    }
    records = judged({'mobileface': (0.6, 1)}, **weak | strong)
    assert prose.verdict(records)[2] == expected


def test_a_cloak_that_is_aimed_at_nobody_protects_and_that_is_said(judged):
  """Anybody's mask does as much: no sign of a recognizer that is blind."""
  another = {
    'another_protection_rate': 0.8,
    'another_protection_ci': [0.6, 1],
  }
  first, _, second, *_ = prose.verdict(
    judged({'mobileface': (0.6, 1)}, **another)
  )
  assert first.startswith('Of the networks tried here these cloaks protect')
  assert second == (
    "Protected, but as well by somebody else's cloak, so that one which "
    'everybody knows does as much, against: mobileface 80% (60 to 100%).'
  )
  noise = {'noise_protection_rate': 0.8, 'noise_protection_ci': [0.6, 1]}
  records = judged({'mobileface': (0.6, 1)}, **another, **noise)
  assert prose.verdict(records)[2].startswith('Wrong about these people')


def test_one_cell_is_judged_and_another_threat_is_named(judged):
  evasion = {'gallery': 'clean', 'probe': 'cloaked'}
  second = judged({'mobileface': (0, 0.1)}, **evasion)
  first = judged({'mobileface': (0.9, 1)})
  assert prose.verdict(first + second) == prose.verdict(first)
  threat, headline, *_ = prose.verdict(second)
  assert threat.startswith('Gallery clean, probe cloaked (2B): the recognizer')
  assert headline.startswith('These cloaks protect against none')


def test_the_verdict_is_about_cloaks_as_they_were_given(judged):
  records = judged({'mobileface': (0.9, 1), 'faceres': (0.9, 1)})
  alone = prose.verdict(records)
  after = judged(
    {'mobileface': (0, 0.06), 'faceres': (0.8, 0.96)}, saved='JPEG 75'
  )
  after += judged({'mobileface': (0, 0.2), 'faceres': (0.1, 0.1)}, saved='half')
  given = [r for r in after if r['attack'] == 'given']
  texts = prose.verdict(records + given)
  said = [
    'After JPEG 75 the same recognizers get 3 to 88% wrong.',
    'After half the same recognizers get 10% wrong.',
  ]
  assert [x for x in texts if x not in said] == alone
  assert texts[-3:-1] == said


def test_pixels_are_no_recognizer(judged):
  records = judged({'mobileface': (0, 0.1), 'pixels': (0.9, 1)})
  assert 'none of the 1' in _first(records)
  assert not any('pixels 9' in text for text in prose.verdict(records))


def test_recognizers_are_kept_apart_and_long_lists_end(judged):
  intervals = {f'net{i}': (0, 0.1) for i in range(8)}
  linear = judged(intervals, recognizer='linear')
  text = prose.verdict(judged(intervals) + linear)[2]
  assert 'net0, nearest neighbor 5% (0 to 10%)' in text
  assert text.count('%)') == 6 and text.endswith('; 10 more.')
  raw = judged({'net0': (0, 0.1)}, recipe='raw')
  text = prose.verdict(judged({'net0': (0, 0.1)}) + raw)[2]
  assert 'net0, nearest neighbor 5%' in text and 'net0, raw 5%' in text


def test_oddities_and_gaps_are_reported(judged):
  records = judged({'mobileface': (0, 0.1)}, warnings=['a leak'],
                   left_out=[['x.jpg', 'no face']], num_people=1)  # fmt: skip
  texts = prose.verdict(records)
  assert 'Beware: a leak.' in texts
  assert 'Left out: 1 picture, as x.jpg: no face.' in texts
  assert (
    texts[-1].startswith('Not tested: A trainer') and 'adaptive' in texts[-1]
  )
  assert any('of 1 person;' in text for text in texts)


def test_it_stands_above_the_table_and_on_the_page(judged, tmp_path):
  records = judged({'mobileface': (0, 0.1)}, left_out=[['<x>.jpg', 'no face']])
  text = tables.protection(arrange(records))
  first, rest = text.split('\n\n', 1)
  assert first.startswith('These cloaks protect against none')
  assert '| Your cloaks' in rest and '<x>' not in text
  assert max(map(len, text.splitlines())) <= 100
  page.write(tmp_path / 'report.html', [arrange(records)])
  text = (tmp_path / 'report.html').read_text()
  assert text.index('protect against none') < text.index('<table ')
  assert '&lt;x&gt;.jpg</th><td>no face</td>' in text
  assert 'holds faces' not in text  # none were shown
