"""Networks by name; --download decides whether the network may be asked."""

import os

from absl import flags

from fr_poison import extractors
from fr_poison.extractors import cache
from fr_poison.types import InputError

flags.DEFINE_bool(
  'download',
  False,
  'Fetch published weights that are not in the cache, from the address in the '
  'registry.',
)


def is_here(name: str) -> bool:
  """Whether a known network's weights ship, are kept, or may be fetched."""
  name = name.removesuffix(extractors.MIRRORED)
  if name == extractors.PIXELS or extractors.spec(name).pretrained:
    return True
  return flags.FLAGS['download'].value or os.path.exists(cache.path_of(name))


def load(
  name: str,
  input_size: int | None = None,
  alignment: str = 'none',
  crop: extractors.Crop | None = None,
) -> extractors.Extractor:
  """Loads a network, as the command line allows, for pictures of an alignment.

  See `extractors.load` and `extractors.on_frame`; raises as they do. With
  'mirrored' after the name it is `extractors.mirrored`.
  """
  # Not the flag's holder, which has no value where no command line was read.
  download = flags.FLAGS['download'].value
  plain = name.removesuffix(extractors.MIRRORED)
  try:
    found = extractors.load(
      plain,
      input_size=input_size,
      download=download,
      mirrored=plain != name,
    )
  except InputError as error:
    head, _, rest = str(error).partition(': ')
    if head != 'input_size':
      raise
    raise InputError(f'config.input_size.{plain}: {rest}') from error
  return extractors.on_frame(found, alignment, crop)
