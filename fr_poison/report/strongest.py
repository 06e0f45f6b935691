"""The trainer who leaves least of a cloak: where its author looks first."""

from fr_poison.report import words

_NOISE = ('spectrum', 'envelope')  # controls that are aimed at nobody


def sentence(given: list[dict], bare: dict[tuple, dict]) -> str:
  """Writes who breaks given cloaks most, what is left, and what else would be.

  Args:
    given: records of the cloaks, at least one.
    bare: of the same without a cloak, by `place`.
  """
  record = min(given, key=lambda r: r['protection_rate'])
  rate, ci = words.rate(record, 'protection', ' to ')
  beside = []
  if without := bare.get(place(record)):
    beside.append(f'{words.rate(without, "protection")[0]}% without a cloak')
  noise = [words.control(record, name)[0] for name in _NOISE]
  if noise := [x for x in noise if x is not None]:
    share = words.percent(max(noise))
    beside.append(f'{share}% with noise of the same strength instead')
  column, recognizer = place(record)
  name = f'{column} ({recognizer})'
  text = words.say('verdict', 'strongest', name=name, rate=rate, ci=ci)
  return f'{text}{": " if beside else ""}{", ".join(beside)}.'


def place(record: dict) -> tuple[str, str]:
  """Names network and trainer, and the recognizer, of a record."""
  return words.column(record), words.recognizer(record)
