"""Whose cloak is kept where, and whom it is made to look like."""

import dataclasses

import jax
import numpy as np
import pytest
import toy_network

from fr_poison import attacks, evaluation, processes
from fr_poison.attacks import targets
from fr_poison.data import decode
from fr_poison.data.faces import FaceSet
from fr_poison.evaluation import Protocol
from fr_poison.evaluation import cloaks as cloaking
from fr_poison.types import InputError

PGD = {'epsilon': 8 / 255, 'num_steps': 2}
TOY = toy_network.extractor()


def _faces(names, first=0, paths=None):
  """Three pictures of each."""
  labels = np.repeat(np.arange(len(names), dtype=np.int32), 3)
  paths = paths or [f'{names[p]}/{i % 3}.png' for i, p in enumerate(labels)]
  images = toy_network.pictures(labels + first)
  return FaceSet(images, labels, tuple(names), tuple(paths))


def _job(label='pgd', settings=PGD, candidates=None, seed=0):
  if candidates is None:
    candidates = _faces('wxyz', 6)
  return cloaking.Job(label, settings, [TOY], candidates, seed)


def _cloak(folder, job, faces, people=(0,), rows=None):
  if rows is None:
    rows = np.flatnonzero(np.isin(faces.labels, people))
  return cloaking.cloak_people(
    job,
    faces,
    list(people),
    rows,
    folder=folder / f'{job.label}-toy',
    batch_size=20,
  ).images


@pytest.mark.parametrize(
  'paths',
  [
    ('a/1.jpg', 'a/1.png', 'a/2.png'),
    ('a/1.jpg', 'a/x/1.jpg', 'a/y/1.jpg'),
    ('a/b.jpg', 'a/B.jpg', 'a/cloaks.json.png'),
    ('a/b.jpg', 'a/b.PNG/b.jpg', 'a/b.png.jpg'),
    ('a/b.jpg', 'b.jpg', 'a/c.jpg'),
  ],
)
def test_every_picture_has_a_cloak_of_its_own(tmp_path, paths):
  faces = _faces('a', paths=paths)
  images = _cloak(tmp_path, _job(), faces)
  change = images.astype(int) - faces.images
  assert (np.abs(change).max((1, 2, 3)) <= 8).all()
  assert len(list(tmp_path.rglob('*.png'))) == 3
  np.testing.assert_array_equal(_cloak(tmp_path, _job(), faces), images)


def test_everybody_cloaks_everything_by_default(tmp_path):
  faces, job = _faces('ab'), _job()
  chosen = _cloak(tmp_path, job, faces, people=(0, 1))
  images = cloaking.cloak_people(job, faces, batch_size=20).images
  np.testing.assert_array_equal(images, chosen)
  assert (images != faces.images).any((1, 2, 3)).all()


def test_programs_with_other_inputs_share_a_folder(tmp_path):
  faces = _faces('ab')
  some, every = _cloak(tmp_path, _job(), faces, rows=np.array([0, 1])), []
  first = {p: p.read_bytes() for p in tmp_path.rglob('*.*')}
  every = _cloak(tmp_path, _job(), faces)
  _cloak(tmp_path, _job(seed=1), faces)
  assert first == {p: p.read_bytes() for p in first}  # nothing of theirs
  # A picture's cloak does not depend on the others that are cloaked.
  np.testing.assert_array_equal(some[:2], every[:2])
  folders = {p.parent.name for p in tmp_path.rglob('*.png')}
  assert len(folders) == 3 and all(f.startswith('a-') for f in folders)


# On the tests' four devices, of four people with three pictures each.
@pytest.mark.parametrize(
  'label, sizes', [('pgd', [9, 3]), ('opom', [12]), ('tip_im', [3] * 4)]
)
def test_as_many_are_attacked_at_once_as_fill_the_devices(
  tmp_path, monkeypatch, label, sizes
):
  found, stop_at = [], 2

  def run(attack, params, rng, images, *, targets, groups=None):
    if groups is not None:
      assert groups.tolist() == np.repeat([*'abcd'], 3).tolist()
    found.append(len(images))
    if len(found) == stop_at:
      raise KeyboardInterrupt
    return images, {'improved': np.ones(len(images), bool)}

  monkeypatch.setattr(cloaking.attacks, 'run', run)
  job, faces = _job(label, {'num_steps': 2}), _faces('abcd')
  if len(sizes) > 1:
    with pytest.raises(KeyboardInterrupt):
      _cloak(tmp_path, job, faces, range(4))
    # Those of the first call are kept.
    assert found.pop() == sizes[1] and found == sizes[:1]
    stop_at = 0
  images = _cloak(tmp_path, job, faces, range(4))
  assert found == sizes
  np.testing.assert_array_equal(images, faces.images)


