r"""Trainers who follow people, or wash cloaks off, where they were cloaked.

  python experiments/evaluate.py --config=experiments/configs/tracking.py

ORL, one network. DynTracker knows one clean picture of each person, names what
it scraped, lets that join the gallery, and goes on: only what is named rightly
(an oracle, as its authors do), or what is near enough. PuFace takes a network
that was trained on public people's cloaks, made larger, and takes off what it
takes for one. Before cloaks in the gallery (1A), on probes (2B), on both (2A).
How long this takes is not recorded.

The argument `smoke` is the same in little; its numbers mean nothing.
"""

from configs import adaptive, cells, orl
from ml_collections import ConfigDict

ATTACKS = 'opom', 'protego_planar', 'diverse'


def get_config(arg=None):
  smoke, config = orl.is_smoke(arg), orl.on_one_network(arg)
  config.num_public = 4 if smoke else 20
  config.num_targets = 0
  if smoke:
    config.num_protected = 1
  config.test_fraction = 0.4
  config.num_splits = 1 if smoke else 2
  known, attacks = cells.attacks(smoke), ATTACKS[:1] if smoke else ATTACKS
  config.attacks = ConfigDict({label: known[label] for label in attacks})
  config.cells = ('1A', '2A', '2B')
  linear = {} if smoke else {'linear': {'num_splits': 1}}
  config.recognizers = ConfigDict(
    {'nearest_neighbor': {'normalize': True}} | linear
  )
  networks = {'networks': config.networks}
  config.adversaries = ConfigDict(
    {
      'oblivious': {},
      'dyntracker_oracle': {'kind': 'dyntracker', 'oracle': True} | networks,
      # Near enough: so many of public people's pictures are nearer to one of
      # somebody else.
      'dyntracker_honest': {
        'kind': 'dyntracker',
        'oracle': False,
        'false_rate': 0.01,
      }
      | networks,
      'puface': {
        'attacks': attacks,
        'amplification': (2.0, 4.0),  # so many times as large
        'feature_weight': 0.1,  # lambda, of the embeddings' distance
        'training': training(smoke),
      }
      | ({'channels': 4, 'depth': 2} if smoke else {})
      | networks,
    }
  )
  return config


def training(smoke):
  """Settings of PuFace's training, which has no head."""
  optimizer = {'name': 'adam', 'learning_rate': 1e-3, 'schedule': 'cosine'}
  found = adaptive.SIXTEEN_EPOCHS | {'optimizer': optimizer}
  return found | ({'num_epochs': 1, 'batch_size': 8} if smoke else {})
