r"""A face network from random weights, on 30 of ORL's people.

  python experiments/train_extractor.py \
    --config=experiments/configs/train_extractor.py

Expect 1-NN to tell 10 people never seen, with one picture of each in the
gallery, in 88.5% of the others, from 73.2% with the random weights.
About three minutes on 2 CPU cores, 144 s of them training.
The argument `smoke` is the same in little; its numbers mean nothing.
"""

from ml_collections import ConfigDict
from ml_collections.config_dict import placeholder

from fr_poison import config_args


def get_config(arg=None):
  smoke = config_args.parse(arg, smoke=False)['smoke']

  config = ConfigDict()
  config.dataset = 'orl'
  # The first so many people of the data set, and the next so many.
  config.num_train_people = 4 if smoke else 30
  config.num_eval_people = 4 if smoke else 10
  # Of the latter's pictures: one is left for the gallery. With more, a network
  # of random weights does nearly as well, ORL's pictures being so alike.
  config.test_fraction = 0.9
  config.num_splits = 2 if smoke else 20  # random gallery / probe divisions
  config.network = 'mobileface'
  config.pretrained = False  # start from its shipped weights
  # Of networks that take any; None is their own.
  config.input_size = placeholder(int)
  # Durations are in epochs, batches those of all devices together.
  config.training = ConfigDict(
    {
      'num_epochs': 2 if smoke else 20,
      'batch_size': 16 if smoke else 32,
      'optimizer': {
        'name': 'sgd',
        'learning_rate': 0.01 if smoke else 0.1,
        'momentum': 0.9,
        'schedule': 'cosine',
        'warmup': 0.1,
        'weight_decay': 5e-4,
        'max_norm': 10.0,
      },
      'head': {'name': 'arcface', 'scale': 16.0, 'margin': 0.3},
      'label_smoothing': 0.0,
      'flip': 0.5,
      'balanced': False,  # people drawn evenly, instead of every picture once
      'num_micro_batches': 1,  # parts of a batch, where memory is short
      'ema_decay': placeholder(float),  # the average becomes the result
      'dtype': 'float32',  # or 'bfloat16'
      'seed': 0,  # of everything random: weights, batches, splits
    }
  )
  config.eval_every = 1 if smoke else 2  # epochs
  config.save_every = 1.0  # epochs
  config.batch_size = 20  # pictures embedded at a time; does not change results
  return config
