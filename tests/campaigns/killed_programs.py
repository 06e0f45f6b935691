"""What crash.py kills: programs on as little as makes all their files."""

import photos
import programs

# A study in little: two runs, no training, no other program.
_STUDY = """
from configs import study
from ml_collections import ConfigDict

def get_config(arg=None):
  pgd = {'name': 'pgd', 'epsilon': 8 / 255, 'num_steps': 2}
  run = study.get_config(arg).runs.baseline.to_dict() | {
    'num_people': 8,
    'num_public': 0,
    'networks': ('mobileface', 'pixels'),
    'attacks': {'small': pgd | {'epsilon': 2 / 255}, 'large': pgd},
    'histories': {},
    'recognizers': {'nearest_neighbor': {}},
  }
  mixed = run | {'histories': {'half': {'clean': 0.5, 'large': 0.5}}}
  return ConfigDict({'runs': {'baseline': run, 'mixed': mixed}, 'left_out': ()})
"""


def _poison(folder, env):
  source = folder.parent / 'photos'
  if not source.exists():
    photos.make_photos(source)
  args = '--config.batch_size=2', f'--input={source}', f'--output={folder}'
  return programs.launch('poison', 'fawkes_high', *args, env=env, little=True)


def _train_robust(folder, env):
  return programs.start(
    'train_robust',
    'adaptive',
    folder,
    '--config.num_people=4',
    '--config.num_public=2',
    '--config.adversaries.adaptive_tuned.training.num_epochs=5',
    env=env,
    little=True,
  )


def _evaluate(folder, env):
  networks = "--config.networks=('mobileface','pixels')"
  return programs.start(
    'evaluate', 'orl', folder, networks, env=env, little=True
  )


def _study(folder, env):
  config = folder.parent / 'config'
  config.with_suffix('.py').write_text(_STUDY)
  return programs.start('study', config, folder, env=env, little=True)


# Each starts its program: (output folder, environment) -> process.
PROGRAMS = {
  'poison': _poison,
  'train_robust': _train_robust,
  'evaluate': _evaluate,
  'study': _study,
}
