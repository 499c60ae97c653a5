"""The work tree of a run, and the way out of it. `workspaces.py` is the way in.

workspaces  opens workspaces; where everything lies on the disk
workspace   one work tree: made, shown, changed, published, removed
boxed       the git commands that touch the tree; they run in the box, like everything else that does
tree        files of the tree, read and written from outside without following a link out of it
sparse      what git in the box is told where the tree holds a part of its commit
submodules  laid into the tree as files
mirror      the bare copy of a repository, fetched with a credential that no box sees
clean       where the change is applied, measured and committed: a place that no box can write
change      what git says about a change, as data
git         git itself, on the host: never in a tree, never with the repository's own configuration
remote      addresses, credentials, and what a refused push means
"""
