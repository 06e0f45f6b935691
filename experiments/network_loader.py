"""Networks by name; --download decides whether the network may be asked."""

from absl import flags

from fr_poison import extractors

flags.DEFINE_bool(
  'download',
  False,
  'Fetch published weights that are not in the cache, from the address in the '
  'registry.',
)


def load(name: str, input_size: int | None = None) -> extractors.Extractor:
  """`extractors.load`, as the command line allows."""
  # Not the flag's holder, which has no value where no command line was read.
  return extractors.load(
    name, input_size=input_size, download=flags.FLAGS['download'].value
  )
