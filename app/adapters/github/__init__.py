"""GitHub: what it tells us (`payloads`), how we prove who we are (`auth`, `tokens`), what we do there (`forge`)."""
