"""Slack: who asks there, what was said, and what is told there. slack_bolt is imported only where it is used."""
