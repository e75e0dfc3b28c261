"""Training and serving as processes of this machine that outlive the command that started them.

What every platform whose jobs are processes has in common; the adapters say only which program is started and what its
files mean.
"""
