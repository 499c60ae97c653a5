"""The minion: a model, its tools, a budget, and a journal from which it goes on after a crash."""
