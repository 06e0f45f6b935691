"""The small programs beside evaluate.py, most run as a user would."""

import importlib.util
import pathlib
import subprocess
import sys

import programs
import pytest
from benchmarks import convolutions, layers, pipeline

from fr_poison import extractors, weights

ROOT = pathlib.Path(__file__).parents[2]


def _run(script, *args, cwd, through=()):
  path = ROOT / 'experiments' / f'{script}.py'
  words = [sys.executable, *through, path, *args]
  return subprocess.run(words, capture_output=True, text=True, cwd=cwd)


def test_converting_the_published_file_gives_the_shipped_bytes(tmp_path):
  spec = importlib.util.find_spec('face_recognition_models')
  if spec is None:
    pytest.skip('face_recognition_models is not installed')
  folder = pathlib.Path(spec.submodule_search_locations[0]) / 'models'
  source = folder / 'dlib_face_recognition_resnet_model_v1.dat'
  args = ('--network=dlib_resnet', f'--output={tmp_path}')
  result = _run('convert_weights', *args, f'--source={source}', cwd=tmp_path)
  assert result.returncode == 0, result.stderr
  ours = weights.manifest(tmp_path)['dlib_resnet']
  assert ours == weights.manifest()['dlib_resnet']
  written = (tmp_path / ours['file']).read_bytes()
  assert written == (weights.PRETRAINED / ours['file']).read_bytes()


def test_other_sources_are_refused_and_nothing_is_written(tmp_path):
  source, output = tmp_path / 'net.dat', tmp_path / 'output'
  source.write_bytes(b'<html>')  # one that is not there: missing_files_test.py
  result = _run(
    'convert_weights',
    '--network=dlib_resnet',
    f'--source={source}',
    f'--output={output}',
    cwd=tmp_path,
  )
  assert result.returncode == 2
  (line,) = result.stderr.strip().splitlines()
  assert 'is not the published dlib_face_recognition_resnet' in line
  assert not output.exists()


def test_report_makes_the_published_table_again(tmp_path):
  published = ROOT / 'docs' / 'orl'
  result = _run(
    'report',
    f'--records={published}/records.jsonl',
    '--output=again',
    cwd=tmp_path,
  )
  assert result.returncode == 0, result.stderr
  for name in ('table.md', 'heat_map.svg'):
    again = (tmp_path / 'again' / name).read_bytes()
    assert again == (published / name).read_bytes()
  assert '<svg' in (tmp_path / 'again' / 'report.html').read_text()


def test_benchmark_prints_a_line_of_ratios_per_network(tmp_path):
  result = _run(
    'benchmark',
    '--networks=mobileface',
    '--num_steps=1',
    '--batch_size=1',
    '--repeats=1',
    cwd=tmp_path,
    through=[programs.LITTLE],
  )
  assert result.returncode == 0, result.stderr
  name, *ratios = result.stdout.strip().splitlines()[-1].split()
  assert name == 'mobileface' and len(ratios) == 7
  assert all(float(ratio) >= 0 for ratio in ratios)


def test_poison_is_timed_against_its_device(little, monkeypatch):
  # Of the programs that it is of, and of pictures, the smallest there are.
  monkeypatch.setattr(pipeline, '_ATTACK', {'name': 'pgd'})
  monkeypatch.setattr(pipeline, '_SIZES', {'a': (20, 30), 'b': (40, 30)})
  how = {'num_steps': 1, 'batch_size': 1, 'repeats': 1}
  head, *rows = '\n'.join(pipeline.lines(3, 1, **how)).splitlines()
  assert head == 'pgd on mobileface, 1 steps'
  for row, name, number in zip(rows[1:], 'ab', (3, 1), strict=True):
    found, count, *measured = row.split()
    assert (found, int(count)) == (name, number) and len(measured) == 4
    assert min(map(float, measured)) >= 0


def test_convolutions_are_timed_beside_those_of_xla(monkeypatch):
  *_, small = convolutions._SHAPES
  monkeypatch.setattr(convolutions, '_SHAPES', [small])
  *_, line = convolutions.lines('float32', batch_size=1, repeats=1)
  sizes, times = line.split()[:5], [float(x) for x in line.split()[5:]]
  assert sizes == ['14', '256', '256', '3', '1']
  # Forward and both gradients: XLA's, ours, and the ratio.
  assert len(times) == 9 and min(times) >= 0


def test_layers_are_timed_beside_their_operations(monkeypatch):
  found = layers.shapes(extractors.load('dlib_resnet'))
  assert found.total() == 29 and next(iter(found)) == (150, 3, 32, 7, 2, 0)
  shape = convolutions.Shape(4, 2, 3, kernel=3, stride=1, padding=1)
  assert shape.operations() == 2 * 4 * 4 * 3 * 3 * 2 * 3
  monkeypatch.setattr(layers, '_PRODUCT', 64)
  monkeypatch.setattr(layers, 'shapes', lambda _: {shape: 5})
  *_, line, whole = layers.lines('mobileface', batch_size=1, repeats=1)
  assert line.split()[:6] == ['4', '2', '3', '3', '1', '5']
  assert whole.startswith('all convolutions ')


def test_recognizers_agree_with_scikit_learn_in_the_benchmark(tmp_path):
  result = _run('benchmark', '--recognizers', '--faces=10,12,16', cwd=tmp_path)
  assert result.returncode == 0, result.stderr
  nearest, linear = result.stdout.strip().splitlines()[-2:]
  for line, name in ((nearest, 'nearest_neighbor'), (linear, 'linear')):
    assert line.split()[0] == name
    *_, equal, ours, theirs = map(float, line.split()[-3:])
    assert equal >= 0.9 and abs(ours - theirs) <= 0.05
