r"""The study on LFW: real strangers, the paper's recipes beside the tuned ones.

  python experiments/study.py --data_dir=LFW \
    --config=experiments/configs/study_lfw.py

LFW, people, pictures and galleries are those of lfw.py (`fr_poison-lfw-1`).
Cloaks as released, made on one network and on two of its family; trainers whose
network is that one, another of its family, or of another family. The paper's
recipes for training and its classifiers, and those that do better on people who
are not tested (tuning.py). Results: docs/results.md, docs/trainers.md; which
runs are recorded: docs/study.md. The run took 14,697 seconds
(docs/study/runs.md).

The argument `smoke` is the same in little; its numbers mean nothing. `seed=1`
draws other splits and targets.
"""

import copy

from configs import (
  adaptive,
  adversarial_training,
  cells,
  detect_lfw,
  distractors,
  lfw,
  orl,
  rounds,
  squeezing,
  tracking,
)
from ml_collections import ConfigDict

from fr_poison import config_args

# Brought by the user (docs/networks.md); those not there are left out.
_BROUGHT = 'arcface_y1', 'arcface_casia', 'reid_0095'
_TOOLS = 'lowkey', 'fawkes_v1'
_SMALL = ('mobileface',)
_STRANGERS = 5709  # of LFW, in every gallery
# Where a run has more rows than time: people, and splits.
_FEW = {'num_protected': 15, 'num_splits': 1, 'test_fraction': 0.4}


def get_config(arg=None):
  chosen = config_args.parse(arg, smoke=False, seed=0)
  smoke, arg = chosen['smoke'], 'smoke' if chosen['smoke'] else None
  base = _base(arg, smoke)
  network, *_ = base['networks']
  answers = _adversaries(arg, smoke)
  one = {'networks': (network,), 'saved': orl.SAVED}
  today = _FEW | {
    'cells': ('1A', '1B', '2A', '2B'),
    'networks': base['networks'][:3],
    'controls': ('spectrum',),
  }
  config = ConfigDict()
  # Runs by name, each a `program` with everything that its own config has.
  config.runs = ConfigDict(
    {
      # Who waits: with the same network, another of its family, another family.
      'baseline': _evaluate(base, _TOOLS, saved=orl.SAVED),
      'baseline_two': _evaluate(
        base,
        ('lowkey', 'pgd_8', 'pgd_16'),
        surrogates=(f'{network}+{base["networks"][1]}',),
        num_protected=1 if smoke else 8,
      ),
      # 500 steps a picture.
      'baseline_fawkes_v03': _evaluate(
        base, ('fawkes_v03',), num_protected=1 if smoke else 5
      ),
      'linear': _evaluate(
        base,
        _TOOLS,
        networks=base['networks'][:3],
        recognizers={'linear': {'num_splits': 1}},
      ),
      # A training a row and protected person, of a small network.
      'end_to_end': _evaluate(
        base,
        _TOOLS,
        num_protected=1 if smoke else 8,
        recognizers={
          f'end_to_end_{name}': adaptive.end_to_end(smoke, name)
          for name in ('paper', 'gentle')
        },
        networks=_SMALL,
        adversaries={
          'oblivious': {},
          **{
            name: answers[name] | {'networks': _SMALL, 'training_seeds': 1}
            for name in ('adaptive_paper', 'adaptive_tuned')
          },
        },
        noise_control=False,
      ),
      # Who moves last, on the cloaks made for the first network.
      'moves': _evaluate(base, _TOOLS, adversaries=answers, **one),
      'adversarial': _evaluate(
        base,
        _TOOLS,
        adversaries={
          'adversarial_training': adversarial_training.get_config(
            arg
          ).adversaries.adversarial_training.to_dict()
        },
        **one,
      ),
      # Run apart, each with --only: cloaks of today, in the gallery, on
      # probes, on both; followers and washers; three rounds.
      'cells': _evaluate(
        base, tuple(n for n in cells.attacks(smoke) if n != 'tip_im'), **today
      ),
      # Ten targets a step, a hundred steps: 46 seconds of a core a picture.
      'cells_tip_im': _evaluate(
        base, ('tip_im',), **today | {'num_protected': 5}
      ),
      'tracking': _evaluate(
        base,
        tracking.ATTACKS,
        cells=('1A', '2A', '2B'),
        adversaries=tracking.get_config(arg).adversaries.to_dict(),
        networks=(network,),
        noise_control=False,
        **_FEW,
      ),
      'rounds': _evaluate(
        base,
        tuple(rounds.attacks(smoke)),
        surrogates=rounds.surrogates(network),
        adversaries=rounds.adversaries(smoke, network),
        networks=(network,),
        noise_control=False,
        **_FEW,
      ),
      'detect': _detect(base, arg),
      'distractors': _distractors(base, arg, answers['adaptive_tuned']),
    }
  )
  if smoke:
    # In little by their own configs.
    for name in (
      *('baseline_two', 'baseline_fawkes_v03', 'linear', 'end_to_end'),
      *('cells', 'cells_tip_im', 'tracking', 'rounds'),
    ):
      del config.runs[name]
  for run in config.runs.values():
    run.seed = chosen['seed']
  # What the page says of what no run is about.
  config.left_out = (
    'Linear classifiers and networks trained end to end know the 40 people '
    'alone, no strangers: those stand in the galleries of 1-NN.',
    'Fawkes 0.3 takes 500 steps: 5 of the people; cloaks for two networks cost '
    'twice as much: 8 of them. End to end is a training a row and person: 8, '
    "without controls, in 100 of the paper's 5,000 steps, and mobileface, of "
    'the family of the network that the cloaks were made on.',
    "The paper's adaptive recipe is trained once, the tuned one three times; "
    'filters: median, blur, JPEG, non-local means.',
    'Trainers who do more than wait were tried on cloaks made for '
    f'{network}, with that network; the tuned adaptive one with another, too.',
    'The cloaks of today, followers, PuFace and the three rounds: 15 of the '
    'people, one division into gallery and probes; TIP-IM, which takes 46 '
    'seconds of a core a picture: 5 of them.',
  )
  return config


