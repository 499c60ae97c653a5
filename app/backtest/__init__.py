"""`minions backtest`: candidates at work that people did already, and which of them does it best."""
