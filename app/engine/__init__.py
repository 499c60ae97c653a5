"""Decides what to do about an event, walks runs through their blueprints, and tells how far they are."""
