"""Two processes of one run, of which one is killed, against one process.

verify.py is in processes_test.py, and embedding_store.py in a file of its own.
"""

import runpy

import hosts
import photos
import poison
import programs
import pytest
import study

from fr_poison import strict_json
from fr_poison.photos import tree

# Cloaks, and three programs that read them.
STUDY = """
from configs import study
from ml_collections import ConfigDict

PGD = {'epsilon': 8 / 255, 'num_steps': 4}
PEOPLE = {'num_people': 12, 'num_public': 4}
SMALL = PEOPLE | {
  'attacks': {'pgd': PGD},
  'networks': ('mobileface',),
  'num_protected': 4,
  'noise_control': False,
  'histories': {},
  'saved': {},
  'adversaries': {'oblivious': {}},
  'recognizers': {'nearest_neighbor': {'normalize': True}},
}
DETECT = PEOPLE | {
  'attacks': {'pgd': PGD},
  'unseen_attacks': {},
  'train_sets': (('pgd',),),
  'detectors': {'statistics': {'name': 'statistics'}},
  'processing': {},
}

def get_config(arg):
  given = study.get_config(arg).runs.to_dict()
  runs = {name: given[name] | SMALL for name in ('baseline', 'distractors')}
  runs['distractors']['num_distractors'] = (10,)
  runs['detect'] = given['detect'] | DETECT
  runs['detect']['pipeline']['purifiers'] = ()
  return ConfigDict({'runs': runs, 'left_out': ()})
"""
RECORDS = (
  'baseline/records',
  'distractors/distractors',
  'detect/detection',
  'detect/trainers',
)


@pytest.fixture
def environment(tmp_path_factory):
  return programs.environment(tmp_path_factory, num_devices=1)


def _made(folder):
  """Cloaks, without the seconds that are noted beside them."""
  rooms = 'cloaks/', 'public_cloaks/'
  files = photos.files_of(folder).items()
  found = {name: data for name, data in files if name.startswith(rooms)}
  return {n: data for n, data in found.items() if not n.endswith('.json')}


def test_a_study_of_two_hosts_is_that_of_one(environment, tmp_path, little):
  (tmp_path / 'small.py').write_text(STUDY)
  config, folder = tmp_path / 'small', tmp_path / 'two'
  command = 'study', config, f'--workdir={folder}'
  both = hosts.launch(*command, env=environment)
  is_time = lambda: any(folder.glob('cloaks/*/*/cloaks.json'))
  line = hosts.kill(both, 1, is_time)
  assert line.startswith(hosts.LOST) and f'--workdir={folder}' in line
  assert not (folder / 'report.html').exists()
  finished = {
    path: path.stat().st_mtime_ns
    for path in folder.glob('cloaks/*/*/*.png')
    if not path.match('*.partial/*')
  }

  both = hosts.launch(*command, env=environment)
  first, second = map(programs.finish, both)
  assert 'See ' in first and not second
  assert finished == {p: p.stat().st_mtime_ns for p in finished}
  small = runpy.run_path(f'{config}.py')['get_config']('smoke').to_dict()
  study.make_all(study.Study(small, tmp_path / 'one', None), ())
  for name in RECORDS:
    found = hosts.records(folder / f'{name}.jsonl')
    assert found == hosts.records(tmp_path / 'one' / f'{name}.jsonl') and found
  made = _made(folder)
  assert made == _made(tmp_path / 'one')
  assert {name.partition('/')[0] for name in made} == {
    'cloaks',
    'public_cloaks',
  }


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
  # The second one has every second picture.
  paths, _ = tree.find_pictures(source)
  rows = map(strict_json.loads, part.read_bytes().splitlines())
  own = [row['input'] for row in rows]
  assert own == paths[1::2][: len(own)]
  finished = {p: p.stat().st_mtime_ns for p in output.rglob('*.png')}

  poison.run(photos.CONFIG, source, output)
  poison.run(photos.CONFIG, source, tmp_path / 'one')
  assert photos.files_of(output) == photos.files_of(tmp_path / 'one')
  kept = [p for p, when in finished.items() if p.stat().st_mtime_ns == when]
  assert kept
