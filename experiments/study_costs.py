"""How long the pieces of a study take, roughly: what --dry_run tells.

Measured on two CPU cores with ORL's pictures; elsewhere it says at least
which pieces are long.
"""

from collections.abc import Sequence

# Seconds of one picture: embedded, and its gradient.
_EMBED, _GRADIENT = (
  {'pixels': 0.0, 'mobileface': 0.001, 'faceres': 0.005},
  {'mobileface': 0.002, 'faceres': 0.017},
)
_OTHER_EMBED, _OTHER_GRADIENT = 0.02, 0.06  # of networks not named there
# LowKey looks at picture and blur, with their mirror images, and at LPIPS.
_PASSES = {'lowkey': 8}
_SECONDS = {'nearest_neighbor': 0.001, 'linear': 0.01, 'end_to_end': 8.0}
_COMPILING = 6.0


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
