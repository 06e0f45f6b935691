"""Names and numbers as every table, figure and sentence writes them."""

import math
import pathlib
import tomllib
from collections.abc import Iterable

from fr_poison import extractors, text
from fr_poison.report import kinds

AND = ', '  # between a column's network and its trainer
clean = text.line  # as every name is written
PIXELS = 'pixels'  # the network that is none: 1-NN on raw pixels
TEXTS = tomllib.loads(
  pathlib.Path(__file__).with_name('texts.toml').read_text(encoding='utf-8')
)
# Axes of figures.
RATE = 'pictures the recognizer gets wrong, %'
BUDGET = 'largest change of a pixel, of 255 grey levels'


def say(section: str, name: str, /, **values: object) -> str:
  """Writes a sentence of texts.toml on one line, with values filled in."""
  return TEXTS[section][name].replace('\n', '').format(**values)


def short(name: str, longest: int = 30) -> str:
  """Cuts a name for a label: one line of at most so many characters."""
  name = clean(name)
  return name if len(name) <= longest else name[: longest - 1] + '…'


def plain(identifier: str) -> str:
  """Writes an identifier, as `nearest_neighbor`, in words."""
  return identifier.replace('_', ' ')


def attack_name(attack: str) -> str:
  """Writes the attack's name as its authors do."""
  return TEXTS['attacks'].get(attack) or clean(attack)


def version_name(record: dict) -> str:
  """Names the cloak, or what was scraped beside it: a control, a saved one."""
  if record['attack'] == 'noise':
    return control_name(record, record.get('control', 'spectrum'))
  if record.get('saved') is not None:
    return f'after {clean(record["saved"])}'
  return attack_name(record['attack'])


def cell_name(record: dict) -> str:
  """Names who is cloaked: 1A, 1B (nobody), 2A or 2B, as `evaluation.CELLS`."""
  if record['attack'] == 'none':
    return '1B'
  is_cloaked = record.get('probe', 'clean') == 'cloaked'
  in_gallery = record.get('gallery', 'cloaked') == 'cloaked'
  return ('2' if is_cloaked else '1') + ('A' if in_gallery else 'B')


def cell_title(record: dict) -> str:
  """Says the same in words, and whether other people's are cloaked, too."""
  titles = TEXTS['cells']
  title = titles[cell_name(record)]
  is_alone = record.get('others', 'clean') == 'clean'
  return title if is_alone else f'{title}{AND}{titles["others"]}'


def control_name(record: dict, name: str, where: str = 'row') -> str:
  """Names a control of a cloak; of a mask it is somebody else's mask.

  Args:
    record: of the cloak or of the control.
    name: one of `kinds.CONTROLS`.
    where: it is written, see `controls` in texts.toml.
  """
  texts = TEXTS['controls']
  is_mask = name == 'another' and has_mask(record)
  return (texts['another_mask'] if is_mask else texts[name])[where]


def has_mask(record: dict) -> bool:
  """Whether a cloak is one change for all pictures of a person."""
  attack = record.get('control_of') or record['attack']
  claims = TEXTS['claims'].get(attack, {})
  return record.get('group') == 'person' and claims.get('mask', True)


def control(record: dict, name: str) -> tuple[float | None, list | None]:
  """Returns rate and interval of a control that a cloak's record holds."""
  field = f'{kinds.CONTROLS[name]}_protection'
  return record.get(f'{field}_rate'), record.get(f'{field}_ci')


def standard(record: dict) -> str:
  """Names the frozen list of people that a record is of, '' for none."""
  if not record.get('standard_digest'):
    return ''
  name = clean(record.get('standard', ''))
  return f'{name} {clean(record["standard_digest"])[:8]}'


def surrogate_name(record: dict) -> str:
  """Names the network, or networks, that the cloak was made for."""
  return ' + '.join(map(clean, record['surrogate']))


