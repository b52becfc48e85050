"""Studies that take a system apart: what is it that limits the result?"""
