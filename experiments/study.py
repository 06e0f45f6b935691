r"""Every attack, network and trainer there is: one table, one page.

  python experiments/study.py --config=experiments/configs/study.py

A study is a set of cells, each a record of one attack on one surrogate against
one trainer, one network and one recognizer. Every record is kept under a key of
all that it depends on, so that a study that was stopped, or changed, makes
only what is missing. --only=PATTERN runs some cells ('lowkey/*/adaptive'),
--dry_run says what would run and for how long. On a machine with several GPUs
or TPU chips a process runs on each; on several hosts start the same command
with the flags of distributed.py and one --workdir that all of them see. Writes
the files of report.py, and cells, cloaks and networks, into --workdir.
"""

import time

import cli
import distributed
import jax
import run_flags
import study_map
import study_units
import study_workers
from absl import flags
from progress import Progress, say
from study_plan import Plan
from study_settings import StudySettings

from fr_poison import locks, processes
from fr_poison.report import page, record_file, sources

_ONLY = flags.DEFINE_multi_string(
  'only', [], 'Patterns of cells, as in config.cells; detect; distractors.'
)
_DRY_RUN = flags.DEFINE_bool('dry_run', False, 'Say what would run.')


_TODO = 'todo.json'  # in --workdir, of the processes that share it


def run_share(
  plan: Plan, share: study_workers.Share, todo: study_units.Todo
) -> None:
  """The pieces of a phase that are this process's."""
  units = study_units.units(plan, share.phase, todo)
  mine = study_units.share(units, share.index, share.count)
  shown = Progress(len(mine), 'piece', delay=1)
  for i, unit in enumerate(mine):
    shown.update(unit.name)
    start = time.monotonic()
    unit.run()
    took = time.monotonic() - start
    say(f'{i + 1}/{len(mine)} {unit.name}: {took:.0f} s')
  shown.close()


def run(plan: Plan, only: list[str], num_here: int = 1) -> None:
  """All phases, one after the other, on so many processes a host."""
  host, num_hosts = jax.process_index(), jax.process_count()
  todo = study_units.find_todo(plan, only)
  if num_here * num_hosts > 1:
    processes.on_first(lambda: todo.write(plan.workdir / _TODO))
  for phase in study_units.PHASES:
    if num_here * num_hosts == 1:
      run_share(plan, study_workers.Share(phase, 0, 1), todo)
    elif study_units.units(plan, phase, todo):
      study_workers.run(phase, num_here, host, num_hosts)
      processes.on_first(lambda: None)  # until all hosts are there


def write(plan: Plan) -> sources.Sources:
  """Gathers all records there are, and makes the report of them."""
  found, missing = plan.found()
  record_file.write(plan.workdir / 'records.jsonl', found)
  paths = [plan.workdir / 'records.jsonl']
  for program, names in study_units.PROGRAMS.items():
    if getattr(plan.settings, program) and study_units.is_done(plan, program):
      paths += [plan.workdir / program / f'{name}.jsonl' for name in names]
  gathered = sources.read(paths)
  for name in missing[:1]:
    gathered.skipped.append(
      f'{len(missing)} of {len(plan.names)} cells have not been run, as {name}.'
    )
  shown = {name.version: None for name in plan.names if name not in missing}
  cloaks = [version for version in shown if version.kind == 'cloak']
  page.write_folder(gathered, plan.workdir, study_map.strips(plan, cloaks))
  return gathered


def dry_run(plan: Plan, only: list[str], num_here: int = 1) -> None:
  """Prints what there is to do."""
  total, count = 0.0, num_here * jax.process_count()
  todo = study_units.find_todo(plan, only)
  for phase in study_units.PHASES:
    for unit in study_units.units(plan, phase, todo):
      print(f'{unit.seconds:7.0f} s  {unit.name}')
      total += unit.seconds
  wanted = [n for n in plan.names if study_units.is_wanted(n, only)]
  there = sum(map(plan.has, wanted))
  print(
    f'{len(wanted)} cells, {there} of them there; about {total / 60:.0f} '
    f'minutes of work for {count} processes'
  )


def main(argv):
  """Runs --config, and says where the page is."""
  start = time.monotonic()
  given, only = run_flags.parse(argv, 'study.py'), _ONLY.value
  share, num_here = study_workers.given_share(), study_workers.num_local()
  if share is None and (num_here > 1 or distributed.is_given()):
    # The workers take the devices; this process only waits for them.
    jax.config.update('jax_platforms', 'cpu')
    distributed.start()
  settings = StudySettings.from_config(given.config)
  config_hash = record_file.config_hash(given.config)
  plan = Plan(settings, config_hash, given.workdir, given.data_dir)
  study_units.check_only(plan, only)
  if _DRY_RUN.value:
    dry_run(plan, only, num_here)
    return
  if share is not None:
    study_workers.end_with_parent()
    todo = study_units.Todo.read(plan.workdir / _TODO)
    study_workers.run_quietly(lambda: run_share(plan, share, todo))
    return
  with locks.held(given.workdir):
    run(plan, only, num_here)
    if processes.is_first():
      found = write(plan)
      seconds = time.monotonic() - start
      print(f'{len(found.all())} records, {seconds:.0f} s.')
      print(f'See {given.workdir}/report.html')


if __name__ == '__main__':
  cli.run(main, kept='what is finished stays in --workdir')