def cloak_name(attack: str, surrogate: str) -> str:
  """Says what cloak it is, and for which network if that is known."""
  is_known = surrogate not in ('', extractors.UNKNOWN)
  return attack_name(attack) + (f' for {surrogate}' if is_known else '')


def cloak_of(record: dict) -> str:
  """Says the same of a record's cloak."""
  return cloak_name(record['attack'], surrogate_name(record))


def column(record: dict) -> str:
  """Names the network, and what its trainer did other than wait.

  Without a comma 'baseline' or 'oblivious': the row's cloak says which.
  """
  network, adversary = clean(record['network']), clean(record['adversary'])
  if adversary in ('baseline', 'oblivious'):
    return network
  return network + AND + plain(adversary)


def recognizer(record: dict) -> str:
  """Names the recognizer, by its settings if these have a name."""
  return plain(clean(record.get('recipe') or record['recognizer']))


def detector_name(record: dict) -> str:
  """Names a detector and the features that it looks at."""
  return clean(f'{record["detector"]} ({record["features"]})')


def num_protected(record: dict) -> int:
  """Counts the people who cloak, in records of any version."""
  return record.get('num_protected') or record['num_people']


def percent(rate: float) -> str:
  """Writes a rate in percent: whole, but 0 and 100 only where meant."""
  value = 100 * rate
  if 0 < value < 0.5 or 99.5 <= value < 100 - 1e-6:
    return f'{min(max(value, 0.1), 99.9):.1f}'
  return f'{value:.0f}'


def range_of(rates: Iterable[float]) -> str:
  """Writes between which rates some are, as 3 to 88, or one number."""
  rates = sorted(rates)
  return ' to '.join(dict.fromkeys(map(percent, (rates[0], rates[-1]))))


def interval(ci: tuple[float, float], dash: str = '-') -> str:
  """Writes an interval of rates in whole percent, rounded outwards."""
  low, high = math.floor(100 * ci[0] + 1e-6), math.ceil(100 * ci[1] - 1e-6)
  return f'{low}{dash}{high}'


def levels(value: float | None) -> str:
  """Writes a pixel difference in [0, 1] as grey levels of 255."""
  return '' if value is None else f'{255 * value:.3g}/255'


def rate(record: dict | None, name: str, dash: str = '-') -> tuple[str, str]:
  """Writes a record's rate and its 95% interval in percent, '' where none.

  Args:
    record: None for a cell without one.
    name: 'protection', 'accuracy', 'auc', ...: the field's, without `_rate`.
    dash: between the interval's ends.
  """
  found = record or {}
  value = found.get(f'{name}_rate', found.get(name))
  if value is None:
    return '', ''
  return percent(value), interval(found[f'{name}_ci'], dash)


def cell(record: dict | None, name: str) -> str:
  """Writes the same for a table, as 97 (93-100)."""
  value, ci = rate(record, name)
  return f'{value} ({ci})' if value else ''


def over_seeds(record: dict | None, dash: str = '-') -> str:
  """Writes between which rates the trainings were that a rate is the mean of.

  That is '' for a single one.
  """
  rates = (record or {}).get('over_seeds')
  if not rates:
    return ''
  ends = dict.fromkeys(map(percent, (min(rates), max(rates))))
  return f'seeds {dash.join(ends)}'


def seeds_legend(records: list[dict]) -> str:
  """Says what `over_seeds` means, where a record has any."""
  is_shown = any(r.get('over_seeds') for r in records)
  return TEXTS['tables']['seeds'] * is_shown


def measures(record: dict) -> list[str]:
  """Writes DSSIM, PSNR (dB) and L-inf (grey levels), empty where null."""
  return [
    '' if record[name] is None else f'{scale * record[name]:{form}}'
    for name, scale, form in (
      *(('dssim', 1, '.4f'), ('psnr', 1, '.1f')),
      ('linf', 255, '.3g'),
    )
  ]
