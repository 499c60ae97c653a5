"""GitHub's JSON of each object: every required field of its OpenAPI description, and those that clients like to read.

Each function takes the server's address and an object and answers with a dictionary that is ready for `json.dumps`.
"""
