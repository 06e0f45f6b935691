"""Galleries of any size: their embeddings on disk, and the nearest of them."""
