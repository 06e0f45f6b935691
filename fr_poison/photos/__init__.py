"""A user's own photographs: a folder in, a folder of cloaks out."""

from fr_poison.photos.folder import Run
from fr_poison.photos.settings import Output, Settings

__all__ = ['Output', 'Run', 'Settings']
