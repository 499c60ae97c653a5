"""A GitHub on loopback: it holds state, checks what GitHub checks, and answers in GitHub's shapes.

    objects    what there is: accounts, Apps, repositories, issues, pull requests, check runs, deliveries
    state      the hub that holds all of it and tells the webhooks
    shapes/    GitHub's JSON of each object
    rest/      the REST API by topic, under /api/v3 as GitHub Enterprise Server has it
    git        git over HTTP, by `git http-backend`
    pages      what people see
    faults     rules for what goes wrong, with the kinds in `troubles` and a ready mix in `weather`
    server     all of it on 127.0.0.1

It is a double for demonstrations and tests, not a forge: nothing survives the process except the bare repositories.
"""
