"""Tables of every kind of record: Markdown for terminals, and LaTeX."""

import textwrap

from fr_poison.report import (
  galleries,
  paper,
  prose,
  who_cloaks,
  words,
)
from fr_poison.report.grid import Grid
from fr_poison.report.sources import Sources
from fr_poison.report.table import (
  Table,
  crossed,
  escaped,
  padded,
  plain,
)

_LEGENDS = words.TEXTS['tables']
_SPECIAL = {
  '\\': r'\textbackslash{}',
  '~': r'\textasciitilde{}',
  '^': r'\textasciicircum{}',
} | {c: f'\\{c}' for c in '&%$#_{}'}
_LATEX = r"""\resizebox{{\linewidth}}{{!}}{{%
\begin{{tabular}}{{l{}}}
\toprule
{}
\midrule
{}
\bottomrule
\end{{tabular}}}}
"""


def markdown(found: Sources, grids: list[Grid]) -> str:
  """Writes the tables of every kind, what the paper has beside it first.

  Args:
    found: the records.
    grids: of those of a protection.
  """
  parts = [f'{one.markdown()}\n' for one in beside(found)]
  parts += [by_cell(grids)] if grids else []
  for records, write in (
    (found.trainers, trainers),
    (found.detection, detection),
    (found.distractors, distractors),
    (found.verification, verification),
  ):
    parts += [write(records)] if records else []
  return '\n'.join(parts) or 'No records.\n'


def by_cell(grids: list[Grid]) -> str:
  """Writes the protection tables of several grids, under their titles."""
  head = lambda grid: f'## {escaped(grid.title)}\n\n' if grid.title else ''
  return '\n'.join(head(grid) + protection(grid) for grid in grids)


def beside(found: Sources) -> list[Table]:
  """Makes the tables of a whole study: beside the paper, and by gallery."""
  return paper.beside(found) + galleries.by_trainer(found)


def protection(grid: Grid) -> str:
  """Writes the protection table, the accuracy table, and their legends.

  Given cloaks have the answer in plain words above.
  """
  columns = [escaped(name) for name in grid.columns]
  rates = _rates(grid, '- ', escaped, '**{}**')
  accuracy = [
    [escaped(row.label)]
    + [words.cell(row.cells.get(c), 'accuracy') for c in grid.columns]
    for row in grid.rows
    if not row.is_minor
  ]
  return _page(
    *[textwrap.fill(escaped(x), 80) for x in prose.verdict(grid.records)],
    padded(['protection rate', *columns, 'DSSIM', 'PSNR', 'L-inf'], rates),
    '\n'.join(
      [
        _LEGENDS['protection'].format(asked=who_cloaks.asked(grid.records)),
        *legends(grid),
      ]
    )
    + words.seeds_legend(grid.records),
    padded(['accuracy', *columns], accuracy),
    _LEGENDS['accuracy'],
    *_recall(grid, columns),
  )


def _recall(grid, columns):
  """The table of recalls and its legend, where there is one."""
  rows = [
    [escaped(row.label)]
    + [words.cell(row.cells.get(c), 'retrieval_recall') for c in grid.columns]
    for row in grid.searched
  ]
  if not rows:
    return []
  return [padded(['recall', *columns], rows), _LEGENDS['retrieval']]


def legends(grid: Grid) -> list[str]:
  """Explains those rows of a grid that not every one has."""
  shown = []
  for row in grid.rows:
    kind = row.record.get('control') or row.kind
    is_mask = kind == 'another' and words.has_mask(row.record)
    shown.append('another_mask' if is_mask else kind)
  return [text for k, text in _LEGENDS['rows'].items() if k in shown]


def trainers(records: list[dict]) -> str:
  """Writes what is left of the protection, and of people, by trainer."""
  rows = [
    [
      words.AND.join(_behind(r)),
      words.cell(r, 'protection'),
      words.cell(r, 'not_enrolled'),
      words.cell(accuracy_behind(r), 'accuracy'),
      words.cell(r, 'others_not_enrolled'),
    ]
    for r in records
  ]
  head = ['cloak, trainer', 'protection', 'not enrolled', 'accuracy']
  return _page(
    plain([*head, 'others not enrolled'], rows), _LEGENDS['trainers']
  )