def _base(arg, smoke):
  """What the runs of evaluate.py share: people, networks, cloaks."""
  base = lfw.get_config(arg).to_dict()
  steps = {'num_steps': 2} if smoke else {}
  pgd = {'name': 'pgd', 'num_steps': 2 if smoke else 30}
  base['attacks'] = {
    'lowkey': steps,
    'fawkes_v1': {'mode': 'high'} | steps,
    'fawkes_v03': {'mode': 'high'} | steps,
    'pgd_8': pgd | {'epsilon': 8 / 255},
    'pgd_16': pgd | {'epsilon': 16 / 255},
    **cells.attacks(smoke),
    **rounds.attacks(smoke),
  }
  # As they are where nobody says so; runs without them keep their keys.
  for name in 'cells', 'others', 'retrieval':
    del base[name]
  base['surrogates'] = base['surrogates'][:1]
  if not smoke:
    strong, weak = base['networks'][:3], base['networks'][3:]
    base['networks'] = (*strong, *_BROUGHT, *weak)
  base['recognizers'] = {
    # As the paper's code; as face search engines.
    'raw_nearest_neighbor': {'kind': 'nearest_neighbor', 'normalize': False},
    'nearest_neighbor': {'normalize': True},
  }
  return base


def _evaluate(base, attacks, **changes):
  """A run of evaluate.py; `attacks`: labels of those that it makes."""
  run = copy.deepcopy(base) | {'program': 'evaluate'} | changes
  run['attacks'] = {label: run['attacks'][label] for label in attacks}
  return run


def _adversaries(arg, smoke):
  found = adaptive.get_config(arg).adversaries.to_dict()
  for name in 'adaptive_paper', 'adaptive_tuned':
    found[name]['attacks'] = _TOOLS
  # It knew nobody afterwards (docs/tuning): one training is enough to show it.
  found['adaptive_paper']['training_seeds'] = 1
  filtering = squeezing.get_config(arg).adversaries.squeezing.to_dict()
  # Each is all strangers' pictures once more.
  for name in 'bits', 'grey':
    if not smoke:
      del filtering['filters'][name]
  return found | {'squeezing': filtering}


def _detect(base, arg):
  """Detectors that learn from the study's cloaks, and are asked about them."""
  config = detect_lfw.get_config(arg).to_dict() | {'program': 'detect'}
  config['attacks'] = {label: base['attacks'][label] for label in _TOOLS}
  config['train_sets'] = (_TOOLS,)
  config['unseen_attacks']['pgd']['num_steps'] = 2 if arg else 10
  return config


def _distractors(base, arg, adaptive):
  """Up to a million strangers, of which the real ones are LFW's."""
  networks = base['networks'][0], base['networks'][2 % len(base['networks'])]
  own = _evaluate(base, _TOOLS, networks=tuple(dict.fromkeys(networks)))
  counts = {*distractors.get_config(arg).num_distractors, _STRANGERS}
  own |= {'program': 'distractors', 'num_distractors': tuple(sorted(counts))}
  own['recognizers'] = {'nearest_neighbor': {'normalize': True}}
  adaptive = adaptive | {'networks': own['networks'], 'training_seeds': 1}
  own['adversaries'] = {'oblivious': {}, 'adaptive_tuned': adaptive}
  return own | {'noise_control': False}