def test_a_process_makes_what_no_other_one_does(tmp_path, monkeypatch):
  found, shared = [], []

  def run(attack, params, rng, images, *, targets):
    found.append(len(images))
    return images, {'improved': np.ones(len(images), bool)}

  def share(calls):
    shared.extend(len(call) for call in calls)
    yield calls[1]

  def barrier():  # until which another one has made nothing
    assert found == [3] and len([*tmp_path.rglob('d-*')]) == 1

  monkeypatch.setattr(cloaking.attacks, 'run', run)
  for name, value in {
    'is_alone': lambda: False,
    'share': share,
    'barrier': barrier,
  }.items():
    monkeypatch.setattr(processes, name, value)
  _cloak(tmp_path, _job(), _faces('abcd'), range(4))
  assert shared == [3, 1] and found == [3, 9]


TARGETED = {
  'fawkes': {'version': 'plain', **PGD},
  'fawkes_v03': {'num_steps': 2},
  'feature_shift': {},
  'protected_set': {'num_steps': 2},
  'tip_im': {'num_steps': 2},
  'pgd': PGD | {'targeted': True},
}


@pytest.mark.parametrize('label', TARGETED)
def test_a_cloak_knows_nobody_who_is_evaluated(tmp_path, label, monkeypatch):
  seen = []

  def run(attack, params, rng, images, *, targets):
    seen.append(np.concatenate([np.ravel(t) for t in targets]))
    return images, {'improved': np.ones(len(images), bool)}

  monkeypatch.setattr(cloaking.attacks, 'run', run)
  job = _job(label, TARGETED[label])
  _cloak(tmp_path / '1', job, _faces('abc'))
  others = _faces('abc')
  others.images[3:] = 255 - others.images[3:]
  _cloak(tmp_path / '2', job, others)
  np.testing.assert_array_equal(seen[0], seen[1])
  # Who is a candidate is no target of their own: as if they were none.
  both = _faces('axyz')
  both.images[:3] = _faces('a').images
  without = both.subset(np.arange(3, 12))
  _cloak(tmp_path / '3', job._replace(candidates=both), _faces('abc'))
  _cloak(tmp_path / '4', job._replace(candidates=without), _faces('abc'))
  np.testing.assert_array_equal(seen[2], seen[3])
  nobody = both.subset(np.arange(3))
  with pytest.raises(InputError, match=f'{label}: nobody to take'):
    _cloak(tmp_path / '5', job._replace(candidates=nobody), _faces('abc'))


def test_a_target_is_that_of_each_network(tmp_path, monkeypatch):
  found = []

  def run(attack, params, rng, images, *, targets):
    found.append(targets)
    return images, {'improved': np.ones(len(images), bool)}

  monkeypatch.setattr(cloaking.attacks, 'run', run)
  params = jax.tree.map(lambda x: x[::-1], TOY.params)
  other = TOY._replace(params=params, sha256='of others')
  for label in ('feature_shift', 'pgd', 'fawkes_v03'):
    for networks in ([TOY], [other], [TOY, other]):
      job = _job(label, TARGETED[label])._replace(networks=networks)
      _cloak(tmp_path, job, _faces('abc'))
    first, second, both = found[-3:]
    if label == 'fawkes_v03':  # one person for both, who may be another
      assert np.shape(both) == (2, 3, 6) and (both[0] != both[1]).any()
    else:
      np.testing.assert_array_equal(both, [*first, *second])


