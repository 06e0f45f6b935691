"""How near networks are to a surrogate."""

import pytest

from fr_poison import extractors


@pytest.mark.parametrize(
  'networks, surrogate, expected',
  [
    (['faceplugin'], ['faceplugin', 'dlib_resnet'], 'white-box'),
    (['faceplugin'], ['faceplugin mirrored'], 'white-box'),
    (['faceplugin'], ['mobilefacenet_tf'], 'same family'),
    (['faceplugin'], ['dlib_resnet', 'mobileface'], 'same family'),
    (['faceplugin'], ['dlib_resnet'], 'another family'),
    # Of a combination the nearest one.
    (['dlib_resnet', 'faceplugin'], ['mobilefacenet_tf'], 'same family'),
    # Who trained a network here stands after its name.
    (['faceplugin', 'faceplugin own'], ['faceplugin own'], 'white-box'),
    (['faceplugin', 'faceplugin own'], ['faceplugin'], 'white-box'),
    (['faceplugin'], ['faceplugin own'], 'same family'),
    (['faceplugin', 'faceplugin own'], ['faceplugin other'], 'same family'),
    (['faceplugin'], ['dlib_resnet own'], 'another family'),
    (['faceplugin'], [], None),
    (['faceplugin'], ['unknown'], None),
    (['pixels'], ['faceplugin'], None),
  ],
)
def test_how_near_a_network_is_to_the_surrogate(networks, surrogate, expected):
  assert extractors.relation(networks, surrogate) == expected


def test_every_network_has_a_family():
  for name in extractors.names():
    if name != extractors.PIXELS:
      assert extractors.spec(name).family, name
