"""Two processes of one run, of which one is killed, against one process."""

import hosts
import photos
import poison
import programs
import pytest

from fr_poison.report import record_file

# Some seconds of cloaks, and two programs that read them.
STUDY = """
from configs import study
from ml_collections import ConfigDict

SMALL = {
  'attacks': {'pgd': {'epsilon': 8 / 255, 'num_steps': 60}},
  'networks': ('mobileface',),
  'num_people': 12,
  'num_public': 4,
  'num_protected': 4,
  'noise_control': False,
  'histories': {},
  'saved': {},
  'adversaries': {'oblivious': {}},
  'recognizers': {'nearest_neighbor': {'normalize': True}},
}

def get_config(arg):
  runs = study.get_config(arg).runs.to_dict()
  runs = {name: runs[name] | SMALL for name in ('baseline', 'distractors')}
  runs['distractors']['num_distractors'] = (10,)
  return ConfigDict({'runs': runs, 'left_out': ()})
"""


@pytest.fixture
def environment(tmp_path_factory):
  return programs.environment(tmp_path_factory, num_devices=1)


def _stable(path):
  """Records without what differs between two runs: time, number of devices."""
  return [
    {k: v for k, v in r.items() if k != 'device' and not k.endswith('_seconds')}
    for r in record_file.read(path)
  ]


def _pictures(folder):
  return {n: x for n, x in photos.files_of(folder).items() if '.png' in n}


def test_a_study_of_two_hosts_is_that_of_one(environment, tmp_path):
  (tmp_path / 'small.py').write_text(STUDY)
  config, folder = tmp_path / 'small', tmp_path / 'two'
  command = 'study', config, f'--workdir={folder}'
  both = hosts.launch(*command, env=environment)
  is_time = lambda: any(folder.glob('cloaks/*/*/cloaks.json'))
  line = hosts.kill(both, 1, is_time)
  assert line.startswith(hosts.LOST) and f'--workdir={folder}' in line
  assert not (folder / 'report.html').exists()
  finished = {p: p.stat().st_mtime_ns for p in folder.glob('cloaks/*/*/*.png')}

  both = hosts.launch(*command, env=environment)
  first, second = map(programs.finish, both)
  assert 'See ' in first and not second
  assert finished == {p: p.stat().st_mtime_ns for p in finished}
  one = programs.start(
    'study', config, tmp_path / 'one', env=environment, little=True
  )
  programs.finish(one)
  for name in ('records', 'distractors/distractors'):
    path = folder / f'{name}.jsonl'
    assert _stable(path) == _stable(tmp_path / 'one' / f'{name}.jsonl')
  assert _pictures(folder) == _pictures(tmp_path / 'one')


def test_poison_goes_on_from_what_two_hosts_made(
  environment, tmp_path, config_file, little
):
  source, output = tmp_path / 'in', tmp_path / 'out'
  photos.make_photos(source)
  data = (source / 'same.png').read_bytes()
  for i in range(30):
    (source / f'{i}.png').write_bytes(data)
  words = f'--input={source}', f'--output={output}'
  both = hosts.launch(
    'poison', config_file.with_suffix(''), *words, env=environment
  )
  part = output / '.manifest-1.jsonl'
  hosts.kill(both, 0, lambda: part.exists() and part.stat().st_size)
  finished = {p: p.stat().st_mtime_ns for p in output.rglob('*.png')}

  poison.run(photos.CONFIG, source, output)
  poison.run(photos.CONFIG, source, tmp_path / 'one')
  assert photos.files_of(output) == photos.files_of(tmp_path / 'one')
  kept = [p for p, when in finished.items() if p.stat().st_mtime_ns == when]
  assert kept
