r"""Can cloaks be seen? ORL faces, detectors of every kind, and trainers behind.

  python experiments/detect.py --config=experiments/configs/detect.py

What it costs: docs/detection.md. In colour: detect_lfw.py, and the run `detect`
of study_lfw.py, docs/study. How long this takes is not recorded.

The argument `smoke` is the same in little; its numbers mean nothing.
"""

from configs import orl
from ml_collections import ConfigDict

from fr_poison import config_args


def get_config(arg=None):
  smoke = config_args.parse(arg, smoke=False)['smoke']
  network = orl.get_config(arg).surrogates[0]
  # epsilon: in [0, 1] pixel units.
  ball = {'epsilon': 8 / 255, 'num_steps': 2 if smoke else 30}
  config = ConfigDict(
    {
      'dataset': 'orl',  # see configs/orl.py
      'person_level': 'first',  # in a folder; see configs/orl.py
      'align': 'auto',  # see configs/orl.py
      'min_pictures': 2,  # people with fewer usable ones are left out
      # So many people of the data set, in an order that the seed draws; None:
      # all. Those who are not public are tested.
      'num_people': 40,
      'num_public': 20,  # the first ones; detectors learn from them
      # Each public person's clean pictures are scored by detectors that learnt
      # from the other folds of these people, which gives the thresholds.
      'num_folds': 5,
      # So many are set aside to be imitated; 0: cloaks imitate public people.
      'num_targets': 0,
      'surrogate': network,  # that all cloaks are aimed at
      # That detectors learn from, and are tested on; see configs/orl.py.
      'attacks': orl.get_config(arg).attacks,
      # That no detector learns from.
      'unseen_attacks': {'pgd': dict(ball), 'eot_pgd': dict(ball)},
      'epsilons': (4 / 255, 16 / 255),  # tested as well
      # What clean and cloaked pictures go through after that: chains of
      # `fr_poison.data.squeeze`.
      'processing': _processing(),
      # All tools at once, and each alone, to be tested on the other.
      'train_sets': (('lowkey', 'fawkes'), ('lowkey',), ('fawkes',)),
      # By label: the name of a recipe, see docs/detection.md, and settings.
      'detectors': _detectors(network),
      # A cloak made against this detector, too; weight: of its log-odds.
      'evasion': ball | {'detector': 'alexnet', 'weight': 0.1},
      'false_positive_rate': 0.01,  # of public people's clean pictures
      # 1-NN of test people on each of these, behind filters and purifiers.
      'pipeline': {
        'networks': (network,),
        'filters': ('alexnet', 'statistics'),
        'purifiers': (
          *('jpeg', 'blur', 'bits', 'resize'),
          *('residual', 'autoencoder'),
        ),
        'purify_probes': True,  # the pictures that are asked about, too
        'num_protected': 10,
        'num_splits': 10,
        # Once more with so many strangers of a model, see distractors.py.
        'num_distractors': 0,
      },
      'input_size': {'faceres': 128},
      'batch_size': 20,  # pictures embedded at a time, on an accelerator
      'seed': 0,  # of everything random
    }
  )
  if smoke:
    config.num_people, config.num_public, config.num_folds = 8, 5, 2
    config.epsilons = ()
    del config.unseen_attacks['eot_pgd']
    for name in {*config.processing} - {*SAVED}:
      del config.processing[name]
    config.train_sets = config.train_sets[:1]
    for name in {*config.detectors} - {'statistics', 'squeezing'}:
      del config.detectors[name]
    config.evasion = ConfigDict()
    config.pipeline.filters = ('statistics',)
    config.pipeline.purifiers = ('jpeg',)
    config.pipeline.num_protected = config.pipeline.num_splits = 1
  return config


# As most sites save pictures.
SAVED = ('JPEG 75 4:2:0', 'half size')
_TUNING = {
  'num_epochs': 2,
  'optimizer': {'name': 'adam', 'learning_rate': 1e-5},
  'head': {'name': 'softmax'},
}


def _processing():
  found = {
    f'JPEG {q} {s}': ({'name': 'jpeg', 'quality': q, 'subsampling': s},)
    for q in (95, 85, 75)
    for s in ('4:4:4', '4:2:0')
  }
  return found | {'half size': ({'name': 'resize', 'scale': 0.5},)}


def _detectors(network):
  # For those that take long. every: judged on every so many-th picture only.
  # folds: instead of `num_folds`; each is a training more. changed: whether
  # other budgets and what was processed is judged, too; only the detector of
  # all tools is asked about that, and about clean pictures that look odd.
  return {
    'statistics': {'name': 'statistics'},
    'squeezing': {
      'name': 'squeezing',
      'features': network,
      'every': 5,
      'changed': False,
    },
    'alexnet': {'name': 'feature_space', 'features': 'alexnet'},
    # Not what LowKey's price on LPIPS is reckoned with, as AlexNet is.
    'vgg16': {'name': 'feature_space', 'features': 'vgg16', 'every': 5},
    'dlib': {'name': 'feature_space', 'features': 'dlib_resnet'},
    'surrogate': {'name': 'feature_space', 'features': network},
    'alexnet tuned': {
      'name': 'feature_space',
      'features': 'alexnet',
      'training': _TUNING,
      'folds': 2,
    },
    'autoencoder': {
      'name': 'autoencoder',
      'kind': 'plain',
      'num_epochs': 20,
      'folds': 2,
    },
    'variational': {
      'name': 'autoencoder',
      'kind': 'variational',
      'num_epochs': 20,
      'folds': 2,
    },
    'residual': {
      'name': 'reverse_engineering',
      'method': 'residual',
      'num_epochs': 30,
      'folds': 2,
    },
    'consistency': {
      'name': 'reverse_engineering',
      'method': 'consistency',
      'features': network,
      'every': 10,
      'changed': False,
    },
  }
