"""What Minions is about, without any I/O: values, decisions about values, and the words people read."""
