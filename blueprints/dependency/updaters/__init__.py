"""Tools that update dependencies, one module each. To add one: write the module, then name it in `all_updaters.py`."""
