"""How long the pieces of a study take, roughly: what --dry_run tells.

Rounded from a run on two CPU cores with ORL's pictures (docs/study); elsewhere
it says at least which pieces are long.
"""

from collections.abc import Sequence

# Seconds of one picture: embedded, and its gradient.
_EMBED, _GRADIENT = (
  {'pixels': 0.0, 'mobileface': 0.001, 'arcface_small': 0.001},
  {'mobileface': 0.002, 'arcface_small': 0.005, 'faceres': 0.017},
)
# dlib_resnet's, and for want of more of networks not named there.
_OTHER_EMBED, _OTHER_GRADIENT = 0.006, 0.012
# LowKey looks at picture and blur, with their mirror images, and at LPIPS.
_PASSES = {'lowkey': 8}
_SECONDS = {'nearest_neighbor': 0.001, 'linear': 0.005, 'end_to_end': 6.0}
_COMPILING = 6.0
PROGRAMS = {'detect': 400.0, 'distractors': 15.0}


def cloaks(
  attack: str, num_steps: int, networks: Sequence[str], num_images: int
) -> float:
  """Of one attack on pictures of protected or public people."""
  step = sum(_GRADIENT.get(n, _OTHER_GRADIENT) for n in networks)
  return _COMPILING + num_images * num_steps * step * _PASSES.get(attack, 1)


def training(network: str, num_epochs: int, num_images: int) -> float:
  """Of a network on so many pictures."""
  step = 2 * _GRADIENT.get(network, _OTHER_GRADIENT)
  return 2 * _COMPILING + num_epochs * num_images * step


def embedding(network: str, num_images: int) -> float:
  """Of pictures that are scraped, by one network."""
  return num_images * _EMBED.get(network, _OTHER_EMBED)


def record(recognizer: str, num_people: int, num_splits: int) -> float:
  """Of one recognizer, for every protected person and split."""
  return _SECONDS[recognizer] * num_people * num_splits
