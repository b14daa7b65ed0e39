"""The running qcluster: the processes of a node."""
