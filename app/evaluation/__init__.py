"""`minions eval`: what a model can do with a blueprint, by tests that it does not see."""
