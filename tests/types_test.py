"""Shapes in signatures: everywhere, and those of the calls that tests make."""

import ast
import importlib
import inspect
import os
import pkgutil
import re
import subprocess
import sys
import types
import typing

import jax
import numpy as np
import optax
import pytest
import shapes
from jaxtyping import TypeCheckError, jaxtyped

import fr_poison
from fr_poison import distances, metrics

# Rooms whose functions are called from outside.
ROOMS = (
  *('attacks', 'extractors', 'search', 'training', 'recognizers', 'detectors'),
  *('adversaries', 'evaluation', 'metrics', 'roc', 'distances', 'intervals'),
  *('verification', 'types'),
)


def _modules():
  for info in pkgutil.walk_packages(fr_poison.__path__, 'fr_poison.'):
    room = info.name.split('.')[1]
    if room in ROOMS and '.convert' not in info.name:
      yield importlib.import_module(info.name)


def _annotated():
  """Public functions, methods and fields, and what each is said to be."""
  for module in _modules():
    for name, owner in vars(module).items():
      if getattr(owner, '__module__', None) != module.__name__:
        continue
      members = vars(owner) if inspect.isclass(owner) else {}
      for inner, one in {'': owner, **members}.items():
        one = getattr(one, '__func__', one)  # of a classmethod
        is_public = not name.startswith('_') and not inner.startswith('_')
        if is_public and hasattr(one, '__annotations__'):
          for part, annotation in one.__annotations__.items():
            yield f'{module.__name__}.{name}.{inner}({part})', annotation


def _names_no_shape(annotation):
  """Whether arrays of any shape are in it, but for optax's own state."""
  if annotation in (jax.Array, np.ndarray, optax.OptState):
    return annotation is not optax.OptState
  return any(
    _names_no_shape(one)
    for arg in typing.get_args(annotation)
    for one in (arg if isinstance(arg, list) else [arg])
  )


def test_every_array_in_a_signature_has_a_shape():
  found = list(_annotated())
  assert len(found) > 900
  assert not [where for where, what in found if _names_no_shape(what)]


def test_the_signatures_that_the_page_shows_are_those_of_the_step(root):
  page = (root / 'docs' / 'extending.md').read_text()
  (block,) = re.findall(r'```\n(Images = .*?)```', page, re.S)
  aliases, _, functions = block.partition('\n\n')
  attacks = root / 'fr_poison' / 'attacks'
  sources = [root / 'fr_poison' / 'types.py', attacks / 'base.py']
  known = '\n'.join(path.read_text() for path in sources)
  assert [line for line in aliases.splitlines() if line not in known] == []
  (ascent,) = (
    node
    for node in ast.parse((attacks / 'gradient.py').read_text()).body
    if getattr(node, 'name', '') == 'Ascent'
  )
  true = {node.name: node for node in ascent.body if hasattr(node, 'name')}
  shown = ast.parse(
    re.sub(r'\n(?=def |$)', ': ...\n', functions.strip() + '\n')
  )
  assert [one.name for one in shown.body] == ['init', 'step', 'finish']
  for one in shown.body:
    own = true[one.name]
    del own.args.args[0]  # self
    assert ast.dump(one.args) == ast.dump(own.args)
    assert ast.dump(one.returns) == ast.dump(own.returns)


# Attacks traced, of pictures and of groups, and the numbers of other rooms:
# tests that compile little.
CALLS = (
  *(
    'attacks/matrix_test.py::test_types_are_kept_under_strict_promotion'
    f'_of_types_and_ranks[{name}]'
    for name in ('fawkes_v1', 'tip_im', 'chameleon')
  ),
  'attacks/masks_test.py::test_everybody_gets_their_own',
  'search/distractors_test.py::'
  'test_draws_have_the_models_moments_and_a_block_its_own_numbers',
  'training/heads_test.py::test_softmax_by_hand',
  'detectors/base_test.py::test_scores_are_float64_of_any_number_of_pictures',
  'adversaries/history_test.py::test_collect_takes_each_row_from_its_version',
  'adversaries/adaptive_test.py::test_every_version_has_its_true_name',
  'evaluation/counting_test.py::test_errors_on_a_line',
  'evaluation/detection_test.py::test_a_record_by_hand',
)


def test_the_shapes_are_those_of_calls(root):
  hook = '--jaxtyping-packages=fr_poison,shapes.check'
  result = subprocess.run(
    [sys.executable, '-m', 'pytest', '-n', '0', '-p', 'no:cacheprovider', hook]
    + [f'tests/{call}' for call in CALLS],
    capture_output=True,
    text=True,
    cwd=root,
    env=os.environ | {'PYTHONPATH': str(root / 'tests')},
  )
  assert result.returncode == 0, result.stdout[-4000:]


def _calls():
  a, b = np.zeros((2, 4), np.float32), np.zeros((3, 4), np.float32)
  yield distances.squared_distances, (a, b), (a, b[:, :3])
  yield metrics.per_person, (a[0], np.arange(4)), (a[0], np.arange(3))
  yield metrics.linf, (np.zeros((2, 2, 3), np.uint8),) * 2, (a, a)


@pytest.mark.parametrize('function, good, bad', [*_calls()])
def test_another_shape_or_type_is_noticed(function, good, bad):
  inner = inspect.unwrap(function)
  inner = inner if isinstance(inner, types.FunctionType) else function
  checked = jaxtyped(inner, typechecker=shapes.check)
  checked(*good)
  with pytest.raises(TypeCheckError):
    checked(*bad)
