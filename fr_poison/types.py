"""The shapes, the one value range, and the one error of the whole project.

Pictures are `Images`: RGB, float32 in [0, 1], [B, H, W, 3]. Wherever a picture
crosses from one room to another it is that, or `UInt8Images` where it is
stored. Budgets (`epsilon`) are in the same [0, 1] units, so 8 grey levels are
8/255. Networks do their own resizing, channel order and scaling.

Signatures say shapes and kinds of numbers by jaxtyping: `Float[Array, 'M D']`
has two axes, of which M is equally long in all arguments of one call. Nothing
looks at them when the library runs; tests/types_test.py does.
"""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float, Int, Key, PRNGKeyArray, UInt8

from fr_poison import text

Array = jax.Array | np.ndarray
Images = Float[Array, 'B H W 3']  # RGB in [0, 1]
UInt8Images = UInt8[np.ndarray, 'N H W 3']  # RGB, as they are stored
UInt8Image = UInt8[np.ndarray, 'H W 3']
Embeddings = Float[Array, 'N D']  # as the network gives them, not normalised
Labels = Int[Array, ' N']  # whose each row is
Flags = Bool[Array, ' N']
Params = Any  # a pytree of arrays
Rng = PRNGKeyArray  # a key of jax.random
Rngs = Key[jax.Array, ' B']  # one a picture
EmbedFn = Callable[[Params, Images], Float[Array, 'B D']]


class InputError(ValueError):
  """What the user gave cannot be used: one line naming the field or file.

  Raised before anything is compiled or written. Programs under experiments/
  print it alone and exit with status 2. Names from files are clean in it.
  """

  def __init__(self, message: object = ''):
    """Takes the line."""
    super().__init__(text.clean(message))


class NotKeptError(InputError):
  """A cache cannot be written; the message says which variable moves it."""


class BusyError(InputError):
  """Another run is at a folder."""


class Stopped(Exception):
  """A signal asked for the end, and what was done is saved.

  Attributes:
    status: what the program ends with.
  """

  def __init__(self, message: str, status: int = 0):
    """Takes what is saved, in a sentence without its full stop."""
    super().__init__(message)
    self.status = status


def check_images(images: Images, name: str = 'images') -> None:
  """Refuses arrays that are not RGB pictures in [0, 1].

  Looks at concrete arrays on the host, before any jit: a jitted network can
  turn a picture of NaN into zeros on XLA:CPU. Traced arrays have no values to
  look at, so only their shape is checked. InputError, with `name`: wrong rank,
  channels or dtype, values not finite or outside [0, 1].
  """
  if not hasattr(images, 'shape'):
    raise InputError(
      f'{name}: a {type(images).__name__}; expected one array [B, H, W, 3], '
      'so all pictures of one size'
    )
  shape = tuple(images.shape)
  if len(shape) != 4 or shape[-1] != 3:
    raise InputError(f'{name}: expected shape [B, H, W, 3], got {list(shape)}')
  if not np.issubdtype(images.dtype, np.floating):
    hint = 'divide uint8 pictures by 255'
    if jnp.issubdtype(images.dtype, jnp.floating):
      hint = 'it has no room for 256 levels, so load them as float32'
    raise InputError(
      f'{name}: expected float32 in [0, 1], got {images.dtype}; {hint}'
    )
  if isinstance(images, jax.core.Tracer):
    return
  values = jax.device_get(images)
  if not np.isfinite(values).all():
    raise InputError(f'{name}: NaN or infinite pixels')
  if values.size and (values.min() < 0 or values.max() > 1):
    low, high = float(values.min()), float(values.max())
    hint = 'divide 0..255 pictures by 255' if high > 2 else 'clip them'
    raise InputError(
      f'{name}: pixels in [{low:.8g}, {high:.8g}], expected [0, 1]; {hint}'
    )


def check_finite(name: str, tree: Any) -> None:
  """Refuses NaN and infinity in a tree of arrays, with an InputError.

  Traced ones have no values.
  """
  for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
    if isinstance(leaf, jax.core.Tracer) or not hasattr(leaf, 'dtype'):
      continue
    is_float = jnp.issubdtype(leaf.dtype, jnp.floating)
    if is_float and not np.isfinite(jax.device_get(leaf)).all():
      where = name + jax.tree_util.keystr(path)
      raise InputError(f'{where}: NaN or infinite values')


@contextlib.contextmanager
def calling(name: str, *, hint: str = '') -> Iterator[None]:
  """Adds a note to what the user's own function raises, and where it came in.

  `name` is the argument that it was given as, `hint` what else may be wrong.
  """
  try:
    yield
  except Exception as error:
    if not isinstance(error, InputError):
      error.add_note(f'Raised by {name}, which fr_poison called{hint}.')
    raise
