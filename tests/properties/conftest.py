import hypothesis

# The same examples every time. By hand, for longer:
#   pytest -n 0 tests/properties --hypothesis-profile=long
hypothesis.settings.register_profile(
  'short',
  max_examples=40,
  derandomize=True,
  database=None,
  deadline=None,
  phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
  suppress_health_check=list(hypothesis.HealthCheck),
)
hypothesis.settings.register_profile(
  'long',
  hypothesis.settings.get_profile('short'),
  max_examples=300,
  derandomize=False,
)


def pytest_configure(config):
  if not config.getoption('hypothesis_profile', None):
    hypothesis.settings.load_profile('short')
