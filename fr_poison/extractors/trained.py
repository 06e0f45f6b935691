"""Networks that were trained here, out of their checkpoints."""

import pathlib
from collections.abc import Callable

from flax import traverse_util

from fr_poison import checkpoints, checks, weights
from fr_poison.types import InputError, Params


def read(
  path: pathlib.Path, shapes: Callable[[str, int], dict[str, tuple]]
) -> tuple[str, Params, int]:
  """Reads a `training.TrainState`'s network, as its average where kept.

  Nothing else of it is read, and that only once it has the network's shapes.

  Args:
    path: of a training's checkpoints, or of one of them.
    shapes: of a network's arrays by flat name, of its name and input size.

  Returns:
    The network's name, its variables and its input size.

  Raises:
    InputError: no network's checkpoint, damaged, or of other arrays.
  """
  saved = checkpoints.find(path)
  try:
    about = saved.description['network']
    name, size = about['name'], checks.whole('input_size', about['input_size'])
    expected = shapes(name, size)
  except (KeyError, TypeError) as error:
    raise InputError(
      f'{path}: not the checkpoint of a network ({error} is missing)'
    ) from error
  except InputError as error:
    raise InputError(f'{path}: {error}') from error
  own = 'ema' if any(x.startswith('ema/') for x in saved.arrays) else 'params'
  places = {
    x.replace('params/', f'{own}/extractor/', 1)
    if x.startswith('params/')
    else x: x
    for x in expected
  }
  rooms = f'{own}/extractor/', 'batch_stats/'
  there = [x for x in saved.arrays if x.startswith(rooms)]
  weights.check_arrays(
    {places.get(x, x): saved.arrays[x] for x in there}, expected, str(path)
  )
  found = {places[x]: array for x, array in saved.read(there).items()}
  return name, traverse_util.unflatten_dict(found, sep='/'), size
