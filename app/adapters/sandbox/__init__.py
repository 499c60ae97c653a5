"""The box: where commands of a hostile repository run. `bubblewrap.py` is the way in.

bubblewrap  the box itself: how it is opened, and what it answers
root        what stands in the box's own small root, and which variables a command sees
process     one started box: feed it, read it, end it
output      what is kept of what a command prints
seccomp     which system calls the box refuses
cgroups     one control group for each command: memory, processes, processors
reserve     room that boxes leave on the disk
protections what a box keeps in and out here, tried in one
users       one user id for each box that is at work, where the server is root
machine     what is missing on this machine, and what to do about it
registries  the hosts that install commands may reach, and the operator's file of private ones
egress      the way there: starts and ends a proxy process
tunnel      that process: opens tunnels, counts what goes through, tells what happened
allow_list  which hosts at which addresses it lets through
client_hello      the name in a client's first TLS message
private_registry  reads from a registry with a credential that the box does not have
authority   certificates by which one box believes that the proxy is its private registry
offline     the sentence for commands that look for a network in the work phase
containers  the other box: commands in containers of an image, by the engine of this machine
container_engine   that engine, through its SDK
container_options  what a container is allowed
container_seccomp  which system calls it is allowed
container_tools    programs that an image may lack
"""
