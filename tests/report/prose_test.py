from fr_poison.report import grid as grid_lib
from fr_poison.report import prose
from fr_poison.report.sources import Sources


def test_sentences_state_the_result(records):
  first, second, third = prose.sentences(grid_lib.arrange(records))
  assert first == (
    'LowKey at 8/255 made for mobileface: 100% protected against a recognizer '
    'built on mobileface (95% interval 96 to 100%; plain noise of the same '
    'strength 2%); on networks it was not made for: 97% on faceres '
    '(93 to 100%; noise 2%) and 3% on dlib_resnet (0 to 8%; noise 2%).'
  )
  assert second.startswith('Fawkes') and 'dlib_resnet: 99.5%' in third


def test_sentence_without_control_or_other_network(make_record):
  assert prose.sentences(grid_lib.arrange([make_record(epsilon=None)])) == [
    'LowKey made for mobileface: 100% protected against a recognizer built on '
    'mobileface (95% interval 96 to 100%).'
  ]


def test_page_begins_with_the_answer(records, make_record):
  begin = lambda records, skipped=(): prose.lead(
    Sources(records, skipped=[*skipped]), grid_lib.tables(records)
  )
  (answer,) = begin(records)
  assert answer.startswith('Of the clean pictures')
  (result,) = begin([make_record()])
  assert result.startswith('LowKey at 8/255 made for mobileface: 100%')
  (nothing,) = begin([])
  assert nothing.startswith('There are no records')
  seeds, skipped = begin([make_record(), make_record(seed=1)], ['a line'])
  assert seeds.startswith('Here are 2 runs') and 'not used' in skipped


def test_what_was_tested_is_not_said_to_be_missing(make_record):
  records = [make_record(dataset='orl, 40 people')]
  text = ' '.join(prose.limits(Sources(records)))
  assert '(detecting)' in text and 'ORL is 40 people' in text
  trainer = make_record(adversary='detecting: statistics')
  text = ' '.join(prose.limits(Sources(trainers=[trainer])))
  assert '(detecting)' not in text and 'ORL' not in text
