"""Strangers in the gallery, end to end, and the search's benchmark."""

import importlib.util
import subprocess
import sys

import programs
import pytest

from fr_poison.report import record_file, tables


def test_smoke_run_records_every_number_of_strangers(
  tmp_path, tmp_path_factory
):
  env = programs.environment(tmp_path_factory)
  process = programs.start(
    'distractors', 'distractors', tmp_path / 'out', env=env
  )
  printed = programs.finish(process)
  found = record_file.read(tmp_path / 'out' / 'distractors.jsonl')
  assert tables.distractors(found).strip() in printed
  assert [(r['distractors'], r['num_distractors']) for r in found] == [
    ('none', 0),
    ('real', 10),
    ('model', 10),
    ('model', 1000),
  ] * 3
  assert [r['attack'] for r in found[::4]] == ['none', 'fawkes', 'lowkey']
  assert {r['num_real'] for r in found if 'num_real' in r} == {40}


def test_the_search_finds_what_faiss_finds_in_the_benchmark(tmp_path):
  if importlib.util.find_spec('faiss') is None:
    pytest.skip('faiss-cpu is not installed')
  path = programs.EXPERIMENTS / 'benchmark.py'
  result = subprocess.run(
    [sys.executable, str(path), '--search', '--gallery=2000,16,5'],
    capture_output=True,
    text=True,
    cwd=tmp_path,
  )
  assert result.returncode == 0, result.stderr
  *_, one, ten, hundred, last = result.stdout.strip().splitlines()
  for line, k in ((one, 1), (ten, 10), (hundred, 100)):
    number, _, _, _, equal = map(float, line.split())
    assert number == k and equal == 1
  assert last.startswith('approximate, 10 nearest: ')
