"""The work of a study, in three phases of pieces that need no other piece.

Cloaks come first, then trainings, then records: each phase needs only earlier
ones, so that its pieces can be shared among processes. Nothing is made for a
cell whose record is there.
"""

import functools
import json
import pathlib
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import detect
import distractors
import replies
import study_costs
from settings import TRAINED
from study_cells import CellName, Version, matches, select
from study_map import embedding_map
from study_plan import Plan

from fr_poison import keys
from fr_poison.evaluation import cloaks as cloaking
from fr_poison.report import record_file
from fr_poison.training import Recipe

PHASES = ('cloaks', 'trainings', 'records')
# Programs that a study runs as they are, and the records that they write.
PROGRAMS = {
  'detect': ('detection', 'trainers'),
  'distractors': ('distractors',),
}
_PROGRAM_STAGES = ('NETWORKS', 'CLOAKS', 'TRAININGS', 'DETECTORS', 'RECORDS')


class Unit(NamedTuple):
  """A piece of work that one process does."""

  name: str
  seconds: float  # estimated
  run: Callable[[], object]


class Todo(NamedTuple):
  """What there is no record of."""

  cells: list[CellName]
  programs: list[str]

  def write(self, path: pathlib.Path) -> None:
    """For the processes that share it: all have to divide the same list."""
    record_file.write_text(path, json.dumps(self))

  @classmethod
  def read(cls, path: pathlib.Path) -> 'Todo':
    """What `write` wrote."""
    cells, programs = json.loads(path.read_text())
    return cls([CellName(*cell) for cell in cells], programs)


def find_todo(plan: Plan, only: Sequence[str]) -> Todo:
  """What is still to do.

  Args:
    plan: what the study consists of.
    only: patterns, of cells or names of `PROGRAMS`; none for everything.
  """
  return Todo(
    [n for n in plan.names if is_wanted(n, only) and not plan.has(n)],
    [
      name
      for name in PROGRAMS
      if getattr(plan.settings, name)
      and is_wanted((name,), only)
      and not is_done(plan, name)
    ],
  )


def units(plan: Plan, phase: str, todo: Todo) -> list[Unit]:
  """The pieces of a phase, one of `PHASES`, in order."""
  make = {'cloaks': _cloaks, 'trainings': _trainings, 'records': _records}
  return list(make[phase](plan, todo))


def check_only(plan: Plan, only: Sequence[str]) -> None:
  """Refuses a pattern that fits nothing.

  Raises:
    InputError: naming it.
  """
  if only:
    select('--only', only, [*plan.names, *((p,) for p in PROGRAMS)])


def is_wanted(name: Iterable[str], only: Sequence[str]) -> bool:
  """Whether --only says so."""
  return not only or any(matches(pattern, name) for pattern in only)


def share(found: list[Unit], index: int, count: int) -> list[Unit]:
  """Those of one of `count` processes: the longest pieces are dealt first."""
  loads, mine = [0.0] * count, []
  for unit in sorted(found, key=lambda u: (-u.seconds, u.name)):
    place = loads.index(min(loads))
    loads[place] += unit.seconds
    mine += [unit] if place == index else []
  return [unit for unit in found if unit in mine]


def _cloaks(plan, todo):
  """Of protected people for the records, of public ones for the trainings.

  And those that programs share; what only one of them needs it makes itself.
  """
  grid, own, public = plan.scene.settings, {}, {}
  for program in todo.programs:
    chosen = getattr(plan.settings, program)
    surrogates = chosen.get('surrogates', [chosen.get('surrogate')])
    for surrogate in filter(grid.surrogates.__contains__, surrogates):
      own |= dict.fromkeys((label, surrogate) for label in chosen['attacks'])
  for name in todo.cells:
    version = name.version
    tools = [version.label] if version.kind in ('cloak', 'noise') else []
    if version.kind == 'history':
      tools = plan.tools(version.label)
    own |= dict.fromkeys((tool, version.surrogate) for tool in tools)
    for adversary, _ in _trained_parts(plan, name):
      public |= dict.fromkeys(plan.public.tools(grid.adversaries[adversary]))
  for group, tools, make, number in (
    ('public cloaks', public, plan.public.cloaked, len(plan.public.faces)),
    ('cloaks', own, plan.cloak, len(plan.scene.to_cloak)),
  ):
    for label, surrogate in tools:
      chosen = grid.attacks[label]
      attack = cloaking.make_attack('config.attacks', label, [], **chosen)
      seconds = study_costs.cloaks(
        cloaking.attack_name(label, chosen),
        attack.num_steps,
        surrogate.split('+'),
        number,
      )
      run = functools.partial(make, label, surrogate)
      yield Unit(f'{group} {label}/{surrogate}', seconds, run)


