r"""A few numbers of each stage of fr_poison.stages, for stages_test.py.

  JAX_NUM_CPU_DEVICES=4 PYTHONPATH=tests:experiments \
    python tests/stage_numbers.py CLOAKS

writes those of a stage, or of several, into golden/stages.json, after its
number was raised. Where results have changed and the number has not, it
refuses.
"""

import json
import pathlib
import sys
import tempfile

import numpy as np
import toy_network
import toys

from fr_poison import detectors, evaluation, extractors, stages
from fr_poison.data.faces import FaceSet
from fr_poison.data.splits import split_per_person
from fr_poison.evaluation import cloaks as cloaking
from fr_poison.evaluation import detection, scrape
from fr_poison.training import Recipe, Trainer

PATH = pathlib.Path(__file__).parent / 'golden' / 'stages.json'
# Between versions of JAX numbers differ in their last digits, and where a sign
# is taken, or a value rounded to 8 bits, here and there by a whole level.
TOLERANCE = {'rtol': 0.02, 'atol': 2e-3}
_SIZE = toys.SIZE


def _faces(num_people: int, number: int, size=_SIZE, spread=40) -> FaceSet:
  """Smooth pictures, around one for each person."""
  rng = np.random.default_rng(0)
  labels = np.repeat(np.arange(num_people, dtype=np.int32), number)
  coarse = rng.integers(40, 216, (num_people, 4, 4, 3))[labels]
  coarse = coarse + rng.integers(-spread, spread + 1, coarse.shape)
  images = coarse.repeat(size // 4, 1).repeat(size // 4, 2)
  images = images + rng.integers(-8, 9, images.shape)
  names = tuple(f'p{i}' for i in range(num_people))
  paths = tuple(f'{names[p]}/{i}.png' for i, p in enumerate(labels))
  codes = np.clip(images, 0, 255).astype(np.uint8)
  return FaceSet(codes, labels, names, paths)


def _networks() -> dict:
  """Of one that ships; the others have golden outputs of their own."""
  network = extractors.load('mobileface')
  one, other = extractors.embed(network, _faces(2, 1, 112).images, 2)
  cosine = one @ other / np.linalg.norm(one) / np.linalg.norm(other)
  return {'embedding': one[:4], 'cosine': cosine}


_BALL = {'epsilon': toys.EPSILON, 'num_steps': 3}
_ATTACKS = {
  'pgd': _BALL,
  'eot_pgd': _BALL,
  'evading_pgd': _BALL,
  'lowkey': _BALL | {'lpips_weight': 0.0, 'mirrored': False},
  'fawkes': _BALL | {'version': 'plain'},
  'fawkes_v1': {'num_steps': 5, 'dssim_budget': 0.01},
  'fawkes_v03': {'num_steps': 3, 'learning_rate': 300.0},
  'feature_shift': {'alpha': toys.EPSILON},
  'protected_set': {'epsilon': 1.0, 'num_steps': 3},
  'opom': {'num_steps': 7, 'variant': 'convex_hull'},
  # Of a small start the first gradients are mostly rounding.
  'chameleon': {'num_epochs': 8, 'learning_rate': 0.01, 'start_noise': 0.03},
  'protego_planar': {'num_epochs': 8, 'floor': 0},
  'tip_im': {'num_steps': 3},
  'diverse': _BALL,
}


def _toy(embed_fn, name='toy') -> extractors.Extractor:
  spec = extractors.NetworkSpec(name, None, _SIZE, 8, batch_norm=False)
  return extractors.Extractor(embed_fn, toys.params(), spec, _SIZE, name)


def _cloaks() -> dict:
  """How far each attack moves saved pixels, and in which direction."""
  faces = _faces(4, 2)
  pattern = np.random.default_rng(1).standard_normal(faces.images[0].shape)
  networks = [_toy(toys.embed_fn)]
  detector = _toy(lambda p, x: toys.embed_fn(p, x)[:, :1], 'detector')
  found, candidates = {}, faces.subset(np.arange(2, 8))
  for label, settings in _ATTACKS.items():
    used = networks + [detector] * (label == 'evading_pgd')
    with tempfile.TemporaryDirectory() as folder:
      cloaks = cloaking.cloak_people(
        cloaking.Job(label, settings, used, candidates, 0),
        faces,
        [0],
        np.arange(2),
        folder=pathlib.Path(folder) / f'{label}-toy',
        batch_size=2,
      )
    change = cloaks.images[:2].astype(float) - faces.images[:2]
    found[f'{label}, levels'] = np.abs(change).mean()
    size = np.linalg.norm(change) * np.linalg.norm(pattern) * 2**0.5
    found[f'{label}, direction'] = np.sum(change * pattern) / size
  return found


def _trainings() -> dict:
  """The loss of every step of a short training."""
  labels = np.arange(18, dtype=np.int32) % 3
  recipe = Recipe.from_config(
    {
      'num_epochs': 2,
      'batch_size': 6,
      'optimizer': {'name': 'adam', 'learning_rate': 5e-3},
      'head': {'name': 'arcface', 'scale': 8.0, 'margin': 0.2},
      'label_smoothing': 0.1,
      'flip': 0.5,
      'jitter': 0.1,
    }
  )
  trainer = Trainer(
    recipe, toy_network.extractor(), num_classes=3, num_images=len(labels)
  )
  sampler = trainer.sampler(toy_network.pictures(labels), labels)
  losses = [
    float(sums['loss']) for _, sums in trainer.steps(trainer.init(), sampler)
  ]
  return {f'loss of step {i + 1}': loss for i, loss in enumerate(losses)}


def _detectors() -> dict:
  """Mean scores of clean and of cloaked pictures."""
  clean = _faces(4, 3, 56).images  # the residual network sees crops of 56
  noise = np.random.default_rng(2).integers(-6, 7, clean.shape)
  cloaked = np.clip(clean + noise, 0, 255).astype(np.uint8)
  chosen = {
    'statistics': {'name': 'statistics'},
    'autoencoder': {'name': 'autoencoder', 'num_epochs': 2},
    'residual': {
      'name': 'reverse_engineering',
      'method': 'residual',
      'num_epochs': 2,
    },
  }
  found = {}
  for label, settings in chosen.items():
    detector = detectors.recipe(**settings).fit(clean, cloaked)
    for name, images in (('clean', clean), ('cloaked', cloaked)):
      found[f'{label}, {name}'] = 100 * np.mean(detector.score(images))
  return found


def _records() -> dict:
  """Every number of a measurement of raw pixels, of splits, of detection."""
  faces, pixels = _faces(4, 6, 16, 90), extractors.load('pixels')
  protocol = evaluation.Protocol.draw(faces, num_protected=2, num_splits=3)
  images = faces.images.copy()
  images[protocol.to_cloak] = np.roll(images[protocol.to_cloak], 3, 1)
  cloak = scrape.cloaked(protocol, images)
  noise = evaluation.noise_control(protocol, cloak)
  found = {name: cloak.fields[name] for name in ('dssim', 'psnr', 'linf')}
  for label, version in (('cloak', cloak), ('noise', noise)):
    for kind in ('nearest_neighbor', 'linear'):
      result = evaluation.measure(
        protocol,
        version,
        evaluation.Trainer(pixels),
        kind,
        noise_control=False,
      )
      rates = [*result.protection[:3], *result.accuracy[:3]]
      found[f'{label}, {kind}'] = rates
  test = split_per_person(np.arange(60) % 6, seed=3).test
  found['split'] = np.sum(test * np.arange(len(test)))
  scores = np.random.default_rng(3).standard_normal(40).round(2)
  scored = scores, scores + np.linspace(-1, 1, 40) > 0.3, np.arange(40) // 4
  found['AUC interval'] = detection.auc_interval(*scored)
  rate = detection.tpr_at_fpr(*scored, 0.1)
  found['TPR'] = [rate.value, rate.low, rate.high]
  return found


_MEASURES = {
  'NETWORKS': _networks,
  'CLOAKS': _cloaks,
  'TRAININGS': _trainings,
  'DETECTORS': _detectors,
  'RECORDS': _records,
}


def measure(stage: str) -> dict[str, list[float]]:
  """Numbers by name; at least one moves with any change of results."""
  found = _MEASURES[stage]()
  return {
    name: np.ravel(x).astype(float).round(5).tolist()
    for name, x in found.items()
  }


def differing(numbers: dict, expected: dict) -> list[str]:
  """Names of those that are not what they were."""
  return [
    name
    for name in sorted(numbers.keys() | expected.keys())
    if not (
      name in numbers
      and name in expected
      and len(numbers[name]) == len(expected[name])
      and np.allclose(numbers[name], expected[name], **TOLERANCE)
    )
  ]


def main(chosen: list[str]) -> None:
  """Measures these stages, or all, and writes what they give."""
  found = json.loads(PATH.read_text()) if PATH.exists() else {}
  for stage in chosen or _MEASURES:
    number, numbers = stages.versions(stage)[stage], measure(stage)
    old = found.get(stage)
    if old and old['version'] == number:
      known = old['numbers']  # what is new beside it is no change
      wrong = [x for x in differing(numbers, known) if x in known]
      if wrong:
        sys.exit(f'{stage}: {wrong} changed; raise it in fr_poison/stages.py')
      numbers = numbers | known
    found[stage] = {'version': number, 'numbers': numbers}
    PATH.write_text(json.dumps(found, indent=1) + '\n')


if __name__ == '__main__':
  main(sys.argv[1:])
