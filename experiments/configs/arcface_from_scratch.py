r"""An ArcFace IResNet from random weights.

  python experiments/train_extractor.py \
    --config=experiments/configs/arcface_from_scratch.py

Trained on 30 of ORL's people, expect a verification AUC of 0.960 (EER 10.4%,
accuracy 92.9%) on 10 never seen, from 0.933 with the random weights, and 85.7%
by 1-NN with one picture of each in the gallery, from 78.4%. The run took 57
seconds (docs/from_scratch/arcface.jsonl, which has all epochs).

The argument `preset=casia` is the published training of IResNet-50 on
CASIA-WebFace, `preset=ms1m` that of IResNet-100 on MS1MV2 (Deng et al., 2019,
section 3.1), for GPUs or TPUs. --data_dir says where the pictures are; they
have to fit into the memory of every host (19 and 219 GB).
The argument `smoke` is the same in little; its numbers mean nothing.
"""

from ml_collections import ConfigDict
from ml_collections.config_dict import placeholder

from fr_poison import config_args

# 32,000 steps of 512 pictures, the rate divided by 10 at 20,000 and 28,000;
# 180,000 steps, at 100,000 and 160,000.
_PUBLISHED = {
  'casia': ('casia_webface', 10_472, 'arcface_r50', 33, (20 / 32, 28 / 32)),
  'ms1m': ('ms1m', 85_642, 'arcface_r100', 16, (100 / 180, 160 / 180)),
}


def get_config(arg=None):
  args = config_args.parse(arg, smoke=False, preset=('orl', *_PUBLISHED))
  smoke, preset = args['smoke'], args['preset']

  config = ConfigDict()
  config.dataset = 'orl'  # see configs/orl.py
  config.person_level = 'first'  # in a folder; see configs/orl.py
  config.align = 'auto'  # see configs/orl.py
  config.min_pictures = 2  # people with fewer usable ones are left out
  # How many people of the data set; the seed draws them.
  config.num_train_people = 4 if smoke else 30
  config.num_eval_people = 4 if smoke else 10  # others, never trained on
  # Of the former's pictures, not trained on, to watch loss and accuracy.
  config.held_out_fraction = 0.1
  # Of the latter's pictures: one is left for the gallery. With more, a network
  # of random weights does nearly as well, ORL's pictures being so alike.
  config.test_fraction = 0.9
  config.num_splits = 2 if smoke else 20  # random gallery / probe divisions
  # What is trained: a name of fr_poison.extractors.architectures.
  config.network = 'arcface_small'
  config.pretrained = False  # start from its published weights
  # Of networks that take any; None is their own.
  config.input_size = 32 if smoke else placeholder(int)
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
        'drops': (),  # for the schedule 'step'
        'weight_decay': 5e-4,
        'max_norm': placeholder(float),  # of the gradient
      },
      'head': {'name': 'arcface', 'scale': 16.0, 'margin': 0.3},
      'label_smoothing': 0.0,
      'flip': 0.5,
      'jitter': 0.1,  # moves, sizes, light; see training/augmentation.py
      'balanced': False,  # people drawn evenly, instead of every picture once
      'per_person': 1,  # pictures of each person that `balanced` draws
      'steps_per_epoch': placeholder(int),  # of `balanced`; None: as without
      'num_micro_batches': 1,  # parts of a batch, where memory is short
      'ema_decay': placeholder(float),  # the average becomes the result
      'dtype': 'float32',  # or 'bfloat16'
      'seed': 0,  # of everything random: weights, batches, splits
    }
  )
  config.eval_every = 1 if smoke else 2  # epochs
  config.save_every = 1.0  # epochs
  config.batch_size = 20  # pictures embedded at a time, on an accelerator
  if preset in _PUBLISHED:
    _set_published(config, *_PUBLISHED[preset])
  return config


def _set_published(config, dataset, num_people, network, num_epochs, drops):
  config.dataset = dataset
  config.num_train_people, config.num_eval_people = num_people, 100
  config.held_out_fraction = 0.01
  config.num_splits = 1
  config.network = network
  config.eval_every = 1
  config.batch_size = 512
  config.training.update(
    num_epochs=num_epochs, batch_size=512, jitter=0.0, dtype='bfloat16'
  )
  config.training.optimizer.update(schedule='step', warmup=0.0, drops=drops)
  config.training.head.update(scale=64.0, margin=0.5)
