"""A GitHub and a model on loopback: everything that it takes to see Minions at work without either."""
