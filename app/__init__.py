"""Minions: label a GitHub issue, get a pull request.

One label, hop by hop:

    web/webhook          checks the delivery and makes an event of it
    engine/dispatch      decides what to do, with a sentence that says why
    adapters/store       keeps delivery, decision, run and job in one transaction
    engine/runner        admits the run, then walks it: a node, a save, the next node
    blueprints/…         the node does its work in a world and answers with a word
    core/world           what a world is made of: Protocols that adapters implement
    adapters/…           GitHub, the box, the work tree, the model

`server.py` and `worker.py` put it together; `core/` knows nobody; imports only point down. `app/README.md` says more.
"""
