r"""The trainer attacks the network while it trains: ORL, PGD in the loop.

  python experiments/evaluate.py \
    --config=experiments/configs/adversarial_training.py

docs/adversarial_training/table.md is of version 0.1.0 and mobileface, a weak
network: there the protection of LowKey and Fawkes, 99-100% against 1-NN on the
network as it was, fell to 1%, and the accuracy on everybody else stayed at 99%;
on ORL, of cloaks within 8/255. It took under 3 minutes on 2 CPU cores. No run
on today's network, ten times as expensive, is recorded yet.

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
