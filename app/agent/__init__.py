"""The minion: a model, seven tools, a budget, and a journal from which it goes on after a crash."""
