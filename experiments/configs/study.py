r"""The whole study on ORL: every attack, network and trainer, 20 people.

  python experiments/study.py --config=experiments/configs/study.py

The attacks as released, PGD at three budgets, and the two formulas that
summaries of the paper give; all networks whose weights are here, and two that
are trained here. The trainer waits, trains on the tools' output or
adversarially, filters, combines, detects and cleans. Half of the people are the
trainers' own material, the others cloak, one at a time. No run on today's
networks is recorded; in colour, among strangers: study_lfw.py, docs/study. How
long this takes is not recorded.

The argument `smoke` is the same in little; its numbers mean nothing. `seed=1`
draws other people and splits.
"""

import copy

from configs import (
  adaptive,
  adversarial_training,
  arcface_from_scratch,
  detect,
  distractors,
  facenet_from_scratch,
  orl,
  squeezing,
)
from ml_collections import ConfigDict

from fr_poison import config_args

_PROTECTING = ('lowkey', 'fawkes_v1')


def get_config(arg=None):
  chosen = config_args.parse(arg, smoke=False, seed=0)
  smoke, arg = chosen['smoke'], 'smoke' if chosen['smoke'] else None
  base = _base(arg, smoke)
  (network,), second = base['surrogates'], base['networks'][1]
  config = ConfigDict()
  history = {'both Fawkes': {'fawkes_v03': 0.5, 'fawkes_v1': 0.5}}
  answers = _adversaries(arg)
  # Runs by name, each a `program` with everything that its own config has; see
  # orl.py. Of a record that two of them have, the first one's, in alphabetical
  # order, is on the page.
  config.runs = ConfigDict(
    {
      # Who waits.
      'baseline': _evaluate(base, histories=history),
      'baseline_both': _evaluate(
        base, ('pgd_8',), surrogates=(f'{network}+{second}',)
      ),
      'baseline_second': _evaluate(
        base, ('fawkes_v03', 'pgd_8'), surrogates=(second,)
      ),
      # Who moves last, on the cloaks made for the first network.
      'moves': _evaluate(
        base, adversaries=answers, histories=history, noise_control=False
      ),
      'moves_linear': _evaluate(
        base,
        # A threshold is of distances.
        adversaries={k: v for k, v in answers.items() if k != 'threshold'},
        recognizers={'linear': {'num_splits': 1 if smoke else 3}},
        noise_control=False,
      ),
      # 20 trainings a row.
      'moves_end_to_end': _evaluate(
        base,
        _PROTECTING,
        networks=(network,),
        adversaries={
          'oblivious': {},
          'adaptive_tuned': answers['adaptive_tuned'] | {'training_seeds': 1},
        },
        recognizers={'end_to_end_gentle': adaptive.end_to_end(smoke, 'gentle')},
        noise_control=False,
      ),
      'detect': _detect(arg, base, smoke),
      'distractors': _distractors(arg, base),
      # Networks trained here on the public people, tried like any other one.
      'trained_arcface': _trained(arcface_from_scratch, arg, smoke),
      'trained_facenet': _trained(facenet_from_scratch, arg, smoke),
      'tried_arcface': _tried(base, 'trained_arcface', history),
      'tried_facenet': _tried(base, 'trained_facenet', history),
    }
  )
  if smoke:
    for name in (
      *('baseline_second', 'moves_linear'),
      *('trained_facenet', 'tried_facenet'),
    ):
      del config.runs[name]
  for run in config.runs.values():
    (run.training if 'training' in run else run).seed = chosen['seed']
  # What the page says of what no run is about.
  config.left_out = (
    'end_to_end is 20 trainings a row: run for no cloak, LowKey and Fawkes '
    f'1.0, where the trainer has {network} or trained it on cloaks.',
    f'Trainers who do more than wait were tried on cloaks made for {network}.',
    f'On {second} and on the ensemble of both: PGD at 8/255, and on {second} '
    'Fawkes 0.3.',
  )
  return config


