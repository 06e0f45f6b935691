"""The trainer who leaves least of a cloak, in a sentence."""

from fr_poison.report import prose


def _records(make_record, **fields):
  """Given cloaks, of which the second network leaves less."""
  found = []
  for network, rate, bare in (('faceres', 0.6, 0.02), ('dlib_resnet', 0.2, 0)):
    given = make_record('given', 'unknown', network, rate, **fields)
    found += [given, make_record('none', '', network, bare)]
  return found


def test_who_breaks_it_most_comes_first_beside_what_else_would(make_record):
  noise = {'noise_protection_rate': 0.05, 'envelope_protection_rate': 0.11}
  _, text, *_ = prose.verdict(
    _records(
      make_record,
      **noise,
      **{name.replace('rate', 'ci'): [0, 0.2] for name in noise},
    )
  )
  assert text == (
    'The strongest trainer tried here is dlib_resnet (nearest neighbor), who '
    'gets 20% of the clean pictures wrong (16 to 24%): 0% without a cloak, 11% '
    'with noise of the same strength instead.'
  )


def test_without_a_control_nothing_stands_beside_it(make_record):
  records = [r for r in _records(make_record) if r['attack'] == 'given']
  _, text, *_ = prose.verdict(records)
  assert text.endswith('clean pictures wrong (16 to 24%).')
  # Who made no record of a tool has no network that it was made for either.
  for record in records:
    record['surrogate'] = []
  records = [r | {'protection_ci': [0.6, 1]} for r in records[:1]]
  assert 'against one only' in prose.verdict(records)[0]
