"""Boxes of the machine's own programs, by bubblewrap. `boxes.py` is the way in.

boxes       how a box is opened, and how a command is started in it
process     one started box: feed it, read it, end it
seccomp     which system calls the box refuses
cgroups     one control group for each command: memory, processes, processors
protections what a box keeps in and out here, tried in one
machine     what is missing on this machine, and what to do about it
"""