def _base(arg, smoke):
  """What the runs of evaluate.py share: people, networks, cloaks."""
  base = orl.get_config(arg).to_dict() | {
    'num_people': 16 if smoke else 40,
    'num_public': 8 if smoke else 20,
    'num_targets': 0,  # the public people, see orl.py
    'num_protected': 2 if smoke else 20,
    'num_splits': 2 if smoke else 10,
    # Those without weights in the user's cache are left out, and listed.
    'networks': (
      *('mobilefacenet_tf', 'dlib_resnet', 'faceplugin'),
      *('faceres', 'faceres_deep', 'mobileface'),
      *('arcface_r50', 'magface_r100', 'facenet', 'clip_vitb32'),
      'pixels',
    ),
    'surrogates': ('mobilefacenet_tf',),
    'attacks': _attacks(smoke),
  }
  if smoke:
    base['networks'] = ('mobileface', 'faceres', 'arcface_r50', 'pixels')
    base['surrogates'] = ('mobileface',)
  return base


def _evaluate(base, attacks=None, **changes):
  """A run of evaluate.py; `attacks`: labels of those that it makes."""
  run = copy.deepcopy(base) | {'program': 'evaluate'} | changes
  if attacks is not None:
    run['attacks'] = {label: run['attacks'][label] for label in attacks}
  return run


def _tried(base, name, histories):
  """The network that the run of this name trains."""
  return _evaluate(
    base,
    networks=(),
    adversaries={},
    histories=histories,
    extractor={'checkpoint': name},
  )


def _attacks(smoke):
  steps = {'num_steps': 2} if smoke else {}
  pgd = {'name': 'pgd', 'num_steps': 2 if smoke else 30}
  found = {
    'lowkey': steps,
    'fawkes_v1': {'mode': 'high'} | steps,
    'fawkes_v03': {'mode': 'low'} | steps,
    'pgd_4': pgd | {'epsilon': 4 / 255},
    'pgd_8': pgd | {'epsilon': 8 / 255},
    'pgd_16': pgd | {'epsilon': 16 / 255},
    'feature_shift': {},
    'protected_set': steps,
  }
  return found


def _adversaries(arg):
  trained = adversarial_training.get_config(arg).adversaries.to_dict()
  chosen = adaptive.get_config(arg).adversaries.to_dict()
  for label in 'adaptive_paper', 'adaptive_tuned':
    # The tools that everybody can get; LowKey and the newest Fawkes.
    chosen[label] |= {
      'attacks': ('lowkey', 'fawkes_v1'),
      'surrogates': chosen[label]['networks'],
    }
  filters = squeezing.get_config(arg).adversaries.squeezing.to_dict()
  filters['filters'].pop('grey', None)  # ORL is grey
  return chosen | {
    'adversarial_training': trained['adversarial_training'],
    'squeezing': filters,
  }


def _trained(module, arg, smoke):
  """A run of train_extractor.py, on the public people."""
  run = module.get_config(arg).to_dict() | {'program': 'train_extractor'}
  run['num_train_people'], run['num_eval_people'] = (4, 4) if smoke else (16, 4)
  return run


def _detect(arg, base, smoke):
  """A run of detect.py: the public people train and set thresholds."""
  own = detect.get_config(arg).to_dict()
  own |= {
    'program': 'detect',
    'num_people': base['num_people'],
    'num_public': base['num_public'],
    'attacks': {name: base['attacks'][name] for name in _PROTECTING},
    'unseen_attacks': {'pgd_8': base['attacks']['pgd_8']},
    'train_sets': (_PROTECTING,),
    'epsilons': (),
    'processing': {name: own['processing'][name] for name in detect.SAVED},
    'input_size': base['input_size'],
  }
  if not smoke:
    own['train_sets'] += (('lowkey',), ('fawkes_v1',))
    own['pipeline']['num_protected'] = 20
    for name in ('alexnet tuned', 'variational', 'consistency'):
      del own['detectors'][name]
  return own


def _distractors(arg, base):
  """A run of distractors.py, on the same people and cloaks."""
  own = _evaluate(base, _PROTECTING, networks=base['surrogates'])
  counts = distractors.get_config(arg).num_distractors
  own |= {'program': 'distractors', 'num_distractors': counts}
  return own | {'noise_control': False}
