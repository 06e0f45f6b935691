r"""Every attack, network and trainer there is: one table, one page.

  python experiments/study.py --config=experiments/configs/study.py

A study is a set of named runs of evaluate.py, detect.py, distractors.py and
train_extractor.py on one data set, which share cloaks and trained networks. A
finished run is noted under a key of all that it depends on, so that a study
that was stopped, or changed, makes only what is missing. --only=NAME runs one
(and may be given again), --dry_run lists what would run and how long it took
last time. On several hosts (distributed.py) all share each run's people; of
several such studies, or processes, with one --workdir each takes the next run
that nobody is at. Writes the files of report.py, how long each run took
(runs.md), a folder a run, cloaks and networks into --workdir.
"""

import json
import pathlib
import time
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import cli
import config_fields
import detect
import detect_settings
import distractors
import evaluate
import inputs
import network_loader
import run_flags
import study_page
import train_extractor
from absl import flags
from inputs import Inputs
from progress import say
from settings import Settings

from fr_poison import (
  checks,
  extractors,
  files,
  keys,
  locks,
  processes,
  strict_json,
)
from fr_poison.data import file_names
from fr_poison.report import record_file
from fr_poison.text import show
from fr_poison.types import BusyError, InputError

_ONLY = flags.DEFINE_multi_string(
  'only', [], 'A run by its name; default: all.'
)
_DRY_RUN = flags.DEFINE_bool('dry_run', False, 'Only list what would run.')
# What else is in the folder of a study.
_OURS = (
  *('cloaks', 'embeddings', 'figures', 'public_cloaks', 'trained'),
  *('heat_map.svg', 'records.csv', 'records.jsonl', 'report.html', 'runs.md'),
  *('table.md', 'table.tex', locks.OWNER),
)
_STAGES = ('NETWORKS', 'CLOAKS', 'TRAININGS', 'DETECTORS', 'RECORDS')


class Program(NamedTuple):
  """One that a study runs: how its config is checked, what it writes."""

  check: Callable[[dict], object]
  run: Callable
  files: tuple[str, ...]


def _check_distractors(config):
  rest = {k: v for k, v in config.items() if k != 'num_distractors'}
  counts = tuple(config.get('num_distractors', ()))
  distractors.check_config(Settings.from_config(rest), counts)


_PROGRAMS = {
  'evaluate': Program(Settings.from_config, evaluate.run, ('records.jsonl',)),
  'distractors': Program(
    _check_distractors, distractors.run, ('distractors.jsonl',)
  ),
  'detect': Program(
    detect_settings.Settings.from_config,
    detect.run,
    ('detection.jsonl', 'trainers.jsonl'),
  ),
  'train_extractor': Program(
    train_extractor.Settings.from_config, train_extractor.run, ()
  ),
}


class Run(NamedTuple):
  """A program with its config, in a folder of its name."""

  name: str
  program: str
  config: dict
  checkpoint_of: str | None  # the run whose network is tried


class Study:
  """Named runs on the people of one data set, in one folder."""

  def __init__(self, config: dict, workdir: pathlib.Path, data_dir: str | None):
    """Checks every run and loads the people; makes nothing.

    Args:
      config: see configs/study.py.
      workdir: gets the files.
      data_dir: the data set's own folders, or None.

    Raises:
      InputError: a setting that cannot be run, naming its field; a data set
        that cannot be read.
    """
    self.workdir, self.data_dir = workdir, data_dir
    for name in {'runs', 'left_out'} ^ config.keys():
      raise InputError(f"config.{name}: expected 'runs' and 'left_out' alone")
    file_names.check_apart('config.runs', config['runs'], _OURS)
    self.left_out, self.runs, absent = [*config['left_out']], {}, {}
    for name, chosen in config['runs'].items():
      self.runs[name] = _run_of(name, chosen, config['runs'], workdir, absent)
    if absent:
      self.left_out.append(
        f'Networks without weights here: {", ".join(absent)}; '
        'experiments/convert_weights.py makes them of the published files.'
      )
    first = next(
      (r for r in self.runs.values() if r.program == 'evaluate'), None
    )
    if first is None:
      raise InputError('config.runs: none of evaluate, which says who there is')
    for run in self.runs.values():
      config_fields.check_known(
        f'runs.{run.name}.dataset',
        run.config['dataset'],
        [first.config['dataset']],
      )
    self.people = self.load(first)
    protocol, public = self.people.protocol, self.people.public
    material = protocol.faces, public.faces, public.candidates
    if protocol.strangers is not None:
      material += (protocol.strangers,)
    self._material = list(map(keys.of_faces, material))

  def load(self, run: Run) -> Inputs:
    """Reads the people and networks of a run of evaluate.py."""
    return inputs.load(
      Settings.from_config(run.config), self.data_dir, self.workdir
    )

  def key(self, run: Run) -> str:
    """Returns a key of everything that a run's records are made from."""
    learnt = run.checkpoint_of and self.key(self.runs[run.checkpoint_of])
    return keys.key(
      _STAGES,
      program=run.program,
      config=run.config,
      people=self._material,
      networks=_digests(run.config),
      checkpoint=learnt,
    )

  def note(self, run: Run) -> dict:
    """Returns what was noted when a run ended, also one of other settings."""
    try:
      path = self.workdir / run.name / 'done.json'
      note = strict_json.loads(files.read(path))
      checks.number('seconds', note['seconds'])
      return note
    except (ValueError, LookupError, TypeError):  # not there, or none of ours
      return {}

  def is_done(self, run: Run) -> bool:
    """Whether a run's records are there, made of what the config says."""
    return processes.on_first(lambda: self._is_done(run))

  def _is_done(self, run):
    note = self.note(run)
    try:
      found = self.files(run)
    except InputError:
      return False
    return note.get('key') == self.key(run) and note.get('files') == found

  def files(self, run: Run) -> dict[str, str]:
    """Returns names and SHA-256 of the files that a run has written."""
    folder = self.workdir / run.name
    return {
      name: keys.of_bytes(files.read(folder / name, max_bytes=files.LARGE))
      for name in _PROGRAMS[run.program].files
    }

  def make(self, run: Run) -> None:
    """Runs a program and notes that it ended."""
    start, folder = time.monotonic(), self.workdir / run.name
    arguments = {'cloaks': self.workdir}
    if run.program == 'train_extractor':
      arguments = {'given': self.people.public.faces}
    _PROGRAMS[run.program].run(
      dict(run.config), folder, self.data_dir, **arguments
    )
    seconds = round(time.monotonic() - start, 1)
    processes.on_first(lambda: self._note(run, seconds))
    say(f'{run.name}: {seconds:.0f} s')

  def _note(self, run, seconds):
    note = {'key': self.key(run), 'seconds': seconds, 'files': self.files(run)}
    path = self.workdir / run.name / 'done.json'
    record_file.write_text(path, json.dumps(note))


