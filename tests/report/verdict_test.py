"""The words for protected, not protected and unsure; no false comfort."""

import pytest

from fr_poison.report import page, tables, verdict
from fr_poison.report.grid import arrange


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
  return verdict.sentences(records)[0]


def test_other_cloaks_have_no_verdict(records):
  assert verdict.sentences(records) == []


def test_protected_against_all_is_no_promise(judged):
  records = judged({'mobileface': (0.9, 1), 'faceres': (0.6, 0.8)})
  first, second, *_ = verdict.sentences(records)
  assert first == (
    'These cloaks protect against all of the 2 recognizers tried here. That '
    'is no promise for others: a trainer can choose later than you.'
  )
  assert second == (
    'Protected against: mobileface 95% (90 to 100%); faceres 70% (60 to 80%).'
  )


def test_protected_against_none(judged):
  records = judged({'mobileface': (0, 0.1), 'faceres': (0.2, 0.49)})
  first, second, *_ = verdict.sentences(records)
  assert first == (
    'These cloaks protect against none of the 2 recognizers tried here.'
  )
  assert second.startswith('Not protected against: faceres 34% (20 to 49%); mo')
  records = judged({'mobileface': (0, 0.1), 'faceres': (0.2, 0.6)})
  assert _first(records).endswith('tried here, but 1 of them cannot be told.')


def test_unsure_where_the_interval_holds_half(judged):
  first, second, third, *_ = verdict.sentences(
    judged({'mobileface': (0.44, 1), 'faceres': (0.5, 0.9)}, num_test_images=3)
  )
  assert first.startswith('Nothing can be said for sure: too few pictures')
  assert second.startswith('Too few pictures to tell, against: mobileface 72%')
  # 3 of 3: Wilson's interval is 3 / (3 + 1.96^2) = .44 to 1.
  assert 'from 3 pictures of 40 people; the intervals are up to 56' in third
  assert third.endswith('not even all of them wrong would prove protection: '
                        'give more.')  # fmt: skip
  # 4 of 4: 4 / (4 + 3.84) = .51, more than half.
  four = judged({'mobileface': (0.51, 1)}, num_test_images=4)
  assert not any('not even all' in x for x in verdict.sentences(four))


def test_one_network_only_is_no_protection(judged):
  intervals = {'mobileface': (0.9, 1), 'faceres': (0, 0.1)}
  assert _first(judged(intervals)).startswith(
    'These cloaks protect against one network only, mobileface, as a cloak '
    'does from the network it was made for: do not count on them.'
  )
  known = _first(judged(intervals, surrogate='mobileface'))
  assert known.startswith(
    'These cloaks protect only against what they were made for, mobileface: '
    'do not count on them.'
  )
  # Nor if no other was tried.
  alone = judged({'mobileface': (0.9, 1)}, surrogate='mobileface')
  assert 'only against what they were made for' in _first(alone)
  assert 'one network only' in _first(judged({'mobileface': (0.9, 1)}))


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
    first, second, *_ = verdict.sentences(records)
    assert first.startswith('Nothing can be said for sure')
    assert second.startswith('Wrong about these people without a cloak')
  noise = {'noise_protection_rate': 0.5, 'noise_protection_ci': [0.4, 0.59]}
  assert 'one network only' in _first(judged(intervals, **noise))


def test_pixels_are_no_recognizer(judged):
  records = judged({'mobileface': (0, 0.1), 'pixels': (0.9, 1)})
  assert 'none of the 1' in _first(records)
  assert not any('pixels 9' in text for text in verdict.sentences(records))


def test_recognizers_are_told_apart_and_long_lists_end(judged):
  intervals = {f'net{i}': (0, 0.1) for i in range(8)}
  linear = judged(intervals, recognizer='linear')
  text = verdict.sentences(judged(intervals) + linear)[1]
  assert 'net0, nearest neighbor 5% (0 to 10%)' in text
  assert text.count('%)') == 6 and text.endswith('; 10 more.')


def test_oddities_and_gaps_are_told(judged):
  records = judged({'mobileface': (0, 0.1)}, warnings=['a leak'],
                   left_out=[['x.jpg', 'no face']], num_people=1)  # fmt: skip
  texts = verdict.sentences(records)
  assert 'Beware: a leak.' in texts
  assert 'Left out: 1 pictures, as x.jpg: no face.' in texts
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
  page.write(tmp_path / 'report.html', arrange(records))
  text = (tmp_path / 'report.html').read_text()
  assert text.index('protect against none') < text.index('<table>')
  assert '&lt;x&gt;.jpg</th><td>no face</td>' in text
  assert 'holds faces' not in text  # none were shown
