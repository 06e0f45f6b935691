"""The shapes, the one value range, and the one error of the whole project.

Pictures are `Images`: RGB, float32 in [0, 1], [B, H, W, 3]. Wherever a picture
crosses from one room to another it is that, or uint8 of the same shape where
it is stored. Budgets (`epsilon`) are in the same [0, 1] units, so 8 grey
levels are 8/255. Networks do their own resizing, channel order and scaling.
"""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

Array = jax.Array | np.ndarray
Images = Array  # [B, H, W, 3] float32 in [0, 1], RGB
Embeddings = Array  # [B, D] float32, as the network gives them, not normalised
Labels = Array  # [B] int32
Params = Any  # a pytree of arrays
Rng = jax.Array  # a key of jax.random
EmbedFn = Callable[[Params, Images], Embeddings]


class InputError(ValueError):
  """What the user gave cannot be used: one line naming the field or file.

  Raised before anything is compiled or written. Programs under experiments/
  print it alone and exit with status 2.
  """


class NotKeptError(InputError):
  """A cache cannot be written; the message says which variable moves it."""


def check_images(images: Images, name: str = 'images') -> None:
  """Refuses arrays that are not RGB pictures in [0, 1].

  Looks at concrete arrays on the host, before any jit: a jitted network can
  turn a picture of NaN into zeros on XLA:CPU. Traced arrays have no values to
  look at, so only their shape is checked.

  Args:
    images: [B, H, W, 3], floating point, in [0, 1].
    name: what to call them in the message.

  Raises:
    InputError: wrong rank, channels or dtype, values not finite or outside
      [0, 1].
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
    raise InputError(
      f'{name}: expected float32 in [0, 1], got {images.dtype}; '
      'divide uint8 pictures by 255'
    )
  if isinstance(images, jax.core.Tracer):
    return
  values = np.asarray(images)
  if not np.isfinite(values).all():
    raise InputError(f'{name}: NaN or infinite pixels')
  if values.size and (values.min() < 0 or values.max() > 1):
    raise InputError(
      f'{name}: pixels in [{values.min():g}, {values.max():g}], '
      'expected [0, 1]; divide 0..255 pictures by 255'
    )
