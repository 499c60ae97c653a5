"""The REST API, one file a topic. Requests are read strictly: a field that GitHub does not know is refused."""
