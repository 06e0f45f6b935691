"""Tables of the protection among strangers, from records."""

from fr_poison.report import grid, tables

_LEGEND = """\
Protection rate in %, with its 95% interval: of the clean test pictures of
people who had cloaked their training pictures, how many are not recognised,
because somebody else's picture or a stranger's is nearer. Rows: the cloak, the
recognizer's network, and the strangers: "real", pictures of people, as many as
there are; "model", drawn from a normal distribution fitted to those. Columns:
strangers in the gallery."""
_ACCURACY_LEGEND = """\
Accuracy in %: the same of everybody else, who did not cloak: how many are
recognised."""
_CHECK_LEGEND = """\
Is the model right? Mean distance of a test picture to the nearest of so many
strangers, one picture each, whom the model was not fitted to, and of as many
of the model; and the largest difference of both distributions (Kolmogorov)."""


def markdown(found: list[dict]) -> str:
  """The tables of protection, accuracy, and how good the model is.

  Args:
    found: records of experiments/distractors.py.
  """
  numbers = sorted({r['num_distractors'] for r in found})
  rows = {}
  for r in found:
    cloak = 'no cloak'
    if r['surrogate']:
      cloak = f'{grid.attack_name(r["attack"])} for {grid.surrogate_name(r)}'
    both = r['distractors'] == 'none'
    for kind in ('real', 'model') if both else (r['distractors'],):
      row = rows.setdefault(f'{cloak}, {r["network"]}, {kind}', {})
      row[r['num_distractors']] = r
  head = [f'{n:,}' for n in numbers]
  table = lambda name, rate, ci: tables.table(
    [name, *head],
    [
      [k, *(_cell(row.get(n), rate, ci) for n in numbers)]
      for k, row in rows.items()
    ],
  )
  checked = {r['network']: r['check'] for r in found if 'check' in r}
  return '\n\n'.join(
    [
      table('protection rate', 'protection_rate', 'protection_ci'),
      _LEGEND,
      table('accuracy', 'accuracy', 'accuracy_ci'),
      _ACCURACY_LEGEND,
      tables.table(
        ['distance of the nearest', 'strangers', 'real', 'model', 'difference'],
        [
          [
            name,
            str(c['num_people']),
            *(f'{c[key]:.3f}' for key in ('real', 'model', 'difference')),
          ]
          for name, c in checked.items()
        ],
      ),
      _CHECK_LEGEND + '\n',
    ]
  )


def _cell(record, rate, ci):
  if record is None:
    return ''
  return f'{grid.percent(record[rate])} ({grid.interval(record[ci])})'
