"""What is reached over HTTP: the webhook, the page of a run, health."""
