r"""The trainer attacks the network while it trains: ORL, PGD in the loop.

  python experiments/evaluate.py \
    --config=experiments/configs/adversarial_training.py

On LFW: the run `adversarial` of study_lfw.py, docs/study. How long this takes
is not recorded.

This trainer never sees a cloak: each step attacks half of its batch in feature
space, against the network as it is by then. `--config.adversaries.\
adversarial_training.attack.num_steps=1` is FGSM. The argument `smoke` is the
same in little; its numbers mean nothing.
"""

from configs import adaptive
from ml_collections import ConfigDict

from fr_poison import config_args


def get_config(arg=None):
  smoke = config_args.parse(arg, smoke=False)['smoke']
  config = adaptive.get_config(arg)
  training = adaptive.training(smoke, 'tuned')
  config.adversaries = ConfigDict(
    {
      'oblivious': {},
      'adversarial_training': {
        'networks': config.networks,
        # goal: 'features', or 'loss' as in classic adversarial training.
        'attack': {'goal': 'features', 'epsilon': 8 / 255, 'num_steps': 4},
        'share': 0.5,  # of the pictures of a step
        'training': training | {'num_epochs': 1 if smoke else 24},
      },
    }
  )
  config.recognizers = ConfigDict(
    {'nearest_neighbor': {'normalize': True}, 'linear': {}}
  )
  return config