def _run_of(name, chosen, names, workdir, absent) -> Run:
  """A run whose settings were checked; networks that are not here go."""
  config, place = dict(chosen), f'config.runs.{name}'
  program = config.pop('program', None)
  config_fields.check_known(f'runs.{name}.program', program, _PROGRAMS)
  learnt = config.get('extractor', {}).get('checkpoint')
  try:
    _PROGRAMS[program].check(config)
  except InputError as error:
    raise InputError(str(error).replace('config', place, 1)) from error
  if learnt:
    config_fields.check_known(
      f'runs.{name}.extractor.checkpoint', learnt, names
    )
    path = str(workdir / learnt / 'checkpoints')
    config['extractor'] = {'checkpoint': path}
  if 'networks' in config:
    here = tuple(filter(network_loader.is_here, config['networks']))
    absent |= {n: True for n in config['networks'] if n not in here}
    config['networks'] = here
  return Run(name, program, config, learnt)


def _strings(value) -> Iterator[str]:
  if isinstance(value, str):
    yield value
  elif isinstance(value, dict | list | tuple):
    inner = [*value, *value.values()] if isinstance(value, dict) else value
    for one in inner:
      yield from _strings(one)


def _digests(config) -> list:
  """Of the shipped networks that a config names, whatever for."""
  texts = [part for text in _strings(config) for part in text.split('+')]
  named = {text.removesuffix(extractors.MIRRORED) for text in texts}
  here = filter(network_loader.is_here, named.intersection(extractors.names()))
  return [[name, network_loader.load(name).sha256] for name in sorted(here)]


def choose(study: Study, only: Sequence[str]) -> list[Run]:
  """Lists the runs of these names, all if there are none, and what they need.

  Raises:
    InputError: there is no run of a name.
  """
  for name in only:
    if name not in study.runs:
      known = ', '.join(study.runs)
      raise InputError(f'--only: {name!r} is unknown; runs: {known}')
  chosen = [r for r in study.runs.values() if not only or r.name in only]
  needed = {r.checkpoint_of for r in chosen} | {r.name for r in chosen}
  found = [r for r in study.runs.values() if r.name in needed]
  return sorted(found, key=lambda r: r.program != 'train_extractor')


def make_all(study: Study, only: Sequence[str]) -> None:
  """Makes every run that is not done and that no other process is at."""
  for run in choose(study, only):
    if study.is_done(run):
      continue
    needed = run.checkpoint_of and study.runs[run.checkpoint_of]
    if needed and not study.is_done(needed):
      say(f'{run.name}: another process is at {needed.name}, which it needs')
      continue
    try:
      study.make(run)
    except BusyError:
      say(f'{run.name}: another process is at it')


def dry_run(study: Study, only: Sequence[str]) -> None:
  """Prints what there is to do, and how long it took last time."""
  left = [run for run in choose(study, only) if not study.is_done(run)]
  for run in left:
    seconds = study.note(run).get('seconds')
    show(f'{"?" if seconds is None else round(seconds):>7} s  {run.name}')
  show(f'{len(left)} of {len(study.runs)} runs are not there')


def main(argv):
  """Runs --config and prints where the page is."""
  start = time.monotonic()
  given, only = run_flags.parse(argv, 'study.py'), _ONLY.value
  study = Study(given.config, given.workdir, given.data_dir)
  if _DRY_RUN.value:
    dry_run(study, only)
    return
  with files.output(given.workdir):
    make_all(study, only)
  with locks.turn_together(given.workdir):
    count = processes.on_first(lambda: len(study_page.write(study).all()))
  seconds = time.monotonic() - start
  show(f'{count} records, {seconds:.0f} s.')
  show(f'See {given.workdir}/report.html')


if __name__ == '__main__':
  cli.run(main, kept='what is finished stays in --workdir')