def _behind(record):
  """The cloak, the trainer, and how many strangers there are of a model."""
  names = [words.attack_name(record['attack']), record['adversary']]
  number = record.get('num_distractors')
  return [*names, f'{number:,} strangers'] if number else names


def detection(records: list[dict]) -> str:
  """Writes tables of AUCs: a row a detector, a column an attack.

  First every attack at its own budget, then detectors trained on a single
  tool, other budgets, JPEG and other processing. Below, what classifiers
  decide without a threshold, and how many innocent pictures are flagged.
  """
  sections = {}
  for record, (title, row) in zip(records, variants(records), strict=True):
    key = words.detector_name(record), row
    cells = sections.setdefault(title, {}).setdefault(key, {})
    cells[record['test_attack']] = _area(record)
  found = [_section(title, rows) for title, rows in sorted(sections.items())]
  found.append(_LEGENDS['detection'])
  found += [one.markdown() for one in flags(records)]
  return _page(*found)


def flags(records: list[dict]) -> list[Table]:
  """Lists what detectors flag: cloaked pictures, and innocent ones.

  Of records that do not say there is no table.
  """
  return [
    Table(name, head, rows, _LEGENDS[name])
    for name, (head, rows) in (
      ('decisions', _decisions(records)),
      ('innocent', _innocent(records)),
    )
    if rows
  ]


def _decisions(records):
  """Precision and recall on each attack at its own budget, saved as it is."""
  rows = {}
  for record, variant in zip(records, variants(records), strict=True):
    if any(variant) or 'argmax_recall' not in record:
      continue
    for name, prefix in (('threshold', ''), ('argmax', 'argmax_')):
      if record.get(f'{prefix}recall') is None:
        continue
      shares = (f'{prefix}{x}' for x in ('precision', 'recall'))
      text = ' / '.join(words.cell(record, x) or '-' for x in shares)
      key = words.detector_name(record), name
      rows.setdefault(key, {})[record['test_attack']] = text
  return crossed(['detector', 'decides by'], rows, _attacks(rows))


def _innocent(records):
  """How many clean pictures are flagged, by what was done to them."""
  rows = {}
  for record in records:
    if {'false_positive_rates', 'false_positive_rates_ci'} <= record.keys():
      rows.setdefault((words.detector_name(record),), _flagged(record))
  kinds = {kind: kind for cells in rows.values() for kind in cells}
  return crossed(['flagged though innocent'], rows, kinds)


def _flagged(record):
  """The cell of each kind of innocent picture."""
  rates, ends = (record[f'false_positive_rates{x}'] for x in ('', '_ci'))
  return {
    kind: words.cell({'flagged': rate, 'flagged_ci': ends[kind]}, 'flagged')
    for kind, rate in rates.items()
  }


def _attacks(rows):
  """Heads of the attacks that rows have cells of."""
  return {a: words.attack_name(a) for cells in rows.values() for a in cells}


def variants(records: list[dict]) -> list[tuple[str, str]]:
  """Says of each detection record what is not as usual, and its value.

  ('', '') where nothing is: the attack at its own budget, which comes first,
  saved as it is, and the detector trained on all tools or on none.
  """
  budgets = {}
  for record in records:
    budgets.setdefault(record['test_attack'], record['epsilon'])
  # The first of those that name most tools.
  tools = max(
    (r['train_attack'] for r in records),
    key=lambda name: name.count('+'),
    default='',
  )
  found = []
  for record in records:
    if record['train_attack'] not in (tools, 'none'):
      found.append(('trained on', record['train_attack']))
    elif record['jpeg']:
      found.append(('JPEG', record['jpeg']))
    elif record.get('processing'):
      found.append(('processing', record['processing']))
    elif record['epsilon'] != budgets[record['test_attack']]:
      found.append(('epsilon', words.levels(record['epsilon'])))
    else:
      found.append(('', ''))
  return found