def test_every_user_draws_a_target_of_their_own(tmp_path, monkeypatch):
  seeds = []

  def choose(own, others, labels, *, seed):
    seeds.append(seed)
    return labels[0]

  monkeypatch.setattr(targets, 'choose_person', choose)
  info = lambda images: {'improved': np.ones(len(images), bool)}
  run = lambda attack, params, rng, images, **_: (images, info(images))
  monkeypatch.setattr(cloaking.attacks, 'run', run)
  job, faces = _job('fawkes_v03', {'num_steps': 2}), _faces('ab')
  _cloak(tmp_path / '1', job, faces, (0, 1))
  # The same pictures, in another order and with another label.
  _cloak(tmp_path / '2', job, faces.subset(np.arange(6)[::-1]), (1, 0))
  _cloak(tmp_path / '3', job._replace(seed=1), faces, (0,))
  assert seeds[0] != seeds[1] and seeds[:2] == seeds[3:1:-1]
  assert seeds[4] not in seeds[:4]


def test_what_is_evaluated_is_what_was_saved(tmp_path):
  faces = _faces('a')
  images = _cloak(tmp_path, _job(), faces)
  for path in tmp_path.rglob('*.png'):
    saved = decode.read_image(path)
    np.testing.assert_array_equal(saved, images[int(path.stem)])


def _protocol(**settings):
  return Protocol.draw(
    _faces('abcd'),
    num_protected=2,
    num_splits=2,
    targets=_faces('wxyz', 6),
    **settings,
  )


def test_a_recipe_by_name_or_an_attack_gives_the_same_cloaks(tmp_path):
  protocol = _protocol()
  named = evaluation.cloak(protocol, 'pgd', [TOY], **PGD)
  made = evaluation.cloak(protocol, attacks.pgd([TOY.embed_fn], **PGD), [TOY])
  kept = evaluation.cloak(protocol, 'pgd', [TOY], folder=tmp_path, **PGD)
  for cloaks in (made, kept):
    np.testing.assert_array_equal(cloaks.images, named.images)
  changed = (named.images != protocol.faces.images).any((1, 2, 3))
  np.testing.assert_array_equal(np.flatnonzero(changed), protocol.to_cloak)
  fields = named.fields
  assert fields['attack'] == 'pgd' and fields['surrogate'] == ['toy']
  assert fields['epsilon'] == PGD['epsilon'] and fields['linf'] <= 8 / 255
  assert fields['num_cloaked'] == len(protocol.to_cloak)
  assert made.fields['attack'] == 'attack'


def test_cloaks_on_a_trained_network_are_called_after_who_trained_it(tmp_path):
  params = jax.tree.map(lambda x: -x, TOY.params)
  own = TOY._replace(params=params, sha256='of theirs', trained_by='learning')
  protocol = _protocol()
  found = evaluation.cloak(protocol, 'pgd', [own, TOY], folder=tmp_path, **PGD)
  assert found.fields['surrogate'] == ['toy learning', 'toy']
  assert found.fields['weights'] == {
    'toy learning': 'of theirs',
    'toy': 'of the start',
  }
  # Other weights of it are other cloaks in the same folder.
  later = own._replace(sha256='of later', params=TOY.params)
  other = evaluation.cloak(
    protocol, 'pgd', [later, TOY], folder=tmp_path, **PGD
  )
  assert (other.images != found.images).any()


def test_targets_are_the_protocols(tmp_path):
  targeted = lambda protocol: evaluation.cloak(
    protocol, 'pgd', [TOY], targeted=True, **PGD
  )
  one = targeted(_protocol())
  other = targeted(dataclasses.replace(_protocol(), targets=_faces('stuv', 20)))
  assert (one.images != other.images).any()
  with pytest.raises(InputError, match='^pgd: nobody to take'):
    targeted(dataclasses.replace(_protocol(), targets=None))


def test_what_cannot_be_cloaked_is_named(tmp_path):
  attack = attacks.pgd([TOY.embed_fn], **PGD)
  run = lambda *args, **settings: evaluation.cloak(
    _protocol(), *args, [TOY], **settings
  )
  for message, call in (
    ("pgdd, attack: 'pgdd' is unknown", lambda: run('pgdd')),
    ('pgd.epsilon: 8', lambda: run('pgd', epsilon=8.0)),
    ('attack: made already', lambda: run(attack, epsilon=0.1)),
    ('attack: made already', lambda: run(attack, folder=tmp_path)),
  ):
    with pytest.raises(InputError, match=f'^{message}'):
      call()
