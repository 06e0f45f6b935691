"""A published file through the converter, as its user runs it."""

import hashlib
import os
import pathlib
import subprocess
import sys

import numpy as np
import safetensors.numpy
import weight_files
from extractors import recipe
from flax import traverse_util
from properties import seeds

from fr_poison import extractors, weights

ROOT = pathlib.Path(__file__).parents[2]


def _convert(folder, **flags):
  script = ROOT / 'experiments' / 'convert_weights.py'
  args = [f'--{name}={value}' for name, value in flags.items()]
  return subprocess.run(
    [sys.executable, str(script), *args],
    capture_output=True,
    text=True,
    cwd=folder,
    env=os.environ | {'FR_POISON_CACHE': str(folder)},
  )


def test_a_converted_file_is_loaded_by_its_name(tmp_path, monkeypatch):
  spec = extractors.spec('arcface_mbf')
  shapes = weights.expected_shapes(spec.module(), spec.input_size, None)
  variables = {
    name: np.full(shape, i, np.float32)
    for i, (name, shape) in enumerate(shapes.items())
  }
  original = extractors.with_params(
    spec.name, traverse_util.unflatten_dict(variables, sep='/')
  )
  arrays = {
    f'module.{key}': np.ascontiguousarray(array)
    for key, array in extractors.to_state_dict(original).items()
  }
  source = tmp_path / 'published.bin'
  source.write_bytes(safetensors.numpy.save(arrays))
  result = _convert(tmp_path, network=spec.name, source=source)
  assert result.returncode == 0, result.stderr
  path = tmp_path / f'{spec.name}.safetensors'
  assert result.stdout.startswith(f'{path}: {len(shapes)} arrays, ')
  monkeypatch.setenv('FR_POISON_CACHE', str(tmp_path))
  assert extractors.load(spec.name).sha256 == original.sha256
  with safetensors.safe_open(path, 'numpy') as file:
    about = file.metadata()
  assert about['network'] == spec.name
  assert about['source'] == 'published.bin'
  digest = hashlib.sha256(source.read_bytes()).hexdigest()
  assert about['source_sha256'] == digest


def test_a_release_of_frbench_is_converted_if_it_is_of_that_network(
  tmp_path, monkeypatch, golden
):
  state = recipe.golden_state(golden('mobilefacenet'))
  folder = tmp_path / 'net'
  folder.mkdir()
  (folder / 'net.pth').write_bytes(weight_files.torch(state))
  config = folder / 'config.yaml'
  config.write_bytes(seeds.FRBENCH)
  flags = {'network': 'mobilefacenet', 'source': folder}
  result = _convert(tmp_path, **flags)
  message = f'{folder}: config: backbone irse-100, not mobilefacenet'
  assert result.stderr == f'error: --source: {message}\n'
  assert not (tmp_path / 'mobilefacenet.safetensors').exists()
  config.write_bytes(seeds.FRBENCH.replace(b'irse-100', b'mobilefacenet'))
  result = _convert(tmp_path, **flags)
  assert result.returncode == 0, result.stderr
  monkeypatch.setenv('FR_POISON_CACHE', str(tmp_path))
  expected = extractors.from_state_dict('mobilefacenet', state).sha256
  assert extractors.load('mobilefacenet').sha256 == expected


def test_another_networks_file_is_one_line_and_nothing_is_written(tmp_path):
  source = ROOT / 'tests' / 'golden' / 'weights' / 'state_dict.pth'
  output = tmp_path / 'output' / 'net.safetensors'
  flags = {'network': 'arcface_mbf', 'source': source, 'output': output}
  result = _convert(tmp_path, **flags)
  assert result.returncode == 2
  (line,) = result.stderr.strip().splitlines()
  assert line.startswith(f'error: --source: {source}: arcface_mbf: not the')
  assert 'missing: conv_sep' in line
  assert not output.parent.exists()
