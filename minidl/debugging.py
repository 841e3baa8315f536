"""``with md.debug():`` remembers where every op was written, and stops at the first number that is not one."""

active = False
