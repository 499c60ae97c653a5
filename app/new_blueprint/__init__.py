"""`minions new-blueprint`: a blueprint to begin with, and a rehearsal of it without a model."""
