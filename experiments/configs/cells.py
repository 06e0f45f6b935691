r"""Cloaks of today, each where its authors mean it for: gallery, probes, both.

  python experiments/evaluate.py --config=experiments/configs/cells.py

ORL, one network that the cloaks are made on, and two others. Masks are made
from 60% of a person's pictures, those in the gallery, and put on the rest. The
cells, as error of 1-NN and as recall of a search: docs/cells.md. How long this
takes is not recorded.

The argument `budgets` measures each cloak but TIP-IM, which takes 46 seconds of
a core a picture, at four L-infinity budgets, its authors' own among them,
before the network that it was made on. On LFW, with either, add

  --config.dataset=lfw --config.num_people=60 --config.min_pictures=20 \
    --data_dir=LFW

--config.others=cloaked cloaks the other protected people in the
gallery, too; --config.test_fraction=0.5 asks with half of the pictures.

`smoke` is the same in little; its numbers mean nothing.
"""

from configs import orl
from ml_collections import ConfigDict

from fr_poison import config_args

BUDGETS = 4 / 255, 8 / 255, 12 / 255, 16 / 255  # in [0, 1] pixel units


def get_config(arg=None):
  args = config_args.parse(arg, smoke=False, budgets=False)
  smoke, budgets = args['smoke'], args['budgets']
  config = orl.get_config('smoke' if smoke else None)
  config.cells = ('1A', '1B', '2A', '2B')
  config.retrieval = True
  config.test_fraction = 0.4
  config.num_splits = 1 if smoke else 3
  if not smoke:
    config.num_protected = 5  # TIP-IM takes 46 s of a core a picture
    config.surrogates = ('mobilefacenet_tf',)
    config.networks = ('mobilefacenet_tf', 'faceplugin', 'dlib_resnet')
  config.controls = ('spectrum', 'another')
  config.attacks = ConfigDict(attacks(smoke))
  if budgets:
    config.networks = config.surrogates
    config.noise_control = False
    config.num_splits = 1
    config.attacks = ConfigDict(_at_budgets(attacks(smoke)))
  return config


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
      'epsilon': 8 / 255,
      'num_steps': 2 if smoke else 30,
    },
  }


def _at_budgets(found):
  """The same, each at every budget: 'opom_4' is that of 4/255."""
  return {
    f'{name}_{255 * epsilon:.0f}': chosen | {'name': name, 'epsilon': epsilon}
    for label, chosen in found.items()
    if label != 'tip_im'
    for name in [chosen.get('name', label)]
    for epsilon in BUDGETS
  }
