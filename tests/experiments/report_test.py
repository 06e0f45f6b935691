"""The report as a user makes it, from a folder of records."""

import json
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).parents[2]
# Of a trainer whose detector found every cloak.
FINDS_ALL = {
  'adversary': 'detecting: alexnet',
  'attack': 'lowkey',
  'epsilon': 8 / 255,
  'error_rate': 0.0,
  'error_ci': [0.0, 0.1],
  'network': 'mobilefacenet_tf',
  'not_enrolled_rate': 1.0,
  'not_enrolled_ci': [0.7, 1.0],
  'others_not_enrolled_rate': 0.0,
  'others_not_enrolled_ci': [0.0, 0.2],
  'num_people': 10,
  'num_splits': 10,
  'protection_rate': None,
  'protection_ci': None,
  'recognizer': 'nearest_neighbor',
  'seed': 0,
  'surrogate': ['mobilefacenet_tf'],
  'config_hash': '0123456789abcdef',
  'device': 'cpu x1, 2 cores',
  'versions': {'fr_poison': '0.2.0', 'jax': '0.12.0', 'python': '3.12.1'},
}


def _report(*args):
  script = ROOT / 'experiments' / 'report.py'
  return subprocess.run(
    [sys.executable, str(script), *args], capture_output=True, text=True
  )


def test_a_folder_of_records_becomes_a_study(tmp_path):
  published = (ROOT / 'docs' / 'squeezing' / 'records.jsonl').read_text()
  given = tmp_path / 'given'
  given.mkdir()
  (given / 'records.jsonl').write_text(published[:-100])  # its writer died
  trainers = tmp_path / 'trainers.jsonl'
  trainers.write_text(json.dumps(FINDS_ALL) + '\n')

  output = tmp_path / 'out'
  args = (f'--records={given}', f'--records={trainers}', f'--output={output}')
  result = _report(*args)
  assert result.returncode == 0, result.stderr

  count = len(published.splitlines())
  said = f'records.jsonl, line {count}: not a whole record'
  assert said in result.stdout
  assert said in (output / 'report.html').read_text()
  names = {str(path.relative_to(output)) for path in output.rglob('*.*')}
  assert names == {
    *('report.html', 'table.md', 'table.tex', 'records.csv'),
    'heat_map.svg',
    *('figures/answer.svg', 'figures/answer.png'),
    *('figures/accuracy_robustness.svg', 'figures/accuracy_robustness.png'),
  }
  total = count - 1 + len(trainers.read_text().splitlines())
  assert len((output / 'records.csv').read_text().splitlines()) == total + 1
  assert 'not enrolled' in (output / 'table.md').read_text()


def test_records_without_a_place_in_one_table_are_refused(tmp_path):
  published = ROOT / 'docs' / 'squeezing' / 'records.jsonl'
  record = json.loads(published.read_text().splitlines()[0])
  del record['checksum']
  twins = [record, record | {'device': 'another'}]
  path = tmp_path / 'records.jsonl'
  path.write_text(''.join(json.dumps(twin) + '\n' for twin in twins))
  result = _report(f'--records={path}', f'--output={tmp_path}/out')
  assert result.returncode == 2
  (line,) = result.stderr.strip().splitlines()
  assert line.startswith('error: ') and 'two of none' in line
  assert [x.name for x in tmp_path.iterdir()] == ['records.jsonl']
