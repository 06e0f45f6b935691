"""A stage whose results change has another number, or old results stay."""

import inspect
import json

import pytest
import stage_numbers

from fr_poison import stages

GOLDEN = json.loads(stage_numbers.PATH.read_text())
STAGES = [name for name in vars(stages) if name.isupper()]


@pytest.mark.parametrize('stage', STAGES)
def test_results_do_not_change_without_the_number(stage):
  script = 'python tests/stage_numbers.py'
  env = 'JAX_NUM_CPU_DEVICES=4 PYTHONPATH=tests:experiments'
  again = f'{env} {script} {stage}'
  known = GOLDEN[stage]
  assert known['version'] == getattr(stages, stage), (
    f'{stage} has a new number: run {again}'
  )
  changed = stage_numbers.differing(
    stage_numbers.measure(stage), known['numbers']
  )
  assert not changed, (
    f'{stage}: other results, {changed}. If they are meant to be others, raise '
    f'{stage} in fr_poison/stages.py and run {again}'
  )


def test_every_stage_says_what_it_is():
  lines = inspect.getsource(stages).splitlines()
  assert STAGES == [*GOLDEN]
  for stage in STAGES:
    (number,) = (i for i, x in enumerate(lines) if x.startswith(f'{stage} ='))
    assert lines[number - 1].startswith('# ')


def test_a_change_of_two_percent_is_seen_and_a_last_digit_is_not():
  numbers = {'loss': [1.5, 0.25], 'rate': [0.0]}
  near = {'loss': [1.501, 0.2501], 'rate': [0.0001]}
  assert stage_numbers.differing(numbers, near) == []
  far = {'loss': [1.5, 0.24], 'other': [0.0]}
  assert stage_numbers.differing(numbers, far) == ['loss', 'other', 'rate']
