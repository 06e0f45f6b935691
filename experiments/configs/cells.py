"""Cloaks of today, each in the place that its authors mean it for."""

_EPSILON = 8 / 255  # in [0, 1] pixel units


def attacks(smoke: bool) -> dict[str, dict]:
  """Settings by label: the authors' own, and PGD at 8/255 to compare with."""
  steps = {'num_steps': 2} if smoke else {}
  epochs = {'num_epochs': 1} if smoke else {}
  return {
    'opom': {'variant': 'class_center'} | steps,
    'chameleon': dict(epochs),
    'protego_planar': dict(epochs),
    'tip_im': dict(steps),
    'diverse': dict(steps),
    'pgd_8': {
      'name': 'pgd',
      'epsilon': _EPSILON,
      'num_steps': 2 if smoke else 30,
    },
  }