def _trained_parts(plan, name):
  """Of the reply of a cell: trained adversaries and their networks."""
  return [key for key in plan.cell(name).reply.keys if key[0] in TRAINED]


def _trainings(plan, todo):
  grid, networks = plan.scene.settings, plan.scene.extractors
  parts = [part for name in todo.cells for part in _trained_parts(plan, name)]
  for adversary, network in dict.fromkeys(parts):
    chosen = grid.adversaries[adversary]
    number = len(plan.public.faces) * (1 + len(plan.public.tools(chosen)))
    epochs = Recipe.from_config(chosen['training']).num_epochs
    run = functools.partial(
      replies.train,
      *(grid, adversary, networks[network], plan.public, plan.workdir),
    )
    seconds = study_costs.training(network, epochs, number)
    yield Unit(f'training {adversary}/{network}', seconds, run)
  for label, chosen in plan.settings.trained.items():
    if any(name.network.endswith(f' here: {label}') for name in todo.cells):
      epochs = chosen['training']['num_epochs']
      number = len(plan.public.faces)
      seconds = study_costs.training(chosen['network'], epochs, number)
      run = functools.partial(plan.train, label)
      yield Unit(f'training {label}', seconds, run)


def _records(plan, todo):
  grid = plan.scene.settings
  # When the first needs it: by then all networks are trained.
  judge = functools.cache(lambda: plan.judge(todo.cells))
  by_version = {}
  for name in todo.cells:
    by_version.setdefault(name.version, []).append(name)
  for version, names in by_version.items():
    seconds = sum(
      study_costs.embedding(network, len(plan.scene.to_cloak))
      for network in {name.network for name in names}
    )
    for name in names:
      chosen = grid.recognizers[name.recognizer]
      splits = chosen.get('num_splits') or grid.num_splits
      people = 1 if version.kind == 'none' else grid.num_protected
      seconds += study_costs.record(name.recognizer, people, splits)
    run = functools.partial(_measure, plan, judge, version, names)
    yield Unit(f'records {"/".join(version)}', seconds, run)
  for program in todo.programs:
    run = functools.partial(_run_program, plan, program)
    yield Unit(program, study_costs.PROGRAMS[program], run)


def _measure(plan, judge, version: Version, names: list[CellName]) -> None:
  """Each record is kept as soon as it is there."""
  left = [name for name in names if not plan.has(name)]
  by_place = {plan.cell(name).place: name for name in left}
  scraped = plan.pictures(version)
  found = judge().records(
    scraped, plan.shared, lambda cell: cell.place in by_place
  )
  for cell, record in found:
    name = by_place[cell.place]
    if version.kind == 'cloak' and name[1:] == _own(version.surrogate):
      record |= {'embedding_map': embedding_map(judge(), cell, scraped)}
    plan.store.put(plan.key(name), record | {'cell': str(name)})


def _own(network):
  """The rest of a cell's name, of which a map is drawn."""
  return network, 'baseline', network, 'nearest_neighbor'


def _run_program(plan, program: str) -> None:
  """detect.py or distractors.py, on the study's people and cloaks."""
  run = {'detect': detect.run, 'distractors': distractors.run}[program]
  folder, config = plan.workdir / program, getattr(plan.settings, program)
  run(dict(config), folder, plan.data_dir, cloaks=plan.workdir)
  note = json.dumps({'key': _program_key(plan, program)})
  record_file.write_text(folder / 'done.json', note)


def is_done(plan: Plan, program: str) -> bool:
  """Whether its records are there, and made of what the config says."""
  try:
    note = json.loads((plan.workdir / program / 'done.json').read_text())
  except (OSError, ValueError):
    return False
  return note.get('key') == _program_key(plan, program)


def _program_key(plan, program):
  return keys.key(
    _PROGRAM_STAGES,
    program=program,
    config=getattr(plan.settings, program),
    material=plan.material,
  )
