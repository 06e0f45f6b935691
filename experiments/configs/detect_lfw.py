r"""Can cloaks of a strong network be seen on LFW, in colour? A frozen standard.

  python experiments/detect.py --data_dir=LFW \
    --config=experiments/configs/detect_lfw.py

LFW is the folder or archive of the official lfw-deepfunneled; needs the extra
`align`. Detectors learn from 50 public people of `fr_poison-lfw-1` (see
lfw.py), and cloaks imitate these; the 40 test people are tested, by all of
their 10 pictures, and 1-NN separates them from 5,709 others. How long this
takes is not recorded.

The argument `protect=tuning` tests the 22 tuning people instead.
`smoke` is the same in little; its numbers mean nothing.
"""

from configs import detect
from ml_collections import ConfigDict
from ml_collections.config_dict import placeholder

from fr_poison import config_args
from fr_poison.data import standard

_DETECTORS = ('vgg16', 'alexnet', 'statistics', 'autoencoder', 'residual')


def get_config(arg=None):
  args = config_args.parse(arg, smoke=False, protect=standard.PROTECTED[0])
  smoke = args['smoke']
  config = detect.get_config('smoke' if smoke else None)
  (config.standard,) = standard.NAMES  # a frozen list of people and pictures
  config.protect = args['protect']  # 'test' people, or 'tuning' ones
  config.dataset = standard.DATASETS[config.standard]
  # With the public ones; None: everybody.
  config.num_people = 8 if smoke else placeholder(int)
  config.num_public = 5 if smoke else 50
  everybody = 40 if config.protect == 'test' else 22
  config.pipeline.num_protected = 1 if smoke else everybody
  config.pipeline.num_distractors = 10 if smoke else 1_000_000
  if not smoke:
    config.surrogate = 'mobilefacenet_tf'
    config.pipeline.networks = 'mobilefacenet_tf', 'dlib_resnet'
    config.epsilons, config.evasion = (), ConfigDict()
    del config.unseen_attacks['eot_pgd']
    config.train_sets = config.train_sets[:1]
    for name in {*config.processing} - {*detect.SAVED}:
      del config.processing[name]
    for name in {*config.detectors} - {*_DETECTORS}:
      del config.detectors[name]
    config.pipeline.filters = ('vgg16', 'statistics')
    config.pipeline.purifiers = ('jpeg', 'resize')
    config.pipeline.num_splits = 5
  return config
