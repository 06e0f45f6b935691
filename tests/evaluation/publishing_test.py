"""Which pictures are cloaked, and which ones a mask on a probe is made from."""

import dataclasses

import jax
import numpy as np
import pytest
import toy_network

from fr_poison import attacks, evaluation
from fr_poison.data.faces import FaceSet, to_float
from fr_poison.data.splits import Split
from fr_poison.evaluation import Protocol, publishing
from fr_poison.types import InputError

TOY = toy_network.extractor()
PGD = {'epsilon': 8 / 255, 'num_steps': 2}
OPOM = {'num_steps': 2}
LABELS = np.repeat([0, 1, 2], 4).astype(np.int32)
FIRST = Split(*(np.flatnonzero(np.arange(12) % 4 // 3 == x) for x in (0, 1)))
SECOND = Split(*(np.flatnonzero(np.arange(12) % 4 // 2 == x) for x in (0, 1)))


def _protocol(splits=(FIRST,), protected=(0, 1)):
  faces = FaceSet(
    toy_network.pictures(LABELS),
    LABELS,
    ('a', 'b', 'c'),
    tuple(f'{"abc"[p]}/{i}.png' for i, p in enumerate(LABELS)),
  )
  return Protocol(faces, protected, splits)


def _mask_of(faces, rows):
  params, key = [TOY.params], jax.random.key(0)
  attack = attacks.opom([TOY.embed_fn], **OPOM)
  images, groups = to_float(faces.images[rows]), [0] * len(rows)
  return attacks.make_masks(attack, params, key, images, groups)[0]


def test_a_mask_is_made_from_the_gallery_and_put_on_the_probes():
  protocol = _protocol((FIRST, SECOND))
  found = evaluation.cloak(protocol, 'opom', [TOY], probes=True, **OPOM)
  assert found.probes and found.fields['group'] == 'person'
  assert found.fields['num_cloaked'] == 6 + 4
  faces = protocol.faces
  for split, images in zip(protocol.splits, found.by_split, strict=True):
    expected = faces.images.copy()
    for person in protocol.protected:
      mask = _mask_of(faces, split.train[LABELS[split.train] == person])
      assert np.any(mask)
      own = LABELS == person
      put = attacks.apply(mask, to_float(faces.images[own]))
      expected[own] = np.round(255 * np.asarray(put))
    np.testing.assert_array_equal(images, expected)
  # Clean probes stay, under the same masks.
  galleries = evaluation.cloak(protocol, 'opom', [TOY], **OPOM)
  assert not galleries.probes
  first, both = galleries.by_split[0], found.by_split[0]
  np.testing.assert_array_equal(first[FIRST.train], both[FIRST.train])
  np.testing.assert_array_equal(first[FIRST.test], faces.images[FIRST.test])


def test_masks_are_kept_and_need_no_probes(tmp_path, monkeypatch):
  protocol = _protocol()
  make = lambda probes: evaluation.cloak(
    protocol, 'opom', [TOY], probes=probes, folder=tmp_path, **OPOM
  )
  galleries = make(False)
  assert len([*tmp_path.rglob('*.png')]) == 4  # two people, two signs
  monkeypatch.delattr(attacks, 'make_masks')
  both = make(True)
  rows = protocol.own_rows(protocol.splits)
  np.testing.assert_array_equal(
    both.images[rows.gallery], galleries.images[rows.gallery]
  )
  changed = both.images != protocol.faces.images
  assert changed[rows.probes].any((1, 2, 3)).all()
  assert both.fields['num_improved'] == 6


def test_a_probe_is_cloaked_by_itself_and_galleries_stay(tmp_path):
  protocol = _protocol()
  make = lambda **more: evaluation.cloak(
    protocol, 'pgd', [TOY], folder=tmp_path, **PGD, **more
  )
  galleries = make()
  kept = {p: p.read_bytes() for p in tmp_path.rglob('*.*')}
  both = make(probes=True)
  # The key is the same: what is kept of 1A is read again.
  assert kept == {p: p.read_bytes() for p in kept}
  rows = protocol.own_rows(protocol.splits)
  assert both.fields['group'] == 'picture' and not both.by_split
  expected = galleries.images.copy()
  attack = attacks.pgd([TOY.embed_fn], **PGD)
  probes = to_float(protocol.faces.images[rows.probes])
  alone, _ = attacks.run(attack, [TOY.params], jax.random.key(0), probes)
  expected[rows.probes] = np.round(255 * np.asarray(alone))
  np.testing.assert_array_equal(both.images, expected)
  assert both.fields['num_cloaked'] == 6
  same = 'dssim', 'psnr', 'linf', 'num_improved'
  assert [both.fields[k] for k in same] == [galleries.fields[k] for k in same]


@pytest.mark.parametrize(
  'label, settings', [('pgd', PGD), ('opom', OPOM), ('diverse', OPOM)]
)
@pytest.mark.parametrize('probes', [False, True])
def test_the_turns_of_people_are_counted(label, settings, probes, monkeypatch):
  """One a person, of masks one a split as well."""
  heard = []
  hears = type('Hears', (), {'update': lambda _, what, n: heard.append(n)})
  protocol = _protocol((FIRST, SECOND))
  unchanged = lambda attack, params, rng, images, **_: (
    images,
    {'improved': np.zeros(len(images))},
  )
  monkeypatch.setattr(attacks, 'run', unchanged)
  nothing = np.zeros((1, *protocol.faces.images.shape[1:]))
  monkeypatch.setattr(
    attacks, 'make_masks', lambda *args: dict.fromkeys(args[-1], nothing)
  )
  evaluation.cloak(
    protocol, label, [TOY], probes=probes, progress=hears(), **settings
  )
  number = publishing.num_turns(protocol, label, settings, probes)
  assert sum(heard) == number


def test_nobody_makes_a_mask_from_nothing():
  rows = np.flatnonzero(LABELS[FIRST.train] != 0)
  protocol = _protocol((Split(FIRST.train[rows], FIRST.test),))
  with pytest.raises(InputError, match='opom: a has no picture in a gallery'):
    evaluation.cloak(protocol, 'opom', [TOY], probes=True, **OPOM)
  one = np.flatnonzero((LABELS[FIRST.train] != 0) | (FIRST.train == 0))
  protocol = dataclasses.replace(
    protocol, splits=(Split(FIRST.train[one], FIRST.test),)
  )
  with pytest.raises(InputError, match='groups, a: images: 1 of a person'):
    evaluation.cloak(protocol, 'protego_planar', [TOY])