def distractors(records: list[dict]) -> str:
  """Writes protection and accuracy among strangers, how good their model is."""
  numbers = {r['num_distractors'] for r in records}
  numbers = {n: f'{n:,}' for n in sorted(numbers)}
  rows = {}
  for record, cloak, kind in among_strangers(records):
    name = words.AND.join((cloak, words.column(record), kind))
    rows.setdefault((name,), {})[record['num_distractors']] = record
  table = lambda head, of: plain(*crossed([head], _cells(rows, of), numbers))
  checked = {r['network']: r['check'] for r in records if 'check' in r}
  head = ['distance of the nearest', 'strangers', 'real', 'model', 'difference']
  fits = [
    [name, str(c['num_people']), *(f'{c[key]:.3f}' for key in head[2:])]
    for name, c in checked.items()
  ]
  return _page(
    table('protection rate', 'protection'),
    _LEGENDS['distractors'],
    table('accuracy', 'accuracy'),
    _LEGENDS['distractors_accuracy'],
    plain(head, fits),
    _LEGENDS['distractors_model'],
  )


def _cells(rows, name):
  """Rows of records as rows of one of their rates."""
  return {
    key: {column: words.cell(record, name) for column, record in cells.items()}
    for key, cells in rows.items()
  }


def verification(records: list[dict]) -> str:
  """Writes how well each network keeps people apart, the best one first."""
  percent = lambda share: f'{100 * share:.2f}'
  rows = [
    [
      r['network'],
      ', '.join(f'{x:g}' for x in r.get('crop', ())) or 'all',
      str(r['input_size']),
      f'{percent(r["accuracy"])} ± {percent(r["accuracy_std"])}',
      percent(r['tar_at_far']['0.001']),
    ]
    for r in sorted(records, key=lambda r: -r['accuracy'])
  ]
  head = ['network', 'part', 'input', 'accuracy', 'TAR at FAR 0.1%']
  return _page(plain(head, rows), _LEGENDS['verification'])


def among_strangers(records: list[dict]) -> list[tuple[dict, str, str]]:
  """Lists record, cloak and kind of strangers; without any, both kinds."""
  found = []
  for record in records:
    surrogate, kind = words.surrogate_name(record), record['distractors']
    cloak = words.cloak_name(record['attack'], surrogate)
    for each in ('real', 'model') if kind == 'none' else (kind,):
      found.append((record, cloak if surrogate else 'no cloak', each))
  return found


def accuracy_behind(record: dict) -> dict:
  """Adds the accuracy, which trainers behind a detector report as error."""
  if record.get('error_rate') is None:
    return record
  low, high = record['error_ci']
  accuracy = 1 - record['error_rate']
  return record | {'accuracy': accuracy, 'accuracy_ci': (1 - high, 1 - low)}


def latex(grids: list[Grid]) -> str:
  """Writes the protection tables, for the packages booktabs and graphicx."""
  escape = lambda name: ''.join(_SPECIAL.get(c, c) for c in words.clean(name))
  tables = []
  for grid in grids:
    head = ['protection rate, \\%', *map(escape, grid.columns)]
    head += ['DSSIM', 'PSNR', '$L_\\infty$']
    rows = _rates(grid, r'\quad ', escape, r'\textbf{{{}}}', '--')
    first, *rest = [' & '.join(cells) + r' \\' for cells in (head, *rows)]
    table = _LATEX.format('r' * (len(head) - 1), first, '\n'.join(rest))
    title = f'% {words.clean(grid.title)}\n\n' if grid.title else ''
    tables.append(title + table)
  return '\n'.join(tables)


def _rates(grid, indent, escape, bold, dash='-'):
  """Rows of text: the cloak, its protection rates, how visible it is."""
  rows = []
  for row in grid.rows:
    cells = [indent * row.is_minor + escape(row.label)]
    for column in grid.columns:
      rate, ci = words.rate(row.cells.get(column), 'protection', dash)
      rate = bold.format(rate) if row.is_own(column) else rate
      seeds = words.over_seeds(row.cells.get(column), dash)
      ci = '; '.join(filter(None, (ci, seeds)))
      cells.append(f'{rate} ({ci})' if ci else '')
    rows.append(cells + words.measures(row.record))
  return rows


def _section(title, rows):
  stubs = ['detector', title] if title else ['detector']
  rows = {key[: len(stubs)]: cells for key, cells in rows.items()}
  return plain(*crossed(stubs, rows, _attacks(rows)))


def _area(record):
  found = words.percent(record['tpr_at_fpr']['0.01'])
  return f'{words.cell(record, "auc")}, TPR {found}'


def _page(*parts):
  return '\n\n'.join(parts) + '\n'
