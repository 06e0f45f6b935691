"""benchmark.py --accelerator: in little, in time, and what is left of it."""

import json
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import programs
import pytest
from benchmarks import accelerator, accelerator_page, golden, peaks
from benchmarks.accelerator_plan import Section

from fr_poison import extractors, layers


def _read(folder):
  page = (folder / 'accelerator.md').read_text()
  return json.loads((folder / 'accelerator.json').read_text()), page


def test_everything_is_measured_in_little(tmp_path):
  program = programs.EXPERIMENTS / 'benchmark.py'
  result = subprocess.run(
    [sys.executable, programs.LITTLE, program, '--accelerator', '--output=out'],
    capture_output=True,
    text=True,
    cwd=tmp_path,
  )
  assert result.returncode == 0, result.stderr
  found, page = _read(tmp_path / 'out')
  counts = {name: len(rows) for name, rows in found['rows'].items()}
  assert counts == {
    **{'golden': 0, 'embedding': 1, 'search': 3, 'training': 1},
    **{'lowkey': 2, 'torch': 0, 'batches': 3},
  }
  # The little network is neither the recorded one nor one that PyTorch has.
  assert sorted(note.split()[0] for note in found['notes']) == [
    *('golden', 'torch', 'torch')
  ]
  for row in found['rows']['lowkey'] + found['rows']['batches']:
    assert row['images_per_second'] > 0 and row['tflops_per_second'] > 0
    assert row['share_of_peak'] is None  # of a CPU
  assert all(found['titles'][n] in page for n, count in counts.items() if count)


def test_what_was_measured_is_left_of_a_run_that_is_cut_off(tmp_path):
  def broken():
    raise ValueError('out of\n luck')

  def cut_off():
    raise KeyboardInterrupt

  planned = {
    'first': Section('No time', 0.0, [({'n': 1}, broken)]),
    'second': Section(
      'Some time',
      0.5,
      [({'n': 2}, broken), ({'n': 3}, lambda: {'s': 2.5}), ({'n': 4}, cut_off)],
    ),
  }
  with pytest.raises(KeyboardInterrupt):
    list(accelerator.lines(tmp_path, 100, planned))
  found, page = _read(tmp_path)
  assert found['rows'] == {'first': [], 'second': [{'n': 3, 's': 2.5}]}
  notes = [
    'first 1: skipped, the time is used up',
    'second 2: ValueError: out of luck',
  ]
  assert found['notes'] == notes
  assert '| 3 | 2.5 |' in page and all(f'- {note}\n' in page for note in notes)


def test_targets_are_compared_with_the_faster_form_and_the_best_batch():
  def row(network, rate, **more):
    kind = {'network': network, 'dtype': 'bfloat16'}
    return kind | {'images_per_second': rate} | more

  rows = {
    'lowkey': [
      row('mobileface', 300.0, share_of_peak=0.5),
      row('arcface_r100', 20.0, share_of_peak=0.3),
    ],
    'batches': [row('arcface_r100', 30.0, share_of_peak=0.45)],
    'torch': [row('mobileface', 150.0), row('mobileface', 100.0)],
  }
  ratio, share = accelerator_page.targets(rows)
  assert ratio.startswith('mobileface bfloat16: 2 times the faster')
  assert share.startswith('arcface_r100 bfloat16: 0.45 of the peak')


def test_golden_errors_are_rounding_and_grow_with_other_weights(monkeypatch):
  errors = golden.errors('mobileface', 2)
  assert errors['to_original'] <= 1e-4
  assert errors['cpu_to_original'] == errors['to_original']
  assert errors['to_cpu'] == 0  # here it is the same device
  network = extractors.load('mobileface')
  other = jax.tree.map(lambda x: 1.01 * x, network.params)
  changed = lambda name: network._replace(params=other)
  monkeypatch.setattr(golden.extractors, 'load', changed)
  assert golden.errors('mobileface', 2)['to_original'] > 1e-2


@pytest.mark.parametrize(
  'kind, dtype, expected',
  [
    ('NVIDIA H200', 'bfloat16', 989.5e12),
    ('NVIDIA H100 80GB HBM3', 'float32', 494.7e12),
    ('NVIDIA H100 PCIe', 'bfloat16', 756e12),
    ('NVIDIA A100-SXM4-40GB', 'bfloat16', 312e12),
    ('NVIDIA L40S', 'float32', 183e12),
    ('TPU v5 lite', 'float32', 197e12),
    ('cpu', 'float32', None),
  ],
)
def test_peaks_are_found_by_device_kind(kind, dtype, expected):
  assert peaks.of(kind, dtype) == expected


def test_operations_are_those_of_the_mathematics():
  # 4 x 6 sums of 5 products.
  zeros = lambda *shape: np.zeros(shape, np.float32)
  matmul = peaks.flops(jnp.matmul, zeros(4, 5), zeros(5, 6))
  assert matmul == 2 * 4 * 6 * 5
  # Of 8 rows, a kernel of 3 at stride 2 fits in 3 places.
  x, kernel = zeros(1, 8, 8, 2), zeros(3, 3, 2, 4)
  conv = lambda x: layers.conv(x, kernel, stride=2)
  count = 2 * 3 * 3 * 4 * (3 * 3 * 2)
  assert peaks.flops(conv, x) == count
  # The gradient has as many products; the zeros between its pixels are none.
  gradient = lambda x: jax.vjp(conv, x)[1](jnp.ones((1, 3, 3, 4)))[0]
  assert peaks.flops(gradient, x) == pytest.approx(count, rel=0.05)
