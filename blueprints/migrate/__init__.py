"""Make one change in all the places that it is for."""
