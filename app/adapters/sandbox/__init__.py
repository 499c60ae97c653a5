"""The box: where commands of a hostile repository run. `bubblewrap.py` is the way in.

bubblewrap  the box itself: how it is opened, and what it answers
root        what stands in the box's own small root, and which variables a command sees
process     one started box: feed it, read it, end it
output      what is kept of what a command prints
seccomp     which system calls the box refuses
users       one user id for each box that is at work, where the server is root
machine     what is missing on this machine, and what to do about it
registries  the hosts that install commands may reach
egress      the way there: a proxy process, and our plugin in it
"""
