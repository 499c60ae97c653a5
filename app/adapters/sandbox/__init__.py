"""The box: where commands of a hostile repository run. `box.py` is what it answers, `bubblewrap/` how it is made.

box         the box of one work tree, whatever runs its commands
limits      what one command may use of the machine
ended       what became of a command
output      what is kept of what a command prints
offline     the sentence for commands that look for a network in the work phase
root        what stands in the box's own small root, and which variables a command sees
users       one user id for each box that is at work, where the server is root
reserve     room that boxes leave on the disk
leftovers   ends what a killed server left at work in a tree

bubblewrap/ boxes made of the machine's programs
containers/ the other box: commands in containers of an image, by the engine of this machine
egress/     the way to package registries, for install commands
"""
