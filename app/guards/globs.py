"""Globs for paths, as guards use them."""

from app.core.globs import matches

__all__ = ["matches"]
